"""Each condition of what is asked and ordered of deliveries chooses what it says, on both databases."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from changes.records import Id, Kind
from storage import deliveries, holders, leases, outbox, outdated, replays, told
from storage.deliveries import Again, Attempt, Delivery, Record
from storage.engine import Database
from storage.outbox import Leased, Outcome, Owed
from storage.tables import AttemptRow, DeliveryRow
from tests.integration.office import START, Office

HOUR = timedelta(hours=1)


@pytest.fixture
def office(database: Database) -> Office:
    made = Office(database)
    made.point("A", "http://127.0.0.1:9/hook")
    made.point("B", "http://127.0.0.1:9/hook")
    return made


def lease(office: Office, *points: str, holder: str | None = None) -> list[Leased]:
    with office.database.write() as session:
        return outbox.lease_due(
            session,
            now=office.clock(),
            lease_seconds=60,
            limit=100,
            per_point=dict.fromkeys(points or ("A",), 50),
            at_once=50,
            holder=holder,
        )


def settle(office: Office, leased: list[Leased], state: str, *, status: int = 503, **more: Any) -> None:
    now = office.clock()
    ends = [Outcome(item, state, settled_at=now, attempted_at=now, status=status, **more) for item in leased]
    with office.database.write() as session:
        outbox.settle(session, ends)


def arrive(office: Office, *points: str) -> None:
    settle(office, lease(office, *points), "delivered", status=204)


def retry(office: Office, **more: Any) -> Again:
    with office.database.write() as session:
        return deliveries.retry(session, now=office.clock(), **more)


def row(office: Office, id_: int) -> Delivery:
    with office.database.read() as session:
        found = deliveries.find(session, id_)
    assert found is not None
    return found


def test_deliveries_and_attempts_have_all_columns_of_their_tables_in_that_order() -> None:
    """`deliveries --json` shows them so, also a column that is new."""
    assert list(Delivery._fields) == list(DeliveryRow.model_fields)
    assert list(Attempt._fields) == list(AttemptRow.model_fields)


def ids(office: Office, **which: Any) -> list[int]:
    with office.database.read() as session:
        return [found.id for found, _, _ in deliveries.read_told(session, **which)]


def test_the_newest_are_read_in_portions_backwards(office: Office) -> None:
    office.change("a", "b", "c", "d")
    assert ids(office, newest_first=True, limit=3) == [4, 3, 2]
    assert ids(office, newest_first=True, before_id=2) == [1]
    assert ids(office, after_id=1, before_id=4) == [2, 3]


def test_nothing_is_found_where_none_of_a_kind_is_asked_for(office: Office) -> None:
    office.change("a")
    for narrow in ({"states": []}, {"points": []}, {"kinds": []}):
        assert ids(office, **narrow) == []


def test_a_word_that_is_no_state_never_reaches_the_database(office: Office) -> None:
    with pytest.raises(ValueError, match="'; DROP"):
        ids(office, states=["'; DROP TABLE mirrorpoint_delivery --"])


def test_only_the_record_itself_is_found_and_the_notices_under_its_name(office: Office) -> None:
    office.change("a")
    office.change("a", id=Id("p", "a"))
    office.change("a", resource="orders")
    office.change("b", kind=Kind.DELETED)
    office.notice("changes")
    (notice,) = (each for each in ids(office) if row(office, each).notice_id is not None)

    def of(*records: Record, **more: Any) -> list[int]:
        return ids(office, records=records, **more)

    record = Record("s", "products", Id("", "a"))
    assert of(record) == [1]
    assert of(record, Record("s", "orders", Id("", "a"))) == [1, 3]
    assert of(Record("t", "products", Id("", "a"))) == []
    assert of(record, notice_record=row(office, notice).record) == [1, notice]
    assert of(record, notice_record=row(office, 3).record) == [1]
    assert ids(office, kinds=[Kind.DELETED]) == [4]


def test_a_delivery_has_its_own_attempts_only(office: Office) -> None:
    office.change("a", "b")
    settle(office, lease(office), "dead")
    with office.database.read() as session:
        assert [(each.delivery_id, each.status) for each in deliveries.attempts(session, 2)] == [(2, 503)]


def test_an_outcome_that_is_free_costs_no_attempt(office: Office) -> None:
    office.change("a", "b")
    one, other = lease(office)
    settle(office, [one], "due", due_at=office.clock(), is_free=True)
    settle(office, [other], "due", due_at=office.clock())
    assert [row(office, each.id).attempts for each in (one, other)] == [0, 1]


def test_what_the_receiver_said_stays_when_a_lease_is_lost_after_it(office: Office) -> None:
    office.change("a")
    settle(office, lease(office), "due", due_at=office.clock(), error="answered 503")
    lease(office)
    office.clock.ahead = HOUR
    with office.database.write() as session:
        outbox.take_back(session, office.clock())
    found = row(office, 1)
    assert (found.state, found.losses, found.last_error) == ("due", 1, "answered 503")


def test_an_older_version_or_another_point_or_record_does_not_supersede_a_dead_one(office: Office) -> None:
    office.change("a", to=("A", "B"))
    arrive(office)
    office.change("a", to=("A", "B"))
    settle(office, lease(office), "dead")
    settle(office, lease(office, "B"), "dead")
    assert retry(office, points=["A"]) == Again(1)
    office.change("a", to=("A",))
    arrive(office)
    assert retry(office, points=["B"]) == Again(1)


def test_notices_supersede_those_before_them_at_the_same_point(office: Office) -> None:
    office.notice("changes", to=("A", "B"))
    arrive(office, "A")
    settle(office, lease(office, "B"), "dead")
    office.notice("changes")
    arrive(office)
    assert retry(office, points=["B"]) == Again(1)
    office.notice("changes")
    settle(office, lease(office), "dead")
    assert retry(office, points=["A"]) == Again(1)
    settle(office, lease(office), "dead")
    office.notice("changes")
    arrive(office)
    assert retry(office, points=["A"]) == Again(0, superseded=1)


def test_a_dead_one_is_not_ended_while_one_of_its_record_is_under_way(office: Office) -> None:
    office.change("a", "b")
    settle(office, lease(office), "dead")
    office.change("a", "b")
    of_a, of_b = lease(office)
    settle(office, [of_b], "delivered", status=204)
    assert retry(office) == Again(0, superseded=2)
    assert [row(office, each).state for each in (1, 2)] == ["dead", "skipped"]
    settle(office, [of_a], "due", due_at=office.clock() + HOUR)
    assert retry(office, ids=[1]) == Again(1)


def test_a_dead_one_is_ended_while_one_of_its_record_only_waits(office: Office) -> None:
    office.change("a")
    settle(office, lease(office), "dead")
    office.change("a")
    arrive(office)
    office.change("a")
    assert retry(office) == Again(0, superseded=1)
    assert row(office, 1).state == "skipped"


def test_what_is_due_already_is_not_hurried(office: Office) -> None:
    office.change("a")
    assert retry(office, states=["due"], points=["A"]) == Again(0)


def test_what_is_tried_again_begins_anew(office: Office) -> None:
    office.change("a", "b")
    arrive(office)
    assert retry(office, states=["delivered"], points=["A"]) == Again(2)
    again = row(office, 1)
    assert (again.state, again.delivered_at, again.attempts, again.losses) == ("due", None, 0, 0)
    office.change("c", to=("B",))
    lease(office, "B")
    for _ in range(outbox.LOSSES):
        lease(office)
        office.clock.ahead += HOUR
    with office.database.write() as session:
        outbox.take_back(session, office.clock())
        assert deliveries.resting(session) == {"A": 2}
    assert retry(office, states=["due"], ids=[1]) == Again(1)
    assert [row(office, each).losses for each in (1, 2)] == [0, outbox.LOSSES]


def test_what_has_arrived_is_noted_once_when_it_is_sent_again_and_what_has_not_is_not(office: Office) -> None:
    office.change("a", "b")
    one, other = lease(office)
    settle(office, [one], "delivered", status=204)
    settle(office, [other], "dead")
    assert retry(office, states=["delivered", "dead"], points=["A"]) == Again(2)
    with office.database.read() as session:
        assert [[each.status for each in deliveries.attempts(session, id_)] for id_ in (1, 2)] == [[204], [503]]


def test_an_attempt_that_failed_does_not_stand_for_one_that_arrived(office: Office) -> None:
    """The one that arrived is told in the delivery's row alone, once its attempt is forgotten."""
    office.change("a")
    arrive(office)
    arrived_at = row(office, 1).delivered_at
    with office.database.write() as session:
        session.execute("UPDATE mirrorpoint_attempt SET status = 503")
    retry(office, states=["delivered"], ids=[1])
    with office.database.read() as session:
        tries = deliveries.attempts(session, 1)
    assert [each.status for each in tries] == [503, 204]
    assert tries[1].attempted_at == arrived_at


def test_who_was_told_names_the_last_answer_and_when_it_arrived_first(office: Office) -> None:
    office.change("a")
    settle(office, lease(office), "due", due_at=office.clock())
    office.clock.ahead = HOUR
    arrive(office)
    first_at = row(office, 1).delivered_at
    retry(office, states=["delivered"], ids=[1])
    office.clock.ahead = 2 * HOUR
    settle(office, lease(office), "dead", status=404)
    with office.database.read() as session:
        last_at = deliveries.attempts(session, 1)[-1].attempted_at
        assert told.of_changes(session, [1, 2]) == {1: [told.Told("A", "dead", last_at, 404, first_at)]}


def test_the_dead_hold_what_was_leased_and_only_what_still_is_is_freed(office: Office) -> None:
    now = office.clock()
    office.change("a", "b")
    lease(office, "A", holder="dead")
    with office.database.write() as session:
        leases.acquire(session, "scan:s/products", holder="dead too", now=now, seconds=60)
        leases.acquire(session, "scan:s/orders", holder="alive", now=now, seconds=60)
        assert holders.holding(session) == {"dead", "dead too", "alive"}
        assert holders.free(session, {"dead", "dead too"}, now=now) == 3
        assert holders.free(session, {"dead", "dead too"}, now=now) == 0
        assert leases.holder(session, "scan:s/orders", now=now) == "alive"
    arrive(office)
    with office.database.read() as session:
        assert "dead" not in holders.holding(session)


def test_the_sweep_goes_on_from_where_it_was_last(office: Office) -> None:
    with office.database.write() as session:
        assert outdated.place(session) == 0
        for place in (3, 7):
            outdated.note_place(session, place)
            assert outdated.place(session) == place


def test_a_replay_takes_the_deliveries_of_its_own_point(office: Office) -> None:
    office.change("a", "b", to=("A", "B"))
    lease(office, "B")
    settle(office, lease(office), "delivered", status=204)
    record = row(office, 1).record
    with office.database.write() as session:
        outbox.lock(session)
        assert replays.make_due(session, "A", {record: [1]}, is_new=False, now=office.clock()) == set()
        assert replays.states(session, "A", first_seq=1, last_seq=1) == {1: "due"}
    found = [(each.point, each.state, each.delivered_at is None) for each in map(row, [office] * 4, range(1, 5))]
    assert found == [("A", "due", True), ("B", "leased", True), ("A", "delivered", False), ("B", "leased", True)]


def test_what_is_owed_is_written_with_the_moment_it_became_so(office: Office) -> None:
    with office.database.write() as session:
        outbox.owe(session, [Owed(1, "A", "r"), Owed(2, "A", "r")], now=START)
    assert [(row(office, each).created_at, row(office, each).due_at) for each in (1, 2)] == [
        (START, START),
        (START, None),
    ]
