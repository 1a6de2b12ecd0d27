"""Thousands of resources that are due at once: few statements, a short queue, nobody woken twice or forgotten."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from changes.cadence.terms import Budget
from changes.resources import Resource
from changes.sealing import Vault
from storage import backoff, cadence, prepare, slots
from storage.engine import Database
from storage.slots import Slot
from tasks import housekeeping, services, wakeups
from tasks.cadence import planning
from tasks.scan import scan_resource
from tasks.scan.slice_end import Outcome, SliceEnd
from tasks.services import DeliveryPolicy, Services, Source
from tests.integration.test_clock import START
from upstream.catalogue import Catalogue, Paging
from worker import celery_app, rhythms
from worker.clock import Clock

SOURCES, RESOURCES = 10, 120


class Crowd:
    """Ten sources with more resources than the queue of wake-ups is to hold, and that queue."""

    def __init__(self, database: Database) -> None:
        self.moment = START
        self.queue: list[tuple[str, str]] = []
        self.is_broker_away = False
        names = [f"list_{number:03d}" for number in range(RESOURCES)]
        resources = {name: Resource(name, name, f"/{name}", schedule="5m") for name in names}
        catalogue = Catalogue("office", "office.toml", "Office", Paging(), None, None, resources)
        prepare.prepare(database, {"office_0": list(resources.values())})
        nothing: Any = None
        sources = {
            name: Source(
                name, catalogue, client=nothing, budget=nothing, page_size=100, schedule={}, plan_budget=Budget(20.0)
            )
            for name in (f"office_{number}" for number in range(SOURCES))
        }
        self.services = Services(
            database=database,
            sources=sources,
            vault=Vault(b"k" * 32),
            routes=(),
            delivery=DeliveryPolicy(15, (), 8, None, ()),
            wake=self._wake,
            queued=self._queued,
            now=lambda: self.moment,
        )
        self.clock = Clock(lambda: self.services)

    def _queued(self, task: str) -> int | None:
        if self.is_broker_away:
            return None
        return len(self.queue) if task == wakeups.SCAN else 0

    def _wake(self, task: str, **arguments: str) -> None:
        if task == wakeups.SCAN and not self.is_broker_away:
            self.queue.append((arguments["source"], arguments["resource"]))

    def housekeep(self) -> None:
        housekeeping.housekeep(self.services)

    def scan(self, number: int) -> list[tuple[str, str]]:
        """So many of the queue are scanned; which."""
        taken, self.queue = self.queue[:number], self.queue[number:]
        with self.services.database.write() as session:
            for source, resource in taken:
                slots.take_slots(session, source, resource, scan_id="1", now=self.moment)
                slots.finish_slots(session, source, resource, scan_id="1", now=self.moment)
        return taken

    def take(self) -> tuple[str, str]:
        """The first of the queue; all others are scanned, but one that has come once more."""
        first, other = self.queue.pop(0), self.queue[-1]
        while self.queue:
            self.scan(len(self.queue))
            self.housekeep()
        self.queue = [other]
        return first


@pytest.fixture
def crowd(database: Database) -> Crowd:
    return Crowd(database)


def test_each_resource_is_woken_once_as_the_queue_has_room(crowd: Crowd) -> None:
    crowd.clock.tick()
    assert len(crowd.queue) == wakeups.SCANS_AT_A_TIME
    scanned = list[tuple[str, str]]()
    while crowd.queue:
        scanned += crowd.scan(200)
        crowd.moment += timedelta(seconds=15)  # longer than a wake-up that stands in no queue would be waited for
        crowd.housekeep()
        assert len(crowd.queue) <= wakeups.SCANS_AT_A_TIME
    assert len(scanned) == len(set(scanned)) == SOURCES * RESOURCES


def test_a_wake_up_that_was_lost_while_others_stand_in_the_queue_is_sent_again(crowd: Crowd) -> None:
    crowd.clock.tick()
    lost, crowd.queue = crowd.queue[:3], crowd.queue[-1:]
    crowd.moment += timedelta(seconds=housekeeping.QUEUED_AGAIN_SECONDS + 1)
    crowd.housekeep()
    assert set(lost) <= set(crowd.queue)


def test_a_wake_up_that_was_lost_is_sent_again_as_soon_as_the_queue_has_passed_it(crowd: Crowd) -> None:
    crowd.clock.tick()
    lost, crowd.queue = crowd.queue[:3], crowd.queue[3:]
    scanned = list[tuple[str, str]]()
    for _ in range(2):
        crowd.moment += timedelta(seconds=housekeeping.WAKE_AGAIN_SECONDS - 1)
        scanned += crowd.scan(wakeups.SCANS_AT_A_TIME // 2)
        assert crowd.queue
        crowd.housekeep()
    assert set(lost) <= set(crowd.queue)
    crowd.moment += timedelta(seconds=1)
    while crowd.queue:
        scanned += crowd.scan(100)
        crowd.housekeep()
    assert len(scanned) == len(set(scanned)) == SOURCES * RESOURCES


def test_what_came_while_the_broker_was_away_is_woken_as_soon_as_it_is_back(crowd: Crowd) -> None:
    crowd.is_broker_away = True
    crowd.clock.tick()
    crowd.moment += timedelta(seconds=1)
    crowd.is_broker_away = False
    crowd.queue = [("office_9", "list_119")]
    crowd.housekeep()
    assert len(crowd.queue) == wakeups.SCANS_AT_A_TIME


def test_what_was_woken_while_its_source_rested_is_woken_again_when_that_is_over(
    crowd: Crowd, monkeypatch: pytest.MonkeyPatch
) -> None:
    crowd.clock.tick()
    source, resource = crowd.take()
    with crowd.services.database.write() as session:
        for _ in range(backoff.SOURCE_FAILURES):
            backoff.note_source_failure(session, source, now=crowd.moment)
    monkeypatch.setattr(services, "current", lambda: crowd.services)
    celery_app.make("redis://nowhere").tasks["scan_resource"](source, resource)
    crowd.housekeep()
    assert (source, resource) not in crowd.queue
    crowd.moment += timedelta(seconds=backoff.SOURCE_SECONDS + 1)
    crowd.housekeep()
    assert crowd.queue.count((source, resource)) == 1


def test_a_full_scan_that_came_while_another_had_its_lease_is_woken_again_soon(
    crowd: Crowd, monkeypatch: pytest.MonkeyPatch
) -> None:
    crowd.clock.tick()
    source, resource = crowd.take()
    monkeypatch.setattr(scan_resource, "scan_slice", lambda *_, **__: SliceEnd(Outcome.HELD))
    scan_resource.scan_resource(crowd.services, source, resource)
    crowd.housekeep()
    assert crowd.queue.count((source, resource)) == 1


def test_a_scan_under_way_is_woken_again_soon_however_long_the_queue_is(crowd: Crowd) -> None:
    crowd.clock.tick()
    source, resource = crowd.queue.pop(0)
    with crowd.services.database.write() as session:
        slots.take_slots(session, source, resource, scan_id="1", now=crowd.moment)
    crowd.moment += timedelta(seconds=housekeeping.WAKE_AGAIN_SECONDS + 1)
    crowd.housekeep()
    assert crowd.queue.count((source, resource)) == 1


def test_head_scans_are_woken_before_full_ones_that_came_earlier(crowd: Crowd) -> None:
    crowd.clock.tick()
    crowd.scan(wakeups.SCANS_AT_A_TIME)
    crowd.moment += timedelta(seconds=1)
    late = Slot("office_9", "list_119", slots.HEAD, crowd.moment)
    with crowd.services.database.write() as session:
        slots.open_slots(session, [late], now=crowd.moment, woken=())
    crowd.housekeep()
    assert crowd.queue[0] == ("office_9", "list_119")


def test_clocks_whose_files_name_the_sources_in_another_order_do_not_wait_for_each_other(crowd: Crowd) -> None:
    written: list[str] = []
    crowd.services.database.watchers.append(
        lambda text, given: written.append(str(given)) if "INTO mirrorpoint_slot" in text else None
    )
    here = [Slot(source, "list_000", slots.FULL, START) for source in ("office_1", "office_0")]
    for opened in (here, here[::-1]):
        with crowd.services.database.write() as session:
            slots.open_slots(session, opened, now=crowd.moment)
    assert len(set(written)) == 1
    assert written[0].index("office_0") < written[0].index("office_1")


def test_a_first_tick_and_a_round_of_housekeeping_take_few_statements(crowd: Crowd) -> None:
    crowd.clock.tick()  # makes the plan of each source
    crowd.scan(SOURCES * RESOURCES)
    crowd.moment += timedelta(minutes=6)
    statements: list[str] = []
    crowd.services.database.watchers.append(lambda text, _: statements.append(text))
    clock = Clock(lambda: crowd.services)
    clock.tick()
    assert len(crowd.queue) == wakeups.SCANS_AT_A_TIME
    assert len(statements) <= 50, statements
    statements.clear()
    crowd.scan(wakeups.SCANS_AT_A_TIME)
    statements.clear()
    crowd.housekeep()
    assert len(crowd.queue) == wakeups.SCANS_AT_A_TIME
    assert len(statements) <= 50, statements


def test_each_further_source_whose_plan_is_made_costs_the_statements_that_write_it(crowd: Crowd) -> None:
    statements: list[str] = []
    crowd.services.database.watchers.append(lambda text, _: statements.append(text.strip()))
    first, *others = crowd.services.sources.values()
    taken = []
    for sources in ([first], others):
        statements.clear()
        planning.plan_if_due(
            replace(crowd.services, sources={each.name: each for each in sources}), pace_of=rhythms.pace_of
        )
        taken.append(len(statements))
    with crowd.services.database.read() as session:
        assert len(cadence.planned(session)) == SOURCES * RESOURCES
    # It begins a transaction, takes the source's lock with two, forgets and dates with two, and puts the lines in one:
    # SQLite, which takes so many values in a statement, in four.
    puts = 4 if crowd.services.database.dialect == "sqlite" else 1
    assert (taken[1] - taken[0]) / (len(others) - 1) == 1 + 2 + 2 + puts, statements
