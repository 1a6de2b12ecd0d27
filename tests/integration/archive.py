"""A database with changes and actions whose heads are kept, and a clock that can be moved on."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlmodel import col

from changes.records import Change, Id, Kind
from changes.sealing import Vault
from record import notes
from record.notes import SigningKey
from storage import actions, change_log, seals
from storage.engine import Database
from storage.seals import Log
from storage.tables import KeptRow, NoticeRow
from tasks.record import keeping
from tasks.services import DeliveryPolicy, RecordPolicy, Services
from tasks.signing import Signer

NAME = "example.com/mirrorpoint"
VAULT = Vault(b"k" * 32)
START = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
DAY, HOUR, SECOND = timedelta(days=1), timedelta(hours=1), timedelta(seconds=1)
KEY = SigningKey.from_pem(notes.new_pem(), name=NAME)


class Archive:
    """Its services keep heads at the places that are named."""

    def __init__(self, database: Database, *places: str) -> None:
        self.database = database
        self.now = START
        self.verified = 0
        self.services = Services(
            database=database,
            sources={},
            vault=VAULT,
            routes=(),
            delivery=DeliveryPolicy(5.0, (10.0,), 8, None, ("127.0.0.0/8",)),
            record=RecordPolicy(signer=Signer(NAME, (KEY,)), keep=places),
            now=lambda: self.now,
            rng=random.Random(1),
            stopping=threading.Event(),
        )
        self._changes = 0

    def set(self, **policy: Any) -> None:
        self.services = replace(self.services, record=replace(self.services.record, **policy))

    @property
    def signer(self) -> Signer:
        assert self.services.record.signer is not None
        return self.services.record.signer

    def change(self, number: int = 1) -> None:
        """So many changes more."""
        first = self._changes + 1
        self._changes += number
        changes = [
            Change("s", "products", Id("", str(key)), 1, Kind.CREATED, ("",), {}, {"id": key}, None, self.now, "scan")
            for key in range(first, first + number)
        ]
        with self.database.write() as session:
            change_log.append(session, changes)

    def act(self) -> None:
        """A person does something: two actions more."""
        with self.database.write() as session:
            intent = actions.intend(
                session, who="anna", how="command", what="retry", target="A", arguments={}, now=self.now
            )
            actions.conclude(session, intent, outcome="done", now=self.now)

    def rewrite(self, seq: int) -> None:
        """Somebody changes a row, and everything that follows from it, with the key of the installation."""
        with self.database.write() as session:
            session.execute(f"UPDATE mirrorpoint_change SET digest = '{'ab' * 32}' WHERE seq = {seq}")
            session.execute("DELETE FROM mirrorpoint_seal WHERE log = 'changes'")
            session.execute("DELETE FROM mirrorpoint_tile WHERE log = 'changes'")

    def keep(self, verify: Callable[[], bool] | None = None) -> None:
        keeping.keep_due(self.services, verify=verify)

    def rows(self, target: str | None = None) -> list[KeptRow]:
        """All that was written down, of one place or of all."""
        with self.database.read() as session:
            found = session.objects.execute(select(KeptRow).order_by(col(KeptRow.id))).scalars()
            return [row for row in found if target in (None, row.target)]

    def told(self, target: str | None = None) -> list[tuple[str, int, str | None]]:
        """Log, size and error of the same."""
        return [(row.log, row.size, row.error) for row in self.rows(target)]

    def note(self, size: int, log: Log = Log.CHANGES) -> str:
        """The checkpoint that is stored."""
        with self.database.read() as session:
            seal = seals.last(session, log, most=size)
        assert seal is not None
        assert (seal.size, seal.checkpoint is not None) == (size, True)
        return seal.checkpoint or ""

    def notices(self) -> dict[str, NoticeRow]:
        """By their subjects."""
        with self.database.read() as session:
            return {notice.subject: notice for notice in session.objects.execute(select(NoticeRow)).scalars()}
