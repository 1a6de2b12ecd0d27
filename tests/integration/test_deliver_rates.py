"""What single points ask for: attempts a second over all processes, times of their own, a person's pause."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest

from storage import outbox, point_pauses
from storage.engine import Database
from storage.point_options import Options
from tasks.delivery.deliver import DeliverEnd
from tests.integration.office import OK, Office, hanging
from tests.integration.scripted_server import Reply, ScriptedServer


@pytest.fixture
def office(database: Database) -> Office:
    return Office(database)


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as running:
        running.on("POST", "/hook", OK)
        running.on("POST", "/b", OK)
        yield running


def test_no_second_sees_more_than_the_rate_over_several_processes(office: Office, server: ScriptedServer) -> None:
    """The server's own times are a little late, and so may be closer together than the starts were."""
    office.point("A", f"{server.url}/hook", options=Options(requests_per_second=8))
    office.point("B", f"{server.url}/b")
    office.change(*(f"r{number}" for number in range(24)), to=("A", "B"))
    steps = [threading.Thread(target=office.deliver) for _ in range(3)]
    for step in steps:
        step.start()
    for step in steps:
        step.join(60)

    assert set(office.states()) == {"delivered"}
    times = sorted(request.at for request in server.asked("POST", "/hook"))
    assert len(times) == 24
    assert max(sum(start <= at < start + 0.9 for at in times) for start in times) <= 8
    others = [request.at for request in server.asked("POST", "/b")]
    assert max(others) < times[-1]  # nobody else waited


def test_starts_are_reserved_in_the_transaction_that_leases_and_never_far_ahead(office: Office) -> None:
    office.point("A", "http://127.0.0.1:9/hook", options=Options(requests_per_second=2))
    office.change(*"abcdefgh")
    now = office.clock()
    leased = [lease(office, now + timedelta(seconds=seconds)) for seconds in (0, 0, 0.9, 1.7, 60)]

    starts = [[(item.start_at - now).total_seconds() for item in items if item.start_at] for items in leased]
    assert starts == [
        [0, pytest.approx(0.55)],
        [],
        [pytest.approx(1.1), pytest.approx(1.65)],
        [pytest.approx(2.2)],
        [60, pytest.approx(60.55)],
    ]
    with office.database.read() as session:
        assert outbox.next_due_at(session, now=now + timedelta(seconds=60)) == now + timedelta(seconds=60.1)


def lease(office: Office, now: object) -> list[outbox.Leased]:
    with office.database.write() as session:
        return outbox.lease_due(
            session, now=now, lease_seconds=600, limit=9, per_point={"A": 9}, at_once=9, rates={"A": 2.0}
        )


def test_a_point_has_its_own_time_out_and_pauses(office: Office, server: ScriptedServer) -> None:
    with hanging() as (_, answer):
        server.on("POST", "/hook", answer)
        office.point("A", f"{server.url}/hook", options=Options(timeout_seconds=0.2, retries_seconds=(7200.0,)))
        office.change("a")
        before = office.clock()
        assert office.deliver() == DeliverEnd(attempted=1, due=1)
        with office.database.read() as session:
            waits = outbox.waiting(session)["A"] - before
    assert 5700 < waits.total_seconds() < 8800


def test_a_point_with_no_retries_of_its_own_has_one_attempt(office: Office, server: ScriptedServer) -> None:
    server.on("POST", "/hook", Reply(503))
    office.point("A", f"{server.url}/hook", options=Options(retries_seconds=()))
    office.change("a")
    assert office.deliver() == DeliverEnd(attempted=1, dead=1)


def test_what_a_person_has_paused_is_owed_and_not_attempted(office: Office, server: ScriptedServer) -> None:
    office.point("A", f"{server.url}/hook")
    office.point("B", f"{server.url}/b")
    with office.database.write() as session:
        point_pauses.begin(session, "A", now=office.clock())
    office.change("a", "b", to=("A", "B"))

    assert office.deliver(wait=True) == DeliverEnd(attempted=2, delivered=2, due=2)
    with office.database.read() as session:
        assert outbox.next_due_at(session) is None
    with office.database.write() as session:
        point_pauses.end(session, "A")
    assert office.deliver() == DeliverEnd(attempted=2, delivered=2)


def test_what_is_queued_when_its_route_goes_is_still_sent(office: Office, server: ScriptedServer) -> None:
    """Routes choose when a change is written, and are not asked again."""
    assert office.services.routes == ()
    office.point("A", f"{server.url}/hook")
    office.change("a")
    assert office.deliver() == DeliverEnd(attempted=1, delivered=1)
