"""A database with points and changes, the delivery step on it, and a clock that can be moved on."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from changes import events
from changes.notices import Notice
from changes.records import Change, Id, Kind
from changes.sealing import Vault
from storage import change_log, deliveries, notices, outbox, point_options, points
from storage.engine import Database
from tasks.delivery import deliver as step
from tasks.delivery.deliver import DeliverEnd
from tasks.services import DeliveryPolicy, Services
from tests.integration.scripted_server import Reply, Request, ScriptedServer

START = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
VAULT = Vault(b"k" * 32)
OK = Reply(204)


class Clock:
    """The time of the services; a test moves it on."""

    def __init__(self) -> None:
        self.ahead = timedelta(0)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


class Office:
    """A database with points and changes, and the step on it."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.clock = Clock()
        self.woken: list[str] = []
        self.services = self.policy()
        self._version: dict[str, int] = {}

    def policy(self, **more: Any) -> Services:
        values: dict[str, Any] = {
            "timeout_seconds": 5.0,
            "retries_seconds": (10.0, 20.0),
            "concurrency": 8,
            "secret": None,
            "allow_networks": ("127.0.0.0/8",),
        }
        self.services = Services(
            database=self.database,
            sources={},
            vault=VAULT,
            routes=(),
            delivery=DeliveryPolicy(**{**values, **more}),
            wake=lambda task, **_: self.woken.append(task),
            now=self.clock,
            rng=random.Random(1),
        )
        return self.services

    def point(
        self,
        code: str,
        url: str,
        *,
        token: str | None = None,
        secret: str | None = None,
        options: point_options.Options | None = None,
    ) -> None:
        with self.database.write() as session:
            points.add(
                session,
                code=code,
                url=url,
                token=VAULT.encrypt(token) if token else None,
                secret=VAULT.encrypt(secret) if secret else None,
                options=options.open() if options else None,
                sealed_options=options.sealed(VAULT) if options else None,
                now=self.clock(),
            )

    def change(self, *keys: str, to: Sequence[str] = ("A",), at: datetime = START, **more: Any) -> list[int]:
        """One change of each record, observed then and owed to the points; `more`: other members of the change."""
        changes = []
        for key in keys:
            version = self._version[key] = self._version.get(key, 0) + 1
            id_, document = Id("", key), {"id": key, "version": version}
            change = Change("s", "products", id_, version, Kind.UPDATED, ("/version",), {}, document, None, at, "scan")
            changes.append(change._replace(**more))
        with self.database.write() as session:
            seqs = change_log.append(session, changes)
            owed = [
                outbox.Owed(seq, code, events.partition_key(source="s", resource=change.resource, id=change.id))
                for seq, change in zip(seqs, changes, strict=True)
                for code in to
            ]
            outbox.owe(session, owed, now=self.clock())
        return seqs

    def notice(self, subject: str = "changes", *, to: Sequence[str] = ("A",), **data: Any) -> str:
        """One about the subject, owed to the points; its id."""
        with self.database.write() as session:
            return notices.add(session, type=Notice.SEALED, subject=subject, data=data, now=self.clock(), points=to)

    def deliver(self, *, seconds: float = 30, wait: bool = False) -> DeliverEnd:
        until = self.clock() + timedelta(seconds=seconds)
        return step.deliver(self.services, until=until, wait=wait)

    def rows(self) -> list[tuple[str, int | None, str, int]]:
        with self.database.read() as session:
            return [(row.point, row.change_seq, row.state, row.attempts) for row in deliveries.read(session)]

    def states(self) -> list[str]:
        return [state for _, _, state, _ in self.rows()]


def arrived(server: ScriptedServer, path: str = "/hook") -> list[tuple[str, int]]:
    """Key and version of each event, in the order of arrival."""
    data = [request.json()["data"] for request in server.asked("POST", path)]
    return [(item["key"], item["version"]) for item in data]


@contextmanager
def hanging() -> Iterator[tuple[threading.Event, Any]]:
    """A reply that does not come before the event is set, or the test ends."""
    go_on = threading.Event()

    def answer(_: Request) -> Reply:
        go_on.wait(20)
        return OK

    try:
        yield go_on, answer
    finally:
        go_on.set()
