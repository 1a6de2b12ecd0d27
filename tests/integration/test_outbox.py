"""Deliveries on both databases: order per record, leases and fences, and no point in another's way."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select
from sqlmodel import col

from storage import deliveries, outbox, outbox_sql, sql
from storage.engine import Database
from storage.outbox import Leased, Outcome, Owed
from storage.session import Session
from storage.tables import AttemptRow, DeliveryRow

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
LEASE_SECONDS = 60


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def owe(database: Database, *owed: tuple[int, str, str], now: datetime = NOW) -> None:
    with database.write() as session:
        outbox.owe(session, [Owed(*item) for item in owed], now=now)


def lease(database: Database, *points: str, now: datetime = NOW, limit: int = 100, room: int = 8) -> list[Leased]:
    with database.write() as session:
        return outbox.lease_due(
            session,
            now=now,
            lease_seconds=LEASE_SECONDS,
            limit=limit,
            per_point=dict.fromkeys(points or ("A",), room),
            at_once=room,
        )


def settle(database: Database, outcomes: Iterable[Outcome]) -> list[Outcome]:
    with database.write() as session:
        return outbox.settle(session, list(outcomes))


def delivered(leased: Leased, *, at: datetime = NOW) -> Outcome:
    return Outcome(leased, "delivered", settled_at=at, attempted_at=at, duration_ms=5, status=204)


def failed(leased: Leased, *, due_at: datetime, at: datetime = NOW) -> Outcome:
    return Outcome(leased, "due", settled_at=at, due_at=due_at, attempted_at=at, status=503, error="answered 503")


def dead(leased: Leased) -> Outcome:
    return Outcome(leased, "dead", settled_at=NOW, attempted_at=NOW, status=404, error="answered 404")


def seqs(leased: Iterable[Leased]) -> list[int]:
    return [item.change_seq for item in leased]


def states(database: Database) -> dict[int, str]:
    with database.read() as session:
        rows = session.objects.execute(select(col(DeliveryRow.change_seq), col(DeliveryRow.state)))
        return {row.change_seq: row.state for row in rows}


def test_what_is_owed_twice_is_owed_once(database: Database) -> None:
    owe(database, (1, "A", "r"), (2, "A", "q"))
    owe(database, (1, "A", "r"), (3, "B", "r"))

    assert seqs(lease(database, "A", "B")) == [1, 2, 3]


def test_only_the_first_owed_of_each_record_is_leased(database: Database) -> None:
    owe(database, (3, "A", "r"), (1, "A", "r"), (2, "A", "q"))
    owe(database, (4, "A", "q"), (5, "A", "p"))

    assert seqs(lease(database)) == [1, 2, 5]
    assert seqs(lease(database)) == []


def test_the_next_of_a_record_follows_when_the_one_before_has_ended(database: Database) -> None:
    owe(database, (1, "A", "r"), (2, "A", "r"), (3, "A", "r"))
    (first,) = lease(database)
    settle(database, [delivered(first)])
    (second,) = lease(database)
    settle(database, [dead(second)])

    assert seqs([first, second, *lease(database)]) == [1, 2, 3]


def test_a_record_that_fails_waits_alone(database: Database) -> None:
    owe(database, (1, "A", "r"), (2, "A", "q"), (3, "A", "r"), (4, "A", "q"))
    failing, fine = lease(database)
    settle(database, [failed(failing, due_at=later(300)), delivered(fine)])

    (other,) = lease(database, now=later(1))
    settle(database, [delivered(other)])

    assert other.change_seq == 4
    assert seqs(lease(database, now=later(299))) == []
    assert seqs(lease(database, now=later(300))) == [1]


def test_what_becomes_owed_behind_a_failing_head_waits_for_it(database: Database) -> None:
    owe(database, (1, "A", "r"))
    (head,) = lease(database)
    owe(database, (2, "A", "r"))
    settle(database, [failed(head, due_at=later(300))])
    owe(database, (3, "A", "r"))

    assert seqs(lease(database, now=later(100))) == []
    (head,) = lease(database, now=later(301))
    assert head.change_seq == 1
    assert head.attempts == 1
    settle(database, [delivered(head)])
    assert seqs(lease(database, now=later(302))) == [2]


def test_no_point_has_more_under_way_than_it_may_however_often_one_asks(database: Database) -> None:
    owe(database, *((seq, "A", f"r{seq}") for seq in range(1, 10)), *((seq, "B", "r") for seq in range(10, 12)))

    assert seqs(lease(database, "A", "B", room=3)) == [1, 2, 3, 10]
    assert seqs(lease(database, "A", "B", room=3)) == []
    assert seqs(lease(database, "A", "B", room=5)) == [4, 5]


def test_when_few_can_be_leased_each_point_gets_its_share(database: Database) -> None:
    owe(database, *((seq, "A", f"r{seq}") for seq in range(1, 50)), (60, "B", "r"), (61, "C", "r"))

    assert [(item.point, item.change_seq) for item in lease(database, "A", "B", "C", limit=4)] == [
        ("A", 1),
        ("A", 2),
        ("B", 60),
        ("C", 61),
    ]


def test_points_that_are_not_asked_for_are_left_alone(database: Database) -> None:
    owe(database, (1, "A", "r"), (2, "B", "r"))

    assert seqs(lease(database, "B")) == [2]
    assert seqs(lease(database, "C")) == []


def test_a_lease_that_ran_out_is_due_again_under_a_new_fence(database: Database) -> None:
    owe(database, (1, "A", "r"), (2, "A", "r"))
    (slow,) = lease(database)
    assert seqs(lease(database, now=later(LEASE_SECONDS - 1))) == []
    (taken,) = lease(database, now=later(LEASE_SECONDS))

    assert taken.change_seq == 1
    assert taken.fence > slow.fence


def test_a_holder_that_was_only_slow_is_refused_and_its_attempt_kept(database: Database) -> None:
    owe(database, (1, "A", "r"), (2, "A", "r"))
    (slow,) = lease(database)
    (taken,) = lease(database, now=later(LEASE_SECONDS))

    assert settle(database, [delivered(slow)]) == []
    assert seqs(lease(database, now=later(LEASE_SECONDS))) == []  # the second version still waits for the first
    assert settle(database, [dead(taken)]) == [dead(taken)]
    assert states(database) == {1: "dead", 2: "due"}
    with database.read() as session:
        assert [row.status for row in deliveries.attempts(session, slow.id)] == [204, 404]


def test_a_slow_holder_is_believed_as_long_as_nobody_else_has_taken_over(database: Database) -> None:
    owe(database, (1, "A", "r"))
    (slow,) = lease(database)

    assert settle(database, [delivered(slow, at=later(1000))]) == [delivered(slow, at=later(1000))]


def test_an_outcome_counts_once(database: Database) -> None:
    owe(database, (1, "A", "r"))
    (leased,) = lease(database)
    settle(database, [delivered(leased)])

    assert settle(database, [dead(leased)]) == []
    assert states(database) == {1: "delivered"}


def test_the_row_tells_what_became_of_a_delivery(database: Database) -> None:
    owe(database, (7, "A", "r"))
    (first,) = lease(database)
    settle(database, [failed(first, due_at=later(5), at=later(1))])
    (second,) = lease(database, now=later(6))
    settle(database, [delivered(second, at=later(7))])

    with database.read() as session:
        (row,) = deliveries.read(session)
        attempts = deliveries.attempts(session, row.id or 0)
    assert (row.state, row.attempts, row.last_status, row.last_error) == ("delivered", 2, 204, None)
    assert (row.created_at, row.delivered_at, row.due_at, row.leased_until) == (NOW, later(7), None, None)
    assert [(a.change_seq, a.point, a.attempted_at, a.status, a.error) for a in attempts] == [
        (7, "A", later(1), 503, "answered 503"),
        (7, "A", later(7), 204, None),
    ]


def test_what_a_point_is_owed_is_skipped_but_for_what_is_under_way(database: Database) -> None:
    owe(database, (1, "A", "r"), (2, "A", "r"), (3, "A", "q"), (4, "B", "r"))
    leased = lease(database, room=1)
    with database.write() as session:
        assert outbox.skip_owed(session, "A", reason="the point is gone", now=NOW) == 2

    assert states(database) == {1: "leased", 2: "skipped", 3: "skipped", 4: "due"}
    assert settle(database, [delivered(leased[0])]) != []


def test_one_knows_who_waits_and_when_there_is_something_to_do(database: Database) -> None:
    with database.read() as session:
        assert outbox.waiting(session) == {}
        assert outbox.next_due_at(session) is None
    owe(database, (1, "A", "r"), (2, "B", "r"), (3, "C", "r"))
    settle(database, [failed(item, due_at=later(100)) for item in lease(database, "A")])
    settle(database, [failed(item, due_at=later(50)) for item in lease(database, "B")])
    settle(database, [delivered(item) for item in lease(database, "C")])
    with database.read() as session:
        assert outbox.waiting(session) == {"A": later(100), "B": later(50)}
        assert outbox.next_due_at(session) == later(50)
    lease(database, "A", "B", now=later(100))
    with database.read() as session:
        assert outbox.waiting(session) == {}
        assert outbox.next_due_at(session) == later(100 + LEASE_SECONDS)


def test_nothing_is_lost_between_a_head_that_ends_and_an_event_that_is_just_being_owed(database: Database) -> None:
    """The event must not be put behind a head that is settled in the same moment: nobody would ever promote it."""
    owe(database, (1, "A", "r"))
    (head,) = lease(database)
    is_owed, may_commit = threading.Event(), threading.Event()

    def owe_slowly() -> None:
        with database.write() as session:
            outbox.owe(session, [Owed(2, "A", "r")], now=NOW)
            is_owed.set()
            may_commit.wait(10)

    owing = threading.Thread(target=owe_slowly)
    owing.start()
    assert is_owed.wait(10)
    settling = threading.Thread(target=lambda: settle(database, [delivered(head)]))
    settling.start()
    settling.join(0.2)  # it must wait for the other transaction, however long that takes
    may_commit.set()
    owing.join()
    settling.join()

    assert seqs(lease(database)) == [2]


def test_two_who_lease_at_the_same_time_never_get_the_same(database: Database) -> None:
    owe(database, *((seq, "A", f"r{seq % 40}") for seq in range(1, 201)))
    taken: list[Leased] = []
    done: list[int] = []

    def work() -> None:
        while len(done) < 200:
            batch = lease(database, room=30, limit=7)
            taken.extend(batch)
            done.extend(outcome.leased.change_seq for outcome in settle(database, [delivered(item) for item in batch]))

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(seqs(taken)) == list(range(1, 201))


@pytest.mark.parametrize("statement", ["DUE", "WAITING", "UNDER_WAY", "FIRST_LEASE", "LOST"])
def test_what_is_due_is_found_without_walking_through_what_is_not(database: Database, statement: str) -> None:
    """Each of these reads a small index and nothing else, whatever was delivered, failed or waits behind a failure."""
    query = getattr(outbox_sql, statement)
    query = query[database.dialect] if isinstance(query, dict) else query
    values = {"points": ["A"], "now": NOW, "most": 8, "latest": later(3600)}
    with database.write() as session:
        if database.dialect == "sqlite":
            rows = sql.rows(session, f"EXPLAIN QUERY PLAN {query}", **values)
            plan = [detail for *_, detail in rows if " mirrorpoint_delivery" in f" {detail}"]
            walked = [line for line in plan if "SCAN" in line and "mirrorpoint_delivery_" not in line]
        else:
            for way in ("seqscan", "bitmapscan", "sort"):  # what is chosen for a table that is nearly empty
                session.execute(f"SET LOCAL enable_{way} = off")
            plan = [str(row[0]) for row in sql.rows(session, f"EXPLAIN {query}", **values)]
            walked = [line for line in plan if "Seq Scan" in line]

    assert walked == []
    assert [line for line in plan if "mirrorpoint_delivery_head" in line or "mirrorpoint_delivery_leased" in line] != []


def test_an_attempt_is_a_row_also_when_thousands_end_at_once(database: Database) -> None:
    owe(database, *((seq, "A", f"r{seq}") for seq in range(1, 1201)))
    leased = lease(database, limit=1200, room=1200)
    settle(database, [delivered(item) for item in leased])

    with database.read() as session:
        assert session.objects.execute(select(func.count()).select_from(AttemptRow)).scalar() == 1200
    assert set(states(database).values()) == {"delivered"}


def test_one_process_alone_at_a_point_may_lease_ahead(database: Database) -> None:
    owe(database, *((seq, "A", f"r{seq}") for seq in range(1, 40)))
    with database.write() as session:
        ahead = lease_ahead(session, held=0)
        assert len(ahead) == 16
        assert len(lease_ahead(session, held=16)) == 0
        outbox.settle(session, [delivered(item) for item in ahead[:10]])
        assert len(lease_ahead(session, held=6)) == 10


def test_processes_that_share_a_point_lease_no_more_than_may_be_under_way(database: Database) -> None:
    owe(database, *((seq, "A", f"r{seq}") for seq in range(1, 40)))
    with database.write() as session:
        first = lease_ahead(session, held=0)
        assert lease_ahead(session, held=0) == []  # the other one has leased ahead
        outbox.settle(session, [delivered(item) for item in first[:10]])
        assert len(lease_ahead(session, held=0)) == 2  # six and two: eight under way
        assert lease_ahead(session, held=6) == []
        assert lease_ahead(session, held=2) == []


def lease_ahead(session: Session, *, held: int) -> list[Leased]:
    return outbox.lease_due(
        session, now=NOW, lease_seconds=60, limit=100, per_point={"A": 16}, at_once=8, held={"A": held}
    )


def test_a_lease_lasts_as_long_as_it_is_renewed(database: Database) -> None:
    owe(database, (1, "A", "r"), (2, "A", "q"))
    first, second = lease(database)
    with database.write() as session:
        assert outbox.renew(session, [first], now=later(50), lease_seconds=LEASE_SECONDS) == []
    assert seqs(lease(database, now=later(109))) == [2]
    with database.write() as session:
        assert outbox.renew(session, [first, second], now=later(109), lease_seconds=1) == [second]
    assert seqs(lease(database, now=later(110))) == [1]


def test_what_is_given_back_is_due_at_once_unless_another_has_it(database: Database) -> None:
    owe(database, (1, "A", "r"), (2, "A", "q"), (3, "A", "r"))
    mine = lease(database)
    (other,) = lease(database, now=later(LEASE_SECONDS), limit=1)
    with database.write() as session:
        outbox.give_back(session, mine, now=later(LEASE_SECONDS))

    assert seqs([other]) == [1]
    (again,) = lease(database, now=later(LEASE_SECONDS))
    assert (again.change_seq, again.attempts) == (2, 0)
