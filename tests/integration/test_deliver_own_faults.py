"""What is our own fault costs the points nothing: a machine without file descriptors, and a clock that was wrong."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from storage import deliveries, outbox
from storage.engine import Database
from tasks.delivery import dispatcher
from tasks.delivery.deliver import DeliverEnd
from tests.integration.office import OK, Office
from tests.integration.scripted_server import Reply, ScriptedServer
from webhooks import retry
from webhooks.sender import Sender


@pytest.fixture
def office(database: Database) -> Office:
    made = Office(database)
    made.policy(retries_seconds=(5.0, 10.0))
    return made


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as running:
        running.on("POST", "/hook", OK)
        yield running


def test_attempts_that_this_machine_could_not_make_count_for_nothing_and_are_told_once(
    office: Office, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr(dispatcher.log, "warning", lambda event, **_: said.append(event))

    async def none_left(self: Sender, *_: Any, **__: Any) -> retry.Attempt:
        return retry.Attempt(self._now(), 1, error="too many open files", is_ours=True)

    office.point("A", f"{server.url}/hook")
    office.change(*(f"r{number}" for number in range(30)))
    with monkeypatch.context() as patch:
        patch.setattr(Sender, "send", none_left)
        assert office.deliver() == DeliverEnd(due=30)
    assert said == ["attempts_lack"]
    with office.database.read() as session:
        assert {(row.attempts, row.last_error) for row in deliveries.read(session)} == {(0, "too many open files")}
        assert deliveries.attempts(session, 1) == []
        assert outbox.paused(session) == {}
    assert office.deliver() == DeliverEnd(due=30)
    office.clock.ahead += timedelta(seconds=dispatcher.LACK_SECONDS)
    assert office.deliver() == DeliverEnd(attempted=30, delivered=30)


def test_what_a_clock_that_was_a_day_ahead_has_put_off_is_due_when_the_clock_is_right(
    office: Office, server: ScriptedServer
) -> None:
    server.on("POST", "/hook", Reply(503))
    office.point("A", f"{server.url}/hook")
    office.change(*(f"r{number:02}" for number in range(40)))
    office.clock.ahead = timedelta(days=1)
    assert office.deliver().due == 40
    server.on("POST", "/hook", OK)
    office.clock.ahead = timedelta(0)
    with office.database.read() as session:
        assert outbox.next_due_at(session, now=office.clock()) <= office.clock()

    assert office.deliver() == DeliverEnd(attempted=40, delivered=40)


def test_so_is_what_was_owed_while_the_clock_was_ahead(office: Office, server: ScriptedServer) -> None:
    office.point("A", f"{server.url}/hook")
    office.clock.ahead = timedelta(days=1)
    office.change("a", "b")
    office.clock.ahead = timedelta(0)

    assert office.deliver() == DeliverEnd(attempted=2, delivered=2)
