"""Deliveries whose process ends before there is an outcome: due again, and not at full speed for ever."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlmodel import col, select

from storage import deliveries, outbox
from storage.engine import Database
from storage.outbox import LOSSES, Leased, Outcome, Owed
from storage.tables import DeliveryRow

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
LEASE_SECONDS = 30


class Outbox:
    """Ten records that a point is owed an event of; each process leases what is due, and the tenth event kills it."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.moment = NOW
        with database.write() as session:
            outbox.owe(session, [Owed(seq, "A", f"record {seq}") for seq in range(1, 11)], now=NOW)

    def lease(self) -> list[Leased]:
        with self.database.write() as session:
            return outbox.lease_due(
                session, now=self.moment, lease_seconds=LEASE_SECONDS, limit=100, per_point={"A": 16}, at_once=16
            )

    def settle(self, *leased: Leased) -> None:
        ends = [Outcome(item, "delivered", settled_at=self.moment, attempted_at=self.moment) for item in leased]
        with self.database.write() as session:
            outbox.settle(session, ends)

    def wait(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)

    def next_due_at(self) -> datetime:
        with self.database.read() as session:
            due_at = outbox.next_due_at(session)
        assert due_at is not None
        return due_at

    def row(self, seq: int) -> DeliveryRow:
        with self.database.read() as session:
            return session.objects.exec(select(DeliveryRow).where(col(DeliveryRow.change_seq) == seq)).one()

    def crash(self, times: int) -> int:
        """How many were leased the last time."""
        leased: list[Leased] = []
        for _ in range(times):
            leased = self.lease()
            self.wait(LEASE_SECONDS)
        return len(leased)


def test_what_a_killed_process_had_leased_is_due_at_once(database: Database) -> None:
    box = Outbox(database)
    assert box.crash(LOSSES - 1) == 10
    assert len(box.lease()) == 10


def test_what_was_lost_again_and_again_rests_and_comes_back_one_by_one(database: Database) -> None:
    box = Outbox(database)
    box.crash(LOSSES)
    assert box.lease() == []
    assert box.row(10).last_error == "the process that attempted it has ended 5 times"
    assert box.next_due_at() == box.moment + timedelta(seconds=outbox.LOSS_SECONDS)
    arrived: list[int] = []
    while len(arrived) < 9:
        box.moment = box.next_due_at()
        (item,) = box.lease()
        box.settle(item)
        arrived.append(item.change_seq)
    assert arrived == list(range(1, 10))


def test_the_one_that_ends_its_process_is_attempted_less_and_less_often(database: Database) -> None:
    box = Outbox(database)
    box.crash(LOSSES - 1)
    box.settle(*box.lease()[:-1])
    rests = []
    for _ in range(14):
        box.wait(LEASE_SECONDS)
        assert box.lease() == []
        rests.append((box.next_due_at() - box.moment).total_seconds())
        box.moment = box.next_due_at()
        assert [item.change_seq for item in box.lease()] == [10]
    assert rests[:4] == [10, 20, 40, 80]
    assert rests[-1] == 3600


def test_an_outcome_ends_the_count_and_so_does_a_person_s_retry(database: Database) -> None:
    box = Outbox(database)
    box.crash(LOSSES - 1)
    first, *others = box.lease()
    later = box.moment + timedelta(seconds=5)
    with database.write() as session:
        outbox.settle(
            session,
            [
                Outcome(first, "due", settled_at=box.moment, due_at=later, attempted_at=box.moment, status=503),
                *(Outcome(item, "dead", settled_at=box.moment) for item in others),
            ],
        )
    box.wait(5)
    assert box.row(1).losses == 0
    assert box.crash(1) == 1
    assert box.row(1).losses == 0
    box.lease()
    assert box.row(1).losses == 1
    with database.write() as session:
        assert deliveries.retry(session, now=box.moment).retried == 9
    assert {box.row(seq).losses for seq in range(2, 11)} == {0}


def test_a_lease_from_a_future_that_does_not_come_is_over(database: Database) -> None:
    box = Outbox(database)
    box.wait(86_400)
    assert len(box.lease()) == 10
    box.wait(-86_400)
    assert len(box.lease()) == 10
