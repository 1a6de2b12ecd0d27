"""What people ask of deliveries and order for them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from storage import deliveries, deliveries_again, outbox
from storage.deliveries import Counts
from storage.engine import Database
from storage.outbox import Leased, Outcome, Owed
from storage.session import Session

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def owe(database: Database, *owed: tuple[int, str, str], now: datetime = NOW) -> None:
    with database.write() as session:
        outbox.owe(session, [Owed(*item) for item in owed], now=now)


def lease(database: Database, *points: str, now: datetime = NOW) -> list[Leased]:
    with database.write() as session:
        return outbox.lease_due(
            session, now=now, lease_seconds=60, limit=100, per_point=dict.fromkeys(points, 8), at_once=8
        )


def end(database: Database, leased: list[Leased], state: str, *, due_at: datetime | None = None) -> None:
    outcomes = [Outcome(item, state, settled_at=NOW, attempted_at=NOW, due_at=due_at) for item in leased]
    with database.write() as session:
        outbox.settle(session, outcomes)


def test_what_is_owed_and_what_is_dead_is_counted_per_point(database: Database) -> None:
    owe(database, (1, "A", "r"), (2, "A", "r"), (3, "A", "q"), (4, "B", "r"), (5, "C", "r"))
    end(database, lease(database, "C"), "delivered")
    end(database, lease(database, "B"), "dead")
    lease(database, "A")

    with database.read() as session:
        assert deliveries.counts(session) == {"A": Counts(due=3, dead=0), "B": Counts(due=0, dead=1)}


def test_deliveries_are_sifted_and_read_in_portions(database: Database) -> None:
    owe(database, (1, "A", "r"), (2, "B", "r"))
    owe(database, (3, "A", "q"), (4, "A", "p"), now=NOW + timedelta(minutes=1))
    end(database, lease(database, "A")[:1], "dead")

    with database.read() as session:
        everything = deliveries.read(session)
        assert [row.change_seq for row in everything] == [1, 2, 3, 4]
        assert [row.change_seq for row in deliveries.read(session, point="A")] == [1, 3, 4]
        assert [row.change_seq for row in deliveries.read(session, states=["dead"])] == [1]
        assert [row.change_seq for row in deliveries.read(session, since=NOW + timedelta(seconds=1))] == [3, 4]
        assert [row.change_seq for row in deliveries.read(session, until=NOW + timedelta(seconds=1))] == [1, 2]
        portion = deliveries.read(session, after_id=everything[0].id or 0, limit=2)
        assert [row.change_seq for row in portion] == [2, 3]


def test_the_dead_are_tried_again_with_all_their_attempts_before_them(database: Database) -> None:
    owe(database, (1, "A", "r"), (2, "B", "r"), (3, "A", "q"))
    end(database, lease(database, "A", "B"), "dead")
    with database.write() as session:
        assert deliveries.retry(session, now=NOW, points=["A"]).retried == 2

    assert [(item.change_seq, item.attempts) for item in lease(database, "A", "B")] == [(1, 0), (3, 0)]


def test_one_delivery_or_a_span_of_time_can_be_tried_again(database: Database) -> None:
    owe(database, (1, "A", "r"), (2, "A", "q"))
    owe(database, (3, "A", "p"), now=NOW + timedelta(hours=1))
    leased = lease(database, "A", now=NOW + timedelta(hours=1))
    end(database, leased, "dead")

    with database.write() as session:
        assert deliveries.retry(session, now=NOW, ids=[leased[1].id]).retried == 1
        assert deliveries.retry(session, now=NOW, since=NOW, until=NOW + timedelta(minutes=1)).retried == 1
        assert deliveries.retry(session, now=NOW, ids=[]).retried == 0
    assert [item.change_seq for item in lease(database, "A")] == [1, 2]


def test_what_was_skipped_or_delivered_is_sent_again_only_when_asked_for(database: Database) -> None:
    owe(database, (1, "A", "r"), (2, "A", "q"))
    end(database, lease(database, "A")[:1], "delivered")
    with database.write() as session:
        assert deliveries.retry(session, now=NOW).retried == 0
        assert deliveries.retry(session, now=NOW, states=["delivered", "skipped"]).retried == 1


def test_what_is_under_way_cannot_be_tried_again(database: Database) -> None:
    with database.write() as session, pytest.raises(ValueError, match="what is leased cannot be tried again"):
        deliveries.retry(session, now=NOW, states=["leased"])


def test_what_is_tried_again_keeps_the_order_of_its_record(database: Database) -> None:
    owe(database, (1, "A", "r"), (2, "A", "r"), (3, "A", "r"))
    for _ in range(2):
        end(database, lease(database, "A"), "dead")
    end(database, lease(database, "A"), "due", due_at=NOW + timedelta(hours=1))  # the third waits for its next attempt
    with database.write() as session:
        deliveries.retry(session, now=NOW)

    order = []
    for _ in range(3):
        (only,) = lease(database, "A")
        order.append(only.change_seq)
        end(database, [only], "delivered")
    assert order == [1, 2, 3]


def answer(database: Database, point: str, answer: str | None) -> None:
    """One attempt that came to this, and is owed again."""
    with database.write() as session:
        leased = outbox.lease_due(session, now=NOW, lease_seconds=60, limit=1, per_point={point: 8}, at_once=8)
        status = 200 if answer is None else 422
        told = [
            Outcome(item, "due", settled_at=NOW, attempted_at=NOW, due_at=NOW, status=status, answer=answer)
            for item in leased
        ]
        outbox.settle(session, told)
    assert len(leased) == 1


def test_the_last_words_of_a_receiver_are_its_own_and_the_newest(database: Database) -> None:
    owe(database, (1, "A", "r"), (2, "B", "r"))
    for point, said in (("A", "no"), ("A", "not yet"), ("B", "never"), ("A", None)):
        answer(database, point, said)
    with database.read() as session:
        words = {point: deliveries.last_answered(session, point) for point in "ABC"}
    assert [row and row.answer for row in words.values()] == ["not yet", "never", None]


def plans(database: Database, ask: Callable[[Session], object], *, table: str) -> list[str]:
    """How the database means to find what is asked of that table."""
    seen: list[str] = []

    def explain(statement: str, parameters: Any) -> None:
        if table in statement and "EXPLAIN" not in statement:
            how = "EXPLAIN QUERY PLAN" if database.dialect == "sqlite" else "EXPLAIN"
            seen.extend(str(row) for row in session.driver.execute(f"{how} {statement}", parameters))

    database.watchers.append(explain)
    try:
        with database.read() as session:
            if database.dialect == "postgresql":  # what is chosen for a table that is nearly empty
                for way in ("seqscan", "bitmapscan", "sort"):
                    session.execute(f"SET LOCAL enable_{way} = off")
            ask(session)
    finally:
        database.watchers.remove(explain)
    return seen


def test_the_last_words_are_looked_up_and_not_searched_for(database: Database) -> None:
    """However much was attempted since, and whatever others were answered."""
    seen = plans(database, lambda session: deliveries.last_answered(session, "A"), table="mirrorpoint_attempt")

    assert [line for line in seen if "mirrorpoint_attempt_answered" in line] != []
    assert [line for line in seen if "SCAN" in line or "Seq Scan" in line or "Sort" in line or "B-TREE" in line] == []


def test_what_is_dead_is_counted_without_reading_what_was_delivered(database: Database) -> None:
    seen = plans(database, lambda session: deliveries_again.count(session, states=["dead"]), table="_delivery")

    assert [line for line in seen if "mirrorpoint_delivery_dead" in line] != []
