"""Deliveries that a person has tried again: hurried, revived, and never behind what the point has already."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest

from storage import deliveries, outbox, tally
from storage.deliveries import Again
from storage.engine import Database
from storage.outbox import Leased, Outcome
from storage.tally import Counted, Key
from tests.integration.office import Office


@pytest.fixture
def office(database: Database) -> Office:
    made = Office(database)
    made.point("A", "http://127.0.0.1:9/hook")
    made.point("B", "http://127.0.0.1:9/hook")
    return made


def lease(office: Office, *points: str) -> list[Leased]:
    with office.database.write() as session:
        return outbox.lease_due(
            session,
            now=office.clock(),
            lease_seconds=60,
            limit=100,
            per_point=dict.fromkeys(points or ("A",), 50),
            at_once=50,
        )


def settle(office: Office, leased: list[Leased], state: str, *, in_hours: int | None = None) -> None:
    now = office.clock()
    due_at = None if in_hours is None else now + timedelta(hours=in_hours)
    ends = [Outcome(item, state, settled_at=now, attempted_at=now, due_at=due_at, status=503) for item in leased]
    with office.database.write() as session:
        outbox.settle(session, ends)


def retry(office: Office, **more: object) -> Again:
    with office.database.write() as session:
        return deliveries.retry(session, now=office.clock(), **more)  # type: ignore[arg-type]


def seqs(leased: list[Leased]) -> list[int]:
    return [item.change_seq for item in leased]


def test_what_waits_for_its_next_attempt_can_be_hurried_one_a_point_or_a_span(office: Office) -> None:
    office.change("a", "b", "c", to=("A", "B"))
    settle(office, lease(office, "A", "B"), "due", in_hours=5)
    assert lease(office, "A", "B") == []

    assert retry(office, states=["due"], ids=[1]) == Again(1)
    assert [item.id for item in lease(office, "A", "B")] == [1]
    assert retry(office, states=["due"], points=["A"]) == Again(2)
    assert {item.point for item in lease(office, "A", "B")} == {"A"}
    assert retry(office, states=["due"], since=office.clock() - timedelta(hours=1)) == Again(3)
    assert [(item.point, item.attempts) for item in lease(office, "A", "B")] == [("B", 0)] * 3


def test_who_hurries_one_that_waits_behind_another_has_that_one_go_first(office: Office) -> None:
    office.change("a")
    office.change("a")
    settle(office, lease(office), "due", in_hours=5)

    assert retry(office, states=["due"], ids=[2]) == Again(1)
    assert seqs(lease(office)) == [1]


def test_a_dead_one_goes_before_what_is_still_owed_of_its_record(office: Office) -> None:
    office.change("a")
    office.change("a")
    settle(office, lease(office), "dead")
    settle(office, lease(office), "due", in_hours=1)

    assert retry(office) == Again(1)
    assert seqs(lease(office)) == [1]


@pytest.mark.parametrize("is_arrived", [True, False])
def test_a_dead_one_is_left_out_where_the_point_has_a_newer_version_or_is_being_sent_one(
    office: Office, is_arrived: bool
) -> None:
    office.change("a", "other", to=("A", "B"))
    office.change("a", to=("A", "B"))
    settle(office, lease(office), "dead")
    newer = lease(office)
    if is_arrived:
        settle(office, newer, "delivered")

    assert retry(office) == Again(1, superseded=1)
    assert seqs(lease(office)) == [2]
    assert retry(office, states=["dead", "skipped", "delivered"], ids=[1]) == Again(0, superseded=1)


def dead(office: Office) -> dict[str, int]:
    with office.database.read() as session:
        return {point: counted.dead for point, counted in deliveries.counts(session).items() if counted.dead}


def row(office: Office, id_: int) -> tuple[str, str | None, int | None, int]:
    """State, what was said of it, its last status, and how many attempts are kept."""
    with office.database.read() as session:
        found = deliveries.find(session, id_)
        assert found is not None
        return found.state, found.last_error, found.last_status, len(deliveries.attempts(session, id_))


def test_a_retry_ends_what_is_superseded_so_that_nothing_is_left_to_be_done(office: Office) -> None:
    office.change("a")
    settle(office, lease(office), "dead")
    office.change("a")
    settle(office, lease(office), "delivered")
    assert dead(office) == {"A": 1}

    assert retry(office) == Again(0, superseded=1)
    state, said, status, attempts = row(office, 1)
    assert (dead(office), state, status, attempts) == ({}, "skipped", 503, 1)
    assert (said or "").startswith("superseded: the point has a newer version")
    assert tallied(office, "A")["skipped"] == 1
    assert retry(office) == Again()


def tallied(office: Office, point: str) -> dict[str, int]:
    with office.database.read() as session:
        totals = tally.totals(session)
    kinds = ("dead", "skipped")
    found = {kind: totals.get(Key(Counted.DELIVERIES, (point, kind)), 0) for kind in kinds}
    return {kind: number for kind, number in found.items() if number}


def test_versions_that_arrived_can_be_sent_again_together(office: Office) -> None:
    for _ in range(3):
        office.change("a")
        settle(office, lease(office), "delivered")
    assert retry(office, states=["delivered"], ids=[1]) == Again(0, superseded=1)
    assert retry(office, states=["delivered"], points=["A"]) == Again(3)
    order = []
    for _ in range(3):
        leased = lease(office)
        order += seqs(leased)
        settle(office, leased, "delivered")
    assert order == [1, 2, 3]


@pytest.mark.parametrize("seed", range(12))
def test_whatever_happens_no_point_gets_an_older_version_after_a_newer_one(office: Office, seed: int) -> None:
    """Failures, deaths and repairs in any order; what is delivered of a record only ever grows."""
    dice = random.Random(seed)
    under_way: list[Leased] = []
    newest: dict[tuple[str, str], int] = {}
    for _ in range(60):
        deed = dice.choice(("change", "lease", "settle", "settle", "retry", "retry one", "hurry"))
        if deed == "change":
            office.change(dice.choice("ab"), to=("A", "B"))
        elif deed == "lease":
            under_way += lease(office, "A", "B")
        elif deed == "settle" and under_way:
            one = under_way.pop(dice.randrange(len(under_way)))
            state = dice.choice(("delivered", "dead", "dead", "due"))
            settle(office, [one], state, in_hours=1 if state == "due" else None)
            if state == "delivered":
                assert newest.get((one.point, one.record), 0) < one.change_seq
                newest[one.point, one.record] = one.change_seq
        elif deed == "retry":
            retry(office, states=["dead", "due"])
        elif deed == "retry one":
            retry(office, states=["dead", "due"], ids=[dice.randrange(1, 40)])
        elif deed == "hurry":
            retry(office, states=["due"], points=["A"])
