"""A point that fails for everybody is left alone for a while, by all processes; one that fails for some is not."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from storage import deliveries, outbox
from storage.engine import Database
from tasks.delivery.deliver import DeliverEnd
from tests import waiting
from tests.integration.office import OK, Office, arrived, hanging
from tests.integration.scripted_server import Reply, Request, ScriptedServer
from webhooks import breaker

#: Long, so that nothing depends on how quick the machine is.
PAUSES = (60.0, 120.0, 1000.0)
MANY = [f"r{number:02}" for number in range(60)]
#: What shows that a point fails, and what is under way or just being written down meanwhile.
ABOUT_TWENTY = range(20, 31)


@pytest.fixture
def office(database: Database) -> Office:
    made = Office(database)
    made.policy(retries_seconds=PAUSES)
    return made


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as running:
        running.on("POST", "/hook", Reply(500))
        running.on("POST", "/b", OK)
        yield running


def paused(office: Office) -> dict[str, datetime]:
    with office.database.read() as session:
        return outbox.paused(session)


def attempts(server: ScriptedServer) -> int:
    return len(server.asked("POST", "/hook"))


def fail(office: Office, server: ScriptedServer) -> int:
    """Sixty events for a point that fails, until it is left alone; returns the number of attempts."""
    office.point("A", f"{server.url}/hook")
    office.change(*MANY)
    office.deliver()
    return attempts(server)


def test_a_point_that_fails_for_all_is_left_alone_and_what_it_is_owed_stays_untouched(
    office: Office, server: ScriptedServer
) -> None:
    office.point("B", f"{server.url}/b")
    office.point("A", f"{server.url}/hook")
    office.change(*MANY, to=("A", "B"))
    end = office.deliver()

    assert attempts(server) in ABOUT_TWENTY
    assert len(server.asked("POST", "/b")) == 60
    assert (end.delivered, end.dead, end.due) == (60, 0, 60)
    assert list(paused(office)) == ["A"]
    untouched = [row for row in office.rows() if row[0] == "A" and row[2:] == ("due", 0)]
    assert len(untouched) == 60 - attempts(server)
    assert office.deliver().attempted == 0
    assert office.woken == []  # nothing is to be done before the pause is over


def test_what_was_leased_ahead_for_a_point_that_was_fine_is_given_back_when_it_fails(
    office: Office, server: ScriptedServer
) -> None:
    """The database may be slow to open the breaker: what fails then waits for it, here as at a busy receiver."""
    numbers = itertools.count(1)

    def answer(_: Request) -> Reply:
        number = next(numbers)
        if number > 125:
            waiting.until(lambda: paused(office))
        return OK if number <= 100 else Reply(500)

    server.on("POST", "/hook", answer)
    office.policy(timeout_seconds=40)
    office.point("A", f"{server.url}/hook")
    office.change(*(f"r{number:03}" for number in range(250)))
    end = office.deliver()

    assert end.delivered == 100
    assert attempts(server) - 100 in range(16, 40)  # of the 64 that were leased at that moment
    assert office.states().count("due") == 150


def test_when_a_pause_is_over_one_delivery_is_tried_and_the_next_pause_is_longer(
    office: Office, server: ScriptedServer
) -> None:
    before = fail(office, server)
    lengths = []
    for number in range(1, 4):
        office.clock.ahead += timedelta(seconds=breaker.pauses(PAUSES).seconds(number) - 30)
        assert office.deliver().attempted == 0
        office.clock.ahead += timedelta(seconds=30)
        assert office.deliver().attempted == 1
        lengths.append((paused(office)["A"] - office.clock()).total_seconds())

    assert attempts(server) == before + 3
    assert lengths == pytest.approx([120, 240, 300], abs=20)
    assert {state for _, _, state, _ in office.rows()} == {"due"}


def test_a_success_closes_the_breaker_and_everything_flows(office: Office, server: ScriptedServer) -> None:
    fail(office, server)
    server.on("POST", "/hook", OK)
    office.clock.ahead += timedelta(seconds=100)
    office.deliver()

    assert paused(office) == {}
    assert set(office.states()) == {"delivered"}
    assert sorted(set(arrived(server))) == [(key, 1) for key in MANY]


def test_a_waiting_step_tries_again_by_itself(office: Office, server: ScriptedServer) -> None:
    office.policy(retries_seconds=(0.2, 0.3, 0.4, 0.4, 0.4))
    office.point("A", f"{server.url}/hook")
    server.on("POST", "/hook", *[Reply(503)] * 24, OK)
    office.change(*MANY)
    end = office.deliver(wait=True, seconds=60)

    assert (end.delivered, end.due, end.dead) == (60, 0, 0)


def test_processes_leave_a_point_alone_together_and_one_of_them_tries_it(
    office: Office, server: ScriptedServer
) -> None:
    before = fail(office, server)
    with hanging() as (go_on, answer):
        server.on("POST", "/hook", answer)
        steps = start(office)
        waiting.until(lambda: not any(step.is_alive() for step in steps))
        assert attempts(server) == before

        office.clock.ahead += timedelta(seconds=100)
        steps = start(office)
        waiting.until(lambda: attempts(server) > before)
        waiting.until(lambda: sum(step.is_alive() for step in steps) == 1)
        assert attempts(server) == before + 1
        go_on.set()
        waiting.until(lambda: not any(step.is_alive() for step in steps))
    assert [row[2] for row in office.rows()].count("delivered") >= 60 - before


def start(office: Office) -> list[threading.Thread]:
    steps = [threading.Thread(target=office.deliver) for _ in range(3)]
    for step in steps:
        step.start()
    return steps


def test_a_record_that_always_fails_waits_alone_while_others_flow(office: Office, server: ScriptedServer) -> None:
    """Its own versions wait behind it; no other record does, and no other point."""

    def answer(request: Request) -> Reply:
        return Reply(500) if request.json()["data"]["key"] == "bad" else OK

    server.on("POST", "/hook", answer)
    office.policy(retries_seconds=(10.0, 20.0, 1000.0))
    office.point("A", f"{server.url}/hook")
    office.point("B", f"{server.url}/b")
    for _ in range(3):
        office.change("bad", *MANY[:50], to=("A", "B"))
        office.deliver()
        office.clock.ahead += timedelta(seconds=30)

    good = [item for item in arrived(server) if item[0] != "bad"]
    assert sorted(good) == [(key, version) for key in MANY[:50] for version in (1, 2, 3)]
    assert {version for key, version in arrived(server) if key == "bad"} == {1}
    assert len(server.asked("POST", "/b")) == 153
    assert paused(office) == {}
    office.clock.ahead += timedelta(seconds=3000)
    office.deliver()
    with office.database.read() as session:
        assert deliveries.counts(session)["A"] == deliveries.Counts(due=2, dead=1)


@pytest.mark.parametrize("status", [400, 302, 401, 404])
def test_a_point_that_refuses_everything_does_not_use_up_what_it_is_owed(
    office: Office, server: ScriptedServer, status: int
) -> None:
    """Neither before it is left alone, nor with each look whether it answers again."""
    server.on("POST", "/hook", Reply(status))
    office.point("A", f"{server.url}/hook")
    office.change(*MANY)
    end = office.deliver()

    assert attempts(server) in ABOUT_TWENTY
    assert end.dead == (attempts(server) if status in (400, 302) else 0)
    assert list(paused(office)) == ["A"]
    for _ in range(3):
        office.clock.ahead += timedelta(seconds=400)
        assert office.deliver() == DeliverEnd(attempted=1, due=60 - end.dead)
    server.on("POST", "/hook", OK)
    office.clock.ahead += timedelta(seconds=400)
    assert office.deliver() == DeliverEnd(attempted=60 - end.dead, delivered=60 - end.dead)


def test_looks_at_a_point_that_refuses_everything_go_through_what_waits(office: Office, server: ScriptedServer) -> None:
    """Else a record that is refused for its own sake would keep a point that is well from being found so."""
    fail(office, server)
    server.on("POST", "/hook", Reply(422))
    before = len(arrived(server))
    for _ in range(3):
        office.clock.ahead += timedelta(seconds=400)
        office.deliver()

    assert len({key for key, _ in arrived(server)[before:]}) == 3


def test_who_retries_dead_letters_has_the_point_tried_at_once(office: Office, server: ScriptedServer) -> None:
    office.policy(retries_seconds=())
    before = fail(office, server)
    assert office.deliver().attempted == 0
    server.on("POST", "/hook", OK)
    with office.database.write() as session:
        assert deliveries.retry(session, now=office.clock(), points=["A"]).retried == before
    office.deliver()

    assert set(office.states()) == {"delivered"}
