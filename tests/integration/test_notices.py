"""Notices on both databases: owed to who asks for them, sent and retried like changes, each subject's in order."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_http_event
from sqlalchemy import select, update
from sqlmodel import col

from changes.routes import Route
from mirrorpoint import webhooks
from storage import deliveries, notices, outbox, points
from storage.deliveries import Again, Delivery
from storage.engine import Database
from storage.outbox import Leased, Outcome
from storage.tables import DeliveryRow, NoticeRow
from tasks.delivery.deliver import DeliverEnd
from tasks.services import Services
from tests.integration.office import OK, Office
from tests.integration.scripted_server import Reply, ScriptedServer
from tests.integration.test_absence import PRODUCTS, keys, scanned
from tests.mirrored_world import World, scan

SECRET = "whsec_" + "c2VjcmV0" * 4
SEALED, DEAD, HELD = "mirrorpoint.sealed", "mirrorpoint.point_dead", "mirrorpoint.deletions_held"


@pytest.fixture
def office(database: Database) -> Office:
    return Office(database)


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as running:
        running.on("POST", "/hook", OK)
        yield running


def routed(office: Office, *routes: Route) -> None:
    office.services = replace(office.services, routes=routes)


def asking(office: Office, type_: str) -> tuple[str, ...]:
    with office.database.read() as session:
        return notices.asking(session, office.services.routes, type_)


def rows(office: Office) -> list[Delivery]:
    with office.database.read() as session:
        return deliveries.read(session)


def written(office: Office, type_: str = DEAD) -> list[NoticeRow]:
    with office.database.read() as session:
        return list(
            session.objects.execute(select(NoticeRow).where(col(NoticeRow.type) == type_).order_by("id")).scalars()
        )


def bodies(server: ScriptedServer, path: str = "/hook") -> list[Any]:
    return [request.json() for request in server.asked("POST", path)]


def told(server: ScriptedServer, path: str = "/hook") -> list[tuple[str, Any]]:
    """Partition key, and the version of a change or the number that a notice has, in the order of arrival."""
    return [
        (event["partitionkey"], event["data"].get("version", event["data"].get("n"))) for event in bodies(server, path)
    ]


def test_only_points_whose_routes_name_notices_are_owed_them(office: Office) -> None:
    for code in ("ALL", "NOTICES", "SEALS", "OFF"):
        office.point(code, "http://127.0.0.1:9/hook")
    with office.database.write() as session:
        points.remove(session, "OFF", now=office.clock())
    routed(
        office,
        Route(points=("ALL",)),
        Route(points=("NOTICES", "OFF"), resources=("mirrorpoint.*",), kinds=("created",), fields=("/status",)),
        Route(points=("SEALS",), resources=("products", "mirrorpoint.sealed")),
    )
    assert asking(office, SEALED) == ("NOTICES", "SEALS")
    assert asking(office, DEAD) == ("NOTICES",)


def test_a_notice_arrives_as_an_event_that_both_libraries_and_our_own_accept(
    office: Office, server: ScriptedServer
) -> None:
    office.point("A", f"{server.url}/hook", secret=SECRET)
    office.point("B", f"{server.url}/b", secret=SECRET)
    server.on("POST", "/b", OK)
    id_ = office.notice("changes", to=("A", "B", "A"), size=12)
    assert office.deliver() == DeliverEnd(attempted=2, delivered=2, due=0, dead=0)

    (request,), (other,) = server.asked("POST", "/hook"), server.asked("POST", "/b")
    assert request.body == other.body
    read = from_http_event(HTTPMessage(headers=dict(request.headers), body=request.body))
    assert (read.get_id(), read.get_source(), read.get_type()) == (id_, "/mirrorpoint", SEALED)
    event = webhooks.verify(request.body, request.headers, SECRET)
    assert (event.id, event.is_notice, event.subject, event.seq, event.record) == (id_, True, "changes", None, "")
    (row,) = written(office, SEALED)
    assert request.json() == {
        "specversion": "1.0",
        "id": id_,
        "source": "/mirrorpoint",
        "type": SEALED,
        "subject": "changes",
        "time": row.at.isoformat().replace("+00:00", "Z"),
        "datacontenttype": "application/json",
        "partitionkey": "mirrorpoint/changes",
        "data": {"size": 12},
    }
    assert [(each.change_seq, each.notice_id, each.state, each.attempts) for each in rows(office)] == [
        (None, id_, "delivered", 1),
        (None, id_, "delivered", 1),
    ]


def test_a_notice_is_tried_again_with_the_same_id_and_bytes_until_it_dies(
    office: Office, server: ScriptedServer
) -> None:
    server.on("POST", "/hook", Reply(503, b"later"))
    office.point("A", f"{server.url}/hook")
    id_ = office.notice(n=1)
    for _ in range(3):
        office.deliver()
        office.clock.ahead += timedelta(minutes=1)

    tries = server.asked("POST", "/hook")
    assert len(tries) == 3
    assert {request.body for request in tries} == {tries[0].body}
    assert {request.headers["webhook-id"] for request in tries} == {id_}
    (row,) = rows(office)
    assert (row.state, row.attempts, row.last_status) == ("dead", 3, 503)
    with office.database.read() as session:
        assert [(each.change_seq, each.status, each.answer) for each in deliveries.attempts(session, row.id or 0)] == [
            (None, 503, "later")
        ] * 3


def test_a_notice_that_is_owed_twice_is_owed_once(office: Office) -> None:
    id_ = office.notice(to=("A", "B"))
    with office.database.write() as session:
        notices.owe(session, id_, subject="changes", points=("B", "C"), now=office.clock())
    assert [row.point for row in rows(office)] == ["A", "B", "C"]


def test_notices_of_one_subject_arrive_in_order_behind_one_that_fails_and_hold_up_no_other(
    office: Office, server: ScriptedServer
) -> None:
    answers = iter([Reply(503), *[OK] * 20])
    server.on("POST", "/hook", lambda _: next(answers))
    office.point("A", f"{server.url}/hook")
    office.notice("first", n=1)
    office.deliver()
    for number in (2, 3):
        office.notice("first", n=number)
    office.notice("second", n=1)
    office.change("42")
    office.change("42")
    office.deliver()
    assert sorted(told(server)[1:]) == [("mirrorpoint/second", 1), ("s/products/42", 1), ("s/products/42", 2)]

    office.clock.ahead += timedelta(minutes=1)
    office.deliver()
    assert told(server)[4:] == [("mirrorpoint/first", number) for number in (1, 2, 3)]


def test_a_mixed_backlog_keeps_the_order_of_each_record(office: Office, server: ScriptedServer) -> None:
    answers = random.Random(3)
    server.on("POST", "/hook", lambda _: Reply(503) if answers.random() < 0.3 else OK)
    office.policy(retries_seconds=(1.0,) * 50)
    office.point("A", f"{server.url}/hook")
    for number in range(1, 9):
        office.change("a", "b", "c")
        office.notice("x", n=number)
        office.notice("y", n=number)
    while any(state == "due" for state in office.states()):
        office.deliver()
        office.clock.ahead += timedelta(hours=1)

    arrived: dict[str, list[int]] = {}
    for record, number in told(server):
        seen = arrived.setdefault(record, [])
        if number not in seen:
            seen.append(number)
    expected = ["mirrorpoint/x", "mirrorpoint/y", "s/products/a", "s/products/b", "s/products/c"]
    assert arrived == {record: list(range(1, 9)) for record in expected}


def test_what_a_point_is_owed_in_notices_is_skipped_too_when_it_is_gone(office: Office, server: ScriptedServer) -> None:
    server.on("POST", "/hook", Reply(410))
    office.point("A", f"{server.url}/hook")
    office.notice("x")
    office.notice("x")
    office.change("42")
    office.deliver()
    assert {row.state for row in rows(office)} == {"skipped"}
    with office.database.read() as session:
        assert points.receivers(session) == {}


def test_a_point_that_refuses_notices_is_left_alone_before_its_backlog_is_burnt(
    office: Office, server: ScriptedServer
) -> None:
    server.on("POST", "/hook", Reply(500))
    office.point("A", f"{server.url}/hook")
    for number in range(60):
        office.notice(f"subject {number}")
    end = office.deliver()
    assert (end.delivered, end.dead, end.due) == (0, 0, 60)
    assert 20 <= len(server.asked("POST", "/hook")) <= 30
    with office.database.read() as session:
        assert list(outbox.paused(session)) == ["A"]


def test_a_notice_whose_process_ended_is_sent_when_its_lease_is_over(office: Office, server: ScriptedServer) -> None:
    office.point("A", f"{server.url}/hook")
    office.notice(n=1)
    office.notice(n=2)
    (leased,) = lease(office)
    assert leased.change_seq is None
    office.clock.ahead += timedelta(minutes=2)
    office.deliver()
    assert told(server) == [("mirrorpoint/changes", 1), ("mirrorpoint/changes", 2)]


def test_a_notice_that_is_not_in_the_database_any_more_stops_no_other(office: Office, server: ScriptedServer) -> None:
    office.point("A", f"{server.url}/hook")
    lost = office.notice("x")
    office.notice("y", n=1)
    with office.database.write() as session:
        session.objects.execute(
            update(DeliveryRow).where(col(DeliveryRow.notice_id) == lost).values(notice_id="nowhere")
        )
    office.deliver()
    assert told(server) == [("mirrorpoint/y", 1)]
    assert [row.last_error for row in rows(office)] == ["what it tells of is not in the database any more", None]


def lease(office: Office, *codes: str) -> list[Leased]:
    with office.database.write() as session:
        return outbox.lease_due(
            session,
            now=office.clock(),
            lease_seconds=60,
            limit=100,
            per_point=dict.fromkeys(codes or ("A",), 50),
            at_once=50,
        )


def settle(office: Office, leased: list[Leased], state: str, *, in_hours: int | None = None) -> None:
    now = office.clock()
    due_at = None if in_hours is None else now + timedelta(hours=in_hours)
    with office.database.write() as session:
        outbox.settle(
            session,
            [Outcome(item, state, settled_at=now, attempted_at=now, due_at=due_at, status=503) for item in leased],
        )


def retry(office: Office, **more: Any) -> Again:
    with office.database.write() as session:
        return deliveries.retry(session, now=office.clock(), **more)


def test_a_dead_notice_that_is_tried_again_goes_before_what_is_still_owed_of_its_subject(office: Office) -> None:
    first, second = office.notice(), office.notice()
    settle(office, lease(office), "dead")
    settle(office, lease(office), "due", in_hours=1)

    assert retry(office) == Again(1)
    (leased,) = lease(office)
    assert leased.notice_id == first
    settle(office, [leased], "delivered")
    assert [item.notice_id for item in lease(office)] == [second]


@pytest.mark.parametrize("is_arrived", [True, False])
def test_a_dead_notice_is_left_out_where_the_point_has_a_newer_one_of_its_subject(
    office: Office, is_arrived: bool
) -> None:
    office.notice()
    other = office.notice("another subject")
    office.notice()
    settle(office, lease(office), "dead")
    newer = lease(office)
    if is_arrived:
        settle(office, newer, "delivered")

    assert retry(office) == Again(1, superseded=1)
    assert [item.notice_id for item in lease(office)] == [other]


@pytest.mark.parametrize("seed", range(6))
def test_whatever_happens_no_point_gets_an_older_notice_after_a_newer_one(office: Office, seed: int) -> None:
    dice = random.Random(seed)
    under_way: list[Leased] = []
    newest: dict[tuple[str, str], int] = {}
    for number in range(80):
        deed = dice.choice(("tell", "change", "lease", "settle", "settle", "retry", "retry one"))
        if deed == "tell":
            office.notice(dice.choice("ab"), to=("A", "B"), n=number)
        elif deed == "change":
            office.change(dice.choice("ab"), to=("A", "B"))
        elif deed == "lease":
            under_way += lease(office, "A", "B")
        elif deed == "settle" and under_way:
            one = under_way.pop(dice.randrange(len(under_way)))
            state = dice.choice(("delivered", "dead", "dead", "due"))
            settle(office, [one], state, in_hours=1 if state == "due" else None)
            if state == "delivered":
                assert newest.get((one.point, one.record), 0) < one.id
                newest[one.point, one.record] = one.id
        elif deed == "retry":
            retry(office, states=["dead", "due"])
        elif deed == "retry one":
            retry(office, states=["dead", "due"], ids=[dice.randrange(1, 40)])


def test_other_points_are_told_once_an_hour_that_deliveries_to_a_point_die(
    office: Office, server: ScriptedServer
) -> None:
    server.on("POST", "/hook", Reply(400, b"no"))
    server.on("POST", "/ops", OK)
    office.point("A/1", f"{server.url}/hook")
    office.point("OPS", f"{server.url}/ops", secret=SECRET)
    routed(office, Route(points=("*",), resources=("mirrorpoint.point_*",)))
    office.change("42", "43", to=("A/1",))
    assert office.deliver() == DeliverEnd(attempted=3, delivered=1, due=0, dead=2)

    (request,) = server.asked("POST", "/ops")
    assert webhooks.verify(request.body, request.headers, SECRET).is_notice
    event = request.json()
    assert (event["type"], event["subject"]) == (DEAD, "points/A%2F1")
    dead = {row.id: row for row in rows(office) if row.point == "A/1"}
    told_of = dead[event["data"]["delivery"]]
    assert event["data"] == {
        "point": "A/1",
        "delivery": told_of.id,
        "record": told_of.record,
        "status": 400,
        "error": told_of.last_error,
    }
    office.clock.ahead += timedelta(minutes=50)
    office.change("44", to=("A/1",))
    office.deliver()
    assert len(written(office)) == 1
    office.clock.ahead += timedelta(minutes=11)
    office.change("45", to=("A/1",))
    office.deliver()
    assert len(written(office)) == len(server.asked("POST", "/ops")) == 2
    assert {row.point for row in rows(office) if row.notice_id} == {"OPS"}, "never about a point to itself"


def test_a_notice_that_dies_is_told_of_like_a_change(office: Office, server: ScriptedServer) -> None:
    server.on("POST", "/hook", Reply(400))
    office.point("A", f"{server.url}/hook")
    office.notice()
    office.deliver()
    (row,) = written(office)
    assert row.data["record"] == "mirrorpoint/changes"
    assert len(rows(office)) == 1, "nobody has asked for it, so nobody is owed it"


def test_a_clock_that_was_ahead_silences_no_point(office: Office, server: ScriptedServer) -> None:
    server.on("POST", "/hook", Reply(400))
    office.point("A", f"{server.url}/hook")
    office.clock.ahead = timedelta(days=2)
    office.change("42")
    office.deliver()
    office.clock.ahead = timedelta(0)
    office.change("43")
    office.deliver(wait=True)
    assert len(written(office)) == 2


def test_what_dies_while_its_outcome_cannot_be_written_is_told_with_it_or_not_at_all(office: Office) -> None:
    """The notice stands in the transaction that settles: where that is taken back, so is the notice."""
    from tasks.delivery import deaths

    office.change("42")
    leased = lease(office)
    now = office.clock()
    outcomes = [Outcome(item, "dead", settled_at=now, attempted_at=now, status=400) for item in leased]

    def settle_and_break() -> None:
        with office.database.write() as session:
            deaths.tell(session, office.services, outbox.settle(session, outcomes), now=now)
            raise RuntimeError("the power goes")

    with pytest.raises(RuntimeError, match="the power goes"):
        settle_and_break()
    assert written(office) == []
    assert office.states() == ["leased"]


def test_a_scan_that_holds_deletions_tells_so_once(services: Services, world: World) -> None:
    woken: list[str] = []
    services = replace(
        services,
        routes=(Route(points=("OPS",), resources=(HELD,)), Route(points=("*",))),
        wake=lambda task, **_: woken.append(task),
    )
    with services.database.write() as session:
        for code in ("OPS", "CRM"):
            points.add(session, code=code, url="https://ops.example.com", now=services.now())
    scan(services, "products")
    for key in sorted(keys(services, "products"))[:12]:
        world.change(PRODUCTS, "delete", key=key)
    woken.clear()
    row = scanned(services, "products")
    assert (row.held, woken) == (12, ["deliver"])
    assert scanned(services, "products").held == 12, "the same once more, which is no news"

    office = Office(services.database)
    (held,) = written(office, HELD)
    assert held.subject == "backoffice/products"
    assert held.data == {"source": "backoffice", "resource": "products", "scan_id": row.id, "held": 12}
    assert [(each.point, each.record) for each in rows(office) if each.notice_id] == [
        ("OPS", "mirrorpoint/backoffice/products")
    ]

    world.change(PRODUCTS, "delete", key=sorted(keys(services, "products"))[12])
    assert scanned(services, "products").held == 13
    assert [each.data["held"] for each in written(office, HELD)] == [12, 13]
