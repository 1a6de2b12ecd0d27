"""Who fails is scanned less and less often, and again by itself; a person's scan is made all the same."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from storage import backoff, scans
from tasks import housekeeping, wakeups
from tasks.scan.slice import scan_slice
from tasks.services import Services
from upstream.client import SourceClient
from upstream.errors import NotAvailable, Unreachable
from worker import celery_app
from worker.clock import Clock
from worker.rhythms import rhythm

HOUR = timedelta(hours=1)


class Day:
    """Clock, housekeeping and workers in one thread, and a time that we let pass."""

    def __init__(self, services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
        self.moment = services.now()
        self.woken: list[tuple[str, dict[str, str]]] = []
        self.services = replace(services, wake=self._wake, now=lambda: self.moment)
        self.scanned: list[tuple[str, datetime]] = []
        self.broken: dict[str, Callable[[str], Exception]] = {}
        self._clock = Clock(lambda: self.services)
        self._tasks = celery_app.make("redis://nowhere").tasks
        monkeypatch.setattr("tasks.services.current", lambda: self.services)
        fetch = SourceClient.fetch_page

        def fetch_page(client: SourceClient, resource: Any, **arguments: Any) -> Any:
            if arguments.get("offset", 0) == 0:
                self.scanned.append((resource.name, self.moment))
            fail = self.broken.get(resource.name, self.broken.get("*"))
            if fail is not None:
                raise fail(resource.name)
            return fetch(client, resource, **arguments)

        monkeypatch.setattr(SourceClient, "fetch_page", fetch_page)

    def _wake(self, task: str, **arguments: str) -> None:
        self.woken.append((task, arguments))

    def schedule(self, **plan: str) -> None:
        source = replace(self.services.sources["backoffice"], schedule={"*": "off", **plan})
        self.services = replace(self.services, sources={"backoffice": source})

    def begin_with_the_turn_of(self, resource: str, schedule: str) -> None:
        """So that its next turn is a whole interval away."""
        beat = rhythm(schedule, source="backoffice", resource=resource)
        turn = beat and beat.next(self.moment)
        assert turn is not None
        self.moment = turn

    def pass_by(self, lasting: timedelta, *, step_seconds: float = 10) -> None:
        end = self.moment + lasting
        while self.moment < end:
            self.moment += timedelta(seconds=step_seconds)
            self._clock.tick()
            housekeeping._wake_scans(self.services, self.moment)  # what else it does would take most of the time
            while self.woken:
                task, arguments = self.woken.pop(0)
                if task == wakeups.SCAN:
                    self._tasks["scan_resource"](**arguments)

    def times(self, resource: str) -> list[datetime]:
        """The beginnings of its scans; more than one a moment are one scan's."""
        return sorted({at for name, at in self.scanned if name == resource})

    def pauses(self, resource: str) -> list[float]:
        times = self.times(resource)
        return [(later - earlier).total_seconds() for earlier, later in itertools.pairwise(times)]

    def state(self, resource: str) -> scans.ResourceState:
        with self.services.database.read() as session:
            return scans.resource_state(session, "backoffice", resource)


@pytest.fixture
def day(services: Services, monkeypatch: pytest.MonkeyPatch) -> Day:
    return Day(services, monkeypatch)


def not_there(resource: str) -> Exception:
    return NotAvailable("backoffice", resource, "answered 404", "", 404)


def out_of_reach(resource: str) -> Exception:
    return Unreachable("backoffice", resource, "no connection", "")


@pytest.mark.parametrize("dialect", ["sqlite"])
def test_a_resource_that_keeps_failing_is_scanned_less_and_less_often_and_others_as_before(day: Day) -> None:
    day.schedule(tags="1d", phones="10m")
    day.broken["tags"] = not_there
    day.pass_by(5 * HOUR, step_seconds=60)
    pauses = day.pauses("tags")
    assert pauses[0] <= 120
    assert pauses == sorted(pauses)
    assert 3600 <= pauses[-1] <= 3600 + 60
    assert len(day.times("tags")) <= 10
    assert len(day.times("phones")) >= 5 * 6 - 1


@pytest.mark.parametrize("dialect", ["sqlite"])
def test_a_resource_that_is_back_is_scanned_by_itself_and_then_as_often_as_before(day: Day) -> None:
    day.schedule(tags="1m")
    day.broken["tags"] = not_there
    day.pass_by(HOUR / 3, step_seconds=60)
    failures = len(day.times("tags"))
    del day.broken["tags"]
    day.pass_by(HOUR / 2, step_seconds=60)
    back = day.times("tags")[failures]
    assert back - day.times("tags")[failures - 1] <= timedelta(minutes=17)
    assert day.state("tags").last_problem is None
    assert set(day.pauses("tags")[failures:]) == {60.0}


def test_a_failed_scan_of_an_hourly_resource_is_made_again_before_its_next_turn(day: Day) -> None:
    day.schedule(tags="1h")
    day.begin_with_the_turn_of("tags", "1h")
    day.broken["tags"] = not_there
    day.pass_by(timedelta(seconds=30))
    (failed_at,) = day.times("tags")
    del day.broken["tags"]
    day.pass_by(timedelta(minutes=3))
    _, again = day.times("tags")
    assert timedelta(seconds=backoff.RESOURCE_SECONDS) <= again - failed_at <= timedelta(seconds=100)
    assert day.state("tags").last_complete_at is not None
    day.pass_by(timedelta(minutes=20), step_seconds=60)
    assert len(day.times("tags")) == 2


@pytest.mark.parametrize("dialect", ["sqlite"])
def test_a_source_that_is_down_rests_as_a_whole_and_its_first_success_wakes_all(day: Day) -> None:
    names = ("tags", "phones", "countries", "currencies", "users", "managers")
    day.schedule(**dict.fromkeys(names, "15m"))
    day.broken["*"] = out_of_reach
    day.pass_by(timedelta(seconds=1), step_seconds=1)
    assert len({name for name, _ in day.scanned}) == backoff.SOURCE_FAILURES, "the others are not even tried"

    day.pass_by(HOUR, step_seconds=30)
    last = sorted(at for _, at in day.scanned if at > day.moment - HOUR / 2)
    assert len(last) <= 7, "one list each five minutes"

    day.broken.clear()
    day.pass_by(timedelta(seconds=backoff.SOURCE_MOST_SECONDS + 60))
    assert [name for name in names if day.state(name).last_complete_at is None] == []
    firsts = [next(at for at in day.times(name) if at > last[-1]) for name in names]
    assert max(firsts) - min(firsts) <= timedelta(seconds=30)


@pytest.mark.parametrize("dialect", ["sqlite"])
def test_a_person_s_scan_is_made_while_resource_and_source_rest(day: Day) -> None:
    day.schedule(tags="1m", phones="1m", countries="1m", users="1m")
    day.broken["*"] = out_of_reach
    day.pass_by(HOUR / 2, step_seconds=60)
    day.broken.clear()
    day.scanned.clear()
    end = scan_slice(day.services, "backoffice", "tags")
    assert end.error is None
    assert day.times("tags")
    day.pass_by(timedelta(seconds=30))
    assert [name for name in ("phones", "countries", "users") if not day.times(name)] == [], "its success wakes all"
