"""The chain of seals over the change log."""

from __future__ import annotations

import hashlib
import threading
from datetime import UTC, datetime

from sqlalchemy import select
from sqlmodel import col

from changes import events
from changes.records import Change, Id, Kind
from storage import history, seals
from storage.engine import Database
from storage.tables import SealRow

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def log(database: Database, first: int, number: int) -> list[str]:
    """Digests of the changes that were appended."""
    changes = [
        Change("s", "products", Id("", str(key)), 1, Kind.CREATED, ("",), {}, {"id": key}, None, NOW, "scan")
        for key in range(first, first + number)
    ]
    with database.write() as session:
        history.append(session, changes)
    return [events.digest(change) for change in changes]


def seal(database: Database, *, limit: int = 100) -> seals.Seal | None:
    with database.write() as session:
        return seals.seal_pending(session, now=NOW, limit=limit)


def test_an_empty_log_needs_no_seal(database: Database) -> None:
    assert seal(database) is None


def test_batches_are_chained_and_each_change_is_in_one_of_them(database: Database) -> None:
    digests = log(database, 1, 5)
    first, second, third = seal(database, limit=3), seal(database, limit=3), seal(database)
    one = hashlib.sha256("".join(digests[:3]).encode()).hexdigest()
    two = hashlib.sha256("".join([one, *digests[3:]]).encode()).hexdigest()

    assert first == seals.Seal(1, 3, one)
    assert second == seals.Seal(4, 5, two)
    assert third is None
    log(database, 6, 1)
    assert seal(database) is not None
    with database.read() as session:
        rows = session.execute(select(SealRow).order_by(col(SealRow.seq_from))).scalars().all()
    assert [(row.seq_from, row.seq_to, row.previous, row.sealed_at) for row in rows] == [
        (1, 3, "", NOW),
        (4, 5, one, NOW),
        (6, 6, two, NOW),
    ]


def test_two_who_seal_at_the_same_time_seal_each_change_once(database: Database) -> None:
    log(database, 1, 40)
    made: list[seals.Seal] = []
    problems: list[BaseException] = []

    def work() -> None:
        try:
            for _ in range(20):
                made.extend(sealed for sealed in [seal(database, limit=3)] if sealed)
        except BaseException as problem:  # noqa: BLE001  whatever it is, the test shall show it
            problems.append(problem)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    sealed = [seq for one in made for seq in range(one.seq_from, one.seq_to + 1)]
    assert sorted(sealed) == list(range(1, 41))
