"""A point that answers well again is caught up at once; a record that fails for its own sake is not hurried along."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from storage import outbox
from storage.engine import Database
from tasks.delivery.deliver import DeliverEnd
from tests.integration.office import OK, Office, arrived
from tests.integration.scripted_server import Reply, Request, ScriptedServer

#: A ladder of hours, so that nothing comes up by itself.
HOURS = (3600.0, 18000.0, 36000.0, 36000.0, 36000.0, 36000.0)


@pytest.fixture
def office(database: Database) -> Office:
    made = Office(database)
    made.policy(retries_seconds=HOURS)
    return made


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as running:
        running.on("POST", "/hook", Reply(503))
        yield running


def test_after_a_short_outage_the_first_success_brings_the_rest(office: Office, server: ScriptedServer) -> None:
    office.point("A", f"{server.url}/hook")
    office.change("a", "b", "c")
    office.change("a", "b", "c")
    assert office.deliver().due == 6
    server.on("POST", "/hook", OK)
    office.change("new")
    office.deliver()
    office.deliver()

    assert set(office.states()) == {"delivered"}
    assert sorted(arrived(server)[3:]) == [("a", 1), ("a", 2), ("b", 1), ("b", 2), ("c", 1), ("c", 2), ("new", 1)]


def test_when_the_breaker_closes_everything_that_failed_is_due(office: Office, server: ScriptedServer) -> None:
    office.point("A", f"{server.url}/hook")
    office.change(*(f"r{number}" for number in range(60)))
    office.deliver()
    server.on("POST", "/hook", OK)
    office.clock.ahead += timedelta(seconds=400)
    office.deliver()

    assert set(office.states()) == {"delivered"}


def test_a_record_that_always_fails_keeps_its_pauses_though_the_others_arrive(
    office: Office, server: ScriptedServer
) -> None:
    server.on("POST", "/hook", lambda request: Reply(503) if is_bad(request) else OK)
    office.point("A", f"{server.url}/hook")
    office.change("bad")
    for number in range(30):
        office.change(f"good{number}")
        office.deliver()

    tries = [key for key, _ in arrived(server) if key == "bad"]
    assert len(tries) <= 4
    assert office.states().count("delivered") == 30
    assert "dead" not in office.states()


def test_what_a_full_receiver_has_put_off_keeps_its_time(office: Office, server: ScriptedServer) -> None:
    server.on("POST", "/hook", Reply(429, headers={"Retry-After": "7200"}), OK)
    office.policy(retries_seconds=HOURS, concurrency=1)
    office.point("A", f"{server.url}/hook")
    office.change("a", "b")
    office.deliver()
    assert office.deliver() == DeliverEnd(due=1)


def is_bad(request: Request) -> bool:
    return bool(request.json()["data"]["key"] == "bad")


def test_no_other_point_is_hurried(office: Office, server: ScriptedServer) -> None:
    office.point("A", f"{server.url}/hook")
    office.point("B", f"{server.url}/b")
    server.on("POST", "/b", Reply(503))
    office.change("a", to=("A", "B"))
    office.deliver()
    server.on("POST", "/hook", OK)
    office.change("b", to=("A",))
    office.deliver()
    office.deliver()

    assert [(point, state) for point, _, state, _ in office.rows()] == [
        ("A", "delivered"),
        ("B", "due"),
        ("A", "delivered"),
    ]
    with office.database.read() as session:
        assert set(outbox.waiting(session)) == {"B"}
