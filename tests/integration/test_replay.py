"""Replays on both databases: which changes they are, their ids, and their order beside what is owed anyway."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlmodel import col

from changes.records import Kind
from changes.routes import Route
from storage import deliveries, history, outbox, points, retention
from storage.engine import Database
from storage.outbox import Leased, Outcome
from storage.tables import AttemptRow, ChangeRow, DeliveryRow, PointRow
from tasks.delivery import replay as step
from tasks.delivery.replay import Plan, ReplayEnd, Selection
from tests.integration.office import OK, START, Office, arrived
from tests.integration.scripted_server import ScriptedServer

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
EVERYTHING = (Route(points=("A",)),)


@pytest.fixture
def office(database: Database) -> Office:
    made = Office(database)
    made.point("A", "http://127.0.0.1:9/hook")
    return made


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as running:
        running.on("POST", "/hook", OK)
        yield running


def plan(office: Office, **more: Any) -> Plan:
    values = {"routes": EVERYTHING, "since": START, "until": START + DAY, **more}
    return step.plan(office.services, Selection("A", **values))


def replay(office: Office, *, is_new: bool = False, **more: Any) -> ReplayEnd:
    return step.make_due(office.services, plan(office, **more), is_new=is_new)


def send_to(office: Office, server: ScriptedServer) -> None:
    with office.database.write() as session:
        points.edit(session, "A", values={"url": f"{server.url}/hook"}, now=office.clock())


def lease(office: Office, *, now: Any = None) -> list[Leased]:
    with office.database.write() as session:
        return outbox.lease_due(
            session, now=now or office.clock(), lease_seconds=60, limit=500, per_point={"A": 400}, at_once=400
        )


def settle(office: Office, leased: Sequence[Leased], state: str, *, in_hours: int | None = None) -> None:
    now = office.clock()
    due_at = None if in_hours is None else now + timedelta(hours=in_hours)
    status = 204 if state == "delivered" else 503
    ends = [
        Outcome(item, state, settled_at=now, attempted_at=now, due_at=due_at, status=status)  # type: ignore[arg-type]
        for item in leased
    ]
    with office.database.write() as session:
        outbox.settle(session, ends)


def sent_in_order(office: Office) -> list[int | None]:
    """The numbers of the changes as they go out, each when the one before has arrived."""
    found: list[int | None] = []
    while leased := lease(office):
        found += [item.change_seq for item in leased]
        settle(office, leased, "delivered")
    return found


def seqs_of(found: Plan) -> list[int]:
    return sorted(seq for seqs in found.records.values() for seq in seqs)


def test_only_what_was_observed_in_the_span_is_meant_and_its_end_is_not_in_it(office: Office) -> None:
    for hours in range(5):
        office.change("42", at=START + hours * HOUR)
    assert seqs_of(plan(office, since=START + HOUR, until=START + 3 * HOUR)) == [2, 3]
    assert seqs_of(plan(office, since=START + timedelta(minutes=61))) == [3, 4, 5]
    assert seqs_of(plan(office, until=START)) == []


def test_only_what_the_routes_lead_to_the_point_is_meant_and_that_can_be_narrowed(office: Office) -> None:
    office.change("1", kind=Kind.SNAPSHOT)
    office.change("2", kind=Kind.CREATED)
    office.change("3", changed=("/status",))
    office.change("4", changed=("/name",))
    office.change("5", resource="clients", source="t")
    products = Route(points=("A",), resources=("prod*",))
    assert seqs_of(plan(office)) == [2, 3, 4, 5]
    assert seqs_of(plan(office, routes=[products])) == [2, 3, 4]
    assert seqs_of(plan(office, routes=[Route(points=("A",), fields=("/status",))])) == [2, 3]
    assert seqs_of(plan(office, routes=[Route(points=("A",), kinds=("snapshot",))])) == [1]
    assert seqs_of(plan(office, routes=[Route(points=("A",), resources=("mirrorpoint.*",))])) == []
    assert seqs_of(plan(office, resources={("t", "clients"), ("t", "products")})) == [5]
    assert seqs_of(plan(office, kinds={"created"})) == [2]
    assert plan(office).resources == {("s", "products"), ("t", "clients")}


def test_it_is_counted_what_became_of_them_until_now(office: Office) -> None:
    office.change(*"abcd")
    office.change("a", to=())
    told, dead, waits, under_way = lease(office)
    settle(office, [told], "delivered")
    settle(office, [dead], "dead")
    settle(office, [waits], "due", in_hours=3)
    office.change("e", scan_id=history.RETIRED, to=())
    office.change("f")
    with office.database.write() as session:
        gone = update(ChangeRow).where(col(ChangeRow.seq) == 7).values(salt=None, document=None, previous={})
        session.objects.execute(gone)
    found = plan(office)
    assert (found.told, found.owed, found.never, found.erased) == (1, 2, 2, 1)
    assert found.changes == 5 == len(seqs_of(found))
    assert under_way.change_seq == 4


def test_what_has_arrived_arrives_again_with_the_same_ids_and_bytes_and_all_its_attempts(
    office: Office, server: ScriptedServer
) -> None:
    send_to(office, server)
    office.change("42", "43")
    office.change("42")
    office.deliver()
    first = server.asked("POST", "/hook")
    assert replay(office) == ReplayEnd(made_due=3)
    assert [row[2:] for row in office.rows()] == [("due", 0)] * 3
    office.deliver()
    again = server.asked("POST", "/hook")[len(first) :]
    assert {request.body: request.headers["webhook-id"] for request in first} == {
        request.body: request.headers["webhook-id"] for request in again
    }
    assert [each for each in arrived(server)[3:] if each[0] == "42"] == [("42", 1), ("42", 2)]
    with office.database.read() as session:
        assert [len(deliveries.attempts(session, id_)) for id_ in (1, 2, 3)] == [2, 2, 2]


def test_what_is_told_as_new_has_an_id_of_its_own_until_it_is_told_as_it_was(
    office: Office, server: ScriptedServer
) -> None:
    send_to(office, server)
    office.change("42", "43")
    office.change("44", to=())
    office.deliver()
    replay(office, is_new=True)
    office.deliver()
    replay(office)
    office.deliver()
    events: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for request in server.asked("POST", "/hook"):
        event = request.json()
        assert request.headers["webhook-id"] == event["id"]
        events[event["subject"]].append(event)
    with office.database.read() as session:
        ids = {f"products/{row.key}": row.id for row in history.read(session)}
    for subject, told in events.items():
        *_, new, last = told
        assert last["id"] == ids[subject] != new["id"]
        assert new["id"] > last["id"], "a UUIDv7 of the moment of the replay"
        assert {**new, "id": ""} == {**last, "id": ""}
    assert [len(told) for told in events.values()] == [3, 3, 2]


def test_what_was_never_owed_is_owed_in_its_place(office: Office) -> None:
    office.change("a", to=())
    office.change("a")
    office.change("a", to=())
    office.change("b", to=())
    assert sent_in_order(office) == [2]
    assert replay(office) == ReplayEnd(made_due=4)
    assert sent_in_order(office) == [1, 4, 2, 3]


def test_older_versions_go_before_a_newer_one_that_is_still_owed(office: Office) -> None:
    for hours in range(3):
        office.change("a", at=START + hours * HOUR)
        settle(office, lease(office), "delivered")
    office.change("a", at=START + 3 * HOUR)
    settle(office, lease(office), "due", in_hours=1)
    assert replay(office, until=START + 2 * HOUR) == ReplayEnd(made_due=2)
    assert sent_in_order(office) == [1, 2, 4]


def test_a_record_whose_event_is_under_way_is_left_until_that_has_ended(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(step, "LOOK_SECONDS", 0.0)
    office.change("a", "b")
    settle(office, lease(office), "delivered")
    office.change("a", "b")
    (a, b) = lease(office)
    settle(office, [b], "delivered")
    told: list[int] = []

    def on_progress(done: int, total: int) -> None:
        told.append(done)
        if len(told) == 3:
            settle(office, [a], "due", in_hours=1)

    end = step.make_due(office.services, plan(office), is_new=False, on_progress=on_progress)
    assert end == ReplayEnd(made_due=4)
    assert told == [2, 2, 2, 4]
    assert sent_in_order(office) == [1, 2, 3, 4]


def test_a_record_that_is_always_being_sent_is_left_as_it_is_and_counted(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(step, "LOOK_SECONDS", 0.0)
    monkeypatch.setattr(step, "WAIT_SECONDS", 0.05)
    office.change("a", "b")
    (_, b) = lease(office)
    settle(office, [b], "dead")
    assert replay(office) == ReplayEnd(made_due=1, left=1)
    assert [row[2] for row in office.rows()] == ["leased", "due"]


def test_what_a_process_that_has_ended_left_leased_is_no_hindrance(office: Office) -> None:
    office.change("a")
    lease(office, now=office.clock() - timedelta(minutes=5))
    assert replay(office) == ReplayEnd(made_due=1)
    assert sent_in_order(office) == [1]


def test_all_versions_of_a_record_become_due_in_one_transaction(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a newer one that is owed could go out between two pieces, before the rest of the older ones."""
    monkeypatch.setattr(step, "DUE_AT_A_TIME", 2)
    for _ in range(5):
        office.change("a", "b")
        settle(office, lease(office), "delivered")
    seen: list[int] = []
    step.make_due(office.services, plan(office), is_new=False, on_progress=lambda done, _: seen.append(done))
    assert seen == [5, 10]


def test_who_interrupts_it_keeps_what_is_done_and_can_begin_anew(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(step, "DUE_AT_A_TIME", 1)
    office.change("a", "b", "c")
    settle(office, lease(office), "delivered")

    def stop(done: int, _: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        step.make_due(office.services, plan(office), is_new=False, on_progress=stop)
    assert [row[2] for row in office.rows()] == ["due", "due", "delivered"]
    assert replay(office) == ReplayEnd(made_due=3)
    assert sent_in_order(office) == [1, 2, 3]


def test_a_point_that_was_left_alone_is_tried_at_once(office: Office) -> None:
    office.change("a")
    later = office.clock() + HOUR
    with office.database.write() as session:
        session.objects.execute(update(PointRow).values(paused_until=later))
    with office.database.read() as session:
        assert outbox.paused(session) == {"A": later}
    replay(office)
    with office.database.read() as session:
        assert outbox.paused(session)["A"] < later


@pytest.mark.parametrize("seed", range(10))
def test_whatever_happens_a_record_s_versions_ascend_from_one_replay_to_the_next(
    office: Office, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(step, "LOOK_SECONDS", 0.0)
    monkeypatch.setattr(step, "WAIT_SECONDS", 0.0)
    dice = random.Random(seed)
    under_way: list[Leased] = []
    newest: dict[str, int] = {}
    for number in range(70):
        deed = dice.choice(("change", "change", "lease", "settle", "settle", "settle", "replay", "retry"))
        if deed == "change":
            office.change(dice.choice("abc"), to=dice.choice((("A",), ())), at=START + number * timedelta(minutes=1))
        elif deed == "lease":
            under_way += lease(office)
        elif deed == "settle" and under_way:
            one = under_way.pop(dice.randrange(len(under_way)))
            state = dice.choice(("delivered", "delivered", "dead", "due"))
            settle(office, [one], state, in_hours=1 if state == "due" else None)
            if state == "delivered":
                assert newest.get(one.record, 0) < (one.change_seq or 0)
                newest[one.record] = one.change_seq or 0
        elif deed == "replay":
            since = START + dice.randrange(number + 1) * timedelta(minutes=1)
            until = since + dice.randrange(1, 60) * timedelta(minutes=1)
            found = plan(office, since=since, until=until)
            step.make_due(office.services, found, is_new=dice.random() < 0.3)
            busy = {item.record for item in under_way}
            newest = {record: seq for record, seq in newest.items() if record in busy or record not in found.records}
        elif deed == "retry":
            with office.database.write() as session:
                deliveries.retry(session, now=office.clock(), states=["dead", "due"])
    settle(office, under_way, "due", in_hours=1)
    with office.database.write() as session:
        deliveries.retry(session, now=office.clock(), states=["due"])
    sent_in_order(office)
    assert set(office.states()) <= {"delivered", "dead", "skipped"}  # superseded, when it was to be tried again


def attempts(office: Office) -> list[tuple[int | None, int]]:
    """Status of each attempt of the first delivery, and how long it took."""
    with office.database.read() as session:
        rows = select(AttemptRow).where(col(AttemptRow.delivery_id) == 1).order_by(col(AttemptRow.id))
        return [(row.status, row.duration_ms) for row in session.objects.execute(rows).scalars()]


def forget(office: Office) -> None:
    with office.database.write() as session:
        retention.forget_attempts(session, before=office.clock() - timedelta(days=30))


def test_that_it_was_told_before_stays_known_for_good(office: Office) -> None:
    office.change("a")
    settle(office, lease(office), "due", in_hours=1)
    office.clock.ahead = 2 * HOUR
    settle(office, lease(office), "delivered")
    replay(office)
    settle(office, lease(office), "due", in_hours=1)
    office.clock.ahead = 4 * HOUR
    settle(office, lease(office), "delivered")
    assert [status for status, _ in attempts(office)] == [503, 204, 503, 204]
    office.clock.ahead = timedelta(days=40)
    forget(office)
    assert [status for status, _ in attempts(office)] == [204, 204]


def test_that_it_was_told_stays_known_where_its_attempt_was_forgotten_before_the_replay(office: Office) -> None:
    office.change("a")
    settle(office, lease(office), "delivered")
    with office.database.read() as session:
        told_at = session.objects.execute(select(col(DeliveryRow.delivered_at))).scalar_one()
    office.clock.ahead = timedelta(days=40)
    forget(office)
    assert attempts(office) == []
    replay(office)
    replay(office)
    with office.database.read() as session:
        (kept,) = deliveries.attempts(session, 1)
    assert (kept.attempted_at, kept.status, kept.duration_ms, kept.change_seq) == (told_at, 204, 0, 1)
    settle(office, lease(office), "delivered")
    office.clock.ahead = timedelta(days=80)
    forget(office)
    assert [status for status, _ in attempts(office)] == [204, 204]
