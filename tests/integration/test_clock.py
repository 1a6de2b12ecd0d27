"""The clock and housekeeping against a real database: one slot whoever writes it, and no wake-up lost for long."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from apscheduler.schedulers.background import BackgroundScheduler
from sqlmodel import col, select

from changes.cadence.terms import Budget
from changes.records import Change, Id, Kind
from changes.resources import Resource
from changes.sealing import Vault
from storage import change_log, leases, scans, seals, slots
from storage.engine import Database
from storage.tables import ResourceRow, SlotRow
from tasks import housekeeping, services
from tasks.rests import Rests
from tasks.scan import scan_resource
from tasks.scan.slice_end import Outcome, SliceEnd
from tasks.services import DeliveryPolicy, Services, Source
from tests import waiting
from upstream.catalogue import Catalogue, Paging
from worker import celery_app
from worker import clock as clock_room
from worker.clock import Clock

START = datetime(2026, 11, 22, 10, 0, 0, tzinfo=UTC)
RESOURCES = [
    Resource("products", "Products", "/products", schedule="1m"),
    Resource("product_notes", "Notes", "/products/{parent}/notes", ancestors=("products",), schedule="5m"),
    Resource("clients", "Clients", "/clients", schedule="off"),
]


class World:
    """A clock's services with a time of our own and a list of what was woken."""

    def __init__(self, database: Database) -> None:
        self.moment = START
        self.woken: list[tuple[str, ...]] = []
        resources = {resource.name: resource for resource in RESOURCES}
        catalogue = Catalogue("office", "office.toml", "Office", Paging(), None, None, resources)
        nothing: Any = None
        source = Source(
            "backoffice",
            catalogue,
            client=nothing,
            budget=nothing,
            page_size=100,
            schedule={},
            plan_budget=Budget(20.0),
        )
        self.services = Services(
            database=database,
            sources={"backoffice": source},
            vault=Vault(b"k" * 32),
            routes=(),
            delivery=DeliveryPolicy(15, (), 8, None, ()),
            wake=lambda task, **arguments: self.woken.append((task, *arguments.values())),
            now=lambda: self.moment,
        )

    def clock(self) -> Clock:
        return Clock(lambda: self.services)

    def take_woken(self) -> list[tuple[str, ...]]:
        woken, self.woken = self.woken, []
        return woken

    def slots(self, resource: str = "products") -> list[datetime]:
        with self.services.database.read() as session:
            chosen = select(SlotRow.slot_at).where(col(SlotRow.resource) == resource).order_by(col(SlotRow.slot_at))
            return list(session.objects.exec(chosen))


@pytest.fixture
def world(database: Database) -> World:
    return World(database)


def test_a_first_tick_opens_a_slot_and_wakes_a_scan_for_each_resource_that_is_not_off(world: World) -> None:
    world.clock().tick()
    assert sorted(world.take_woken()) == [("scan", "backoffice", "product_notes"), ("scan", "backoffice", "products")]
    assert len(world.slots("products")) == 1
    assert world.slots("clients") == []


def test_nothing_happens_until_the_next_slot_comes(world: World) -> None:
    clock = world.clock()
    clock.tick()
    (first,) = world.slots()
    world.take_woken()
    world.moment = first + timedelta(seconds=59)
    clock.tick()
    assert ("scan", "backoffice", "products") not in world.take_woken()
    world.moment = first + timedelta(seconds=60)
    clock.tick()
    assert ("scan", "backoffice", "products") in world.take_woken()
    assert world.slots() == [first, first + timedelta(seconds=60)]


def test_two_clocks_make_one_slot_and_one_wake_up(world: World) -> None:
    first, second = world.clock(), world.clock()
    for minutes in range(10):
        world.moment = START + timedelta(minutes=minutes)
        threads = [threading.Thread(target=clock.tick) for clock in (first, second)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(world.slots()) == 10
    assert world.take_woken().count(("scan", "backoffice", "products")) == 10


def test_late_is_not_never_and_of_several_missed_slots_one_is_made_up_for(world: World) -> None:
    world.clock().tick()
    (first,) = world.slots()
    world.take_woken()
    world.moment = first + timedelta(hours=3, seconds=30)
    world.clock().tick()  # another process, after three hours of nothing
    assert world.slots() == [first, first + timedelta(hours=3)]
    assert world.take_woken().count(("scan", "backoffice", "products")) == 1


def test_a_clock_that_starts_again_opens_no_slot_twice(world: World) -> None:
    world.clock().tick()
    world.take_woken()
    world.clock().tick()
    assert world.take_woken() == []


def test_a_complete_scan_answers_the_slots_before_it(world: World) -> None:
    with world.services.database.write() as session:
        scans.begin(session, source="backoffice", resource="products", kind="full", fence=1, now=START, id="by hand")
        assert scans.finish(session, "by hand", fence=1, state="complete", now=START)
    world.clock().tick()
    assert world.slots() == []


def test_the_next_slot_stands_in_the_database_for_people(world: World) -> None:
    world.clock().tick()
    (first,) = world.slots()
    with world.services.database.read() as session:
        chosen = select(ResourceRow.resource, ResourceRow.next_at).order_by(col(ResourceRow.resource))
        next_at = dict(session.objects.exec(chosen).all())
    assert next_at["products"] == first + timedelta(minutes=1)
    assert "clients" not in next_at


def test_a_database_that_is_away_is_tried_again_and_loses_no_slot(world: World, tmp_path: Path) -> None:
    right = world.services
    gone = Database(f"sqlite:///{tmp_path}/no/such/folder/mirror.db")
    clock = Clock(lambda: world.services)
    world.services = replace(right, database=gone)
    clock.tick()
    assert world.take_woken() == []
    world.services = right
    clock.tick()
    assert len(world.slots()) == 1


def test_services_that_cannot_be_built_do_not_end_the_clock() -> None:
    def fail() -> Services:
        raise RuntimeError("no such host")

    clock = Clock(fail)
    clock.tick()
    clock.wake_housekeeping()


def test_housekeeping_wakes_a_slot_again_whose_wake_up_was_lost(world: World) -> None:
    world.clock().tick()
    world.take_woken()
    world.moment += timedelta(seconds=9)
    housekeeping.housekeep(world.services)
    assert world.take_woken() == []
    world.moment += timedelta(seconds=2)
    housekeeping.housekeep(world.services)
    assert len(world.take_woken()) == 2
    housekeeping.housekeep(world.services)
    assert world.take_woken() == []


def test_housekeeping_leaves_a_scan_alone_while_somebody_is_at_it(world: World) -> None:
    world.clock().tick()
    world.take_woken()
    name = leases.of_scan("backoffice", "products")
    with world.services.database.write() as session:
        assert leases.acquire(session, name, holder="a worker", now=world.moment, seconds=60)
    world.moment += timedelta(seconds=30)
    housekeeping.housekeep(world.services)
    assert world.take_woken() == [("scan", "backoffice", "product_notes")]
    world.moment += timedelta(seconds=31)  # the worker was killed: its lease has run out
    housekeeping.housekeep(world.services)
    assert ("scan", "backoffice", "products") in world.take_woken()


def test_housekeeping_wakes_no_resource_that_the_configuration_does_not_have(world: World) -> None:
    with world.services.database.write() as session:
        old = [slots.Slot("gone", "products", "full", START), slots.Slot("backoffice", "gone", "full", START)]
        slots.open_slots(session, old, now=START)
    world.moment += timedelta(seconds=11)
    housekeeping.housekeep(world.services)
    assert world.take_woken() == []


def test_a_wake_up_that_comes_twice_is_one_scan(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    scanned: list[str] = []

    def scan(current: Services, source: str, resource: str, *, kinds: set[str]) -> SliceEnd:
        assert kinds == {"full"}
        scanned.append(resource)
        with current.database.write() as session:
            slots.take_slots(session, source, resource, scan_id=f"scan {len(scanned)}", now=current.now())
            slots.finish_slots(session, source, resource, scan_id=f"scan {len(scanned)}", now=current.now())
        return SliceEnd(Outcome.HELD)

    monkeypatch.setattr(scan_resource, "scan_resource", scan)
    monkeypatch.setattr(services, "current", lambda: world.services)
    wake_up = celery_app.make("redis://nowhere").tasks["scan_resource"]
    wake_up("backoffice", "products")
    assert scanned == []
    world.clock().tick()
    wake_up("backoffice", "products")
    wake_up("backoffice", "products")
    assert scanned == ["products"]


def test_a_clock_that_is_put_back_goes_on_at_once(world: World) -> None:
    clock = world.clock()
    clock.tick()
    world.moment += timedelta(days=1)
    clock.tick()
    future = world.slots()[-1]
    world.moment -= timedelta(days=1)
    world.take_woken()
    for minutes in range(3):
        world.moment = START + timedelta(minutes=minutes + 1)
        clock.tick()
        assert ("scan", "backoffice", "products") in world.take_woken(), minutes
    assert future not in world.slots()
    assert world.slots() == sorted(set(world.slots()))


def test_a_clock_that_starts_after_the_time_was_put_back_has_its_turns_too(world: World) -> None:
    world.moment += timedelta(days=1)
    world.clock().tick()
    with world.services.database.write() as session:
        scans.begin(
            session, source="backoffice", resource="products", kind="full", fence=1, now=world.moment, id="ahead"
        )
        assert scans.finish(session, "ahead", fence=1, state="complete", now=world.moment)
    world.moment = START
    world.take_woken()
    world.clock().tick()
    assert ("scan", "backoffice", "products") in world.take_woken()
    assert max(world.slots()) <= START


def test_a_clock_that_is_put_forward_makes_up_for_one_slot(world: World) -> None:
    clock = world.clock()
    clock.tick()
    world.take_woken()
    world.moment += timedelta(days=30)
    clock.tick()
    assert world.take_woken().count(("scan", "backoffice", "products")) == 1
    assert len(world.slots()) == 2


def test_a_clock_of_another_machine_that_is_a_little_ahead_is_no_reason_to_open_slots_anew(world: World) -> None:
    world.moment += timedelta(seconds=61)
    world.clock().tick()
    opened = world.slots()
    world.moment -= timedelta(seconds=30)
    world.take_woken()
    world.clock().tick()
    assert set(opened) <= set(world.slots())


def test_the_scheduler_does_not_stand_still_when_the_time_is_put_back() -> None:
    ticks: list[int] = []
    scheduler, stopping = BackgroundScheduler(timezone=UTC), threading.Event()
    scheduler.add_job(lambda: ticks.append(1), "interval", seconds=1, next_run_time=datetime.now(UTC))
    with time_machine.travel(datetime.now(UTC) + timedelta(days=1)) as traveller:
        scheduler.start()
        thread = threading.Thread(target=clock_room.keep_ticking, args=(lambda: None, scheduler, stopping))
        try:
            waiting.until(lambda: ticks)
            traveller.move_to(datetime.now(UTC) - timedelta(days=1))
            thread.start()
            count = len(ticks)
            waiting.until(lambda: len(ticks) >= count + 2)
        finally:
            stopping.set()
            thread.join()
            scheduler.shutdown(wait=True)


def test_the_clock_ticks_each_second_until_it_is_to_stop() -> None:
    ticks, stopping = list[float](), threading.Event()
    scheduler = BackgroundScheduler(timezone=UTC)
    thread = threading.Thread(
        target=clock_room.keep_ticking, args=(lambda: ticks.append(time.monotonic()), scheduler, stopping)
    )
    thread.start()
    waiting.until(lambda: len(ticks) == 3)
    stopping.set()
    thread.join(10)
    assert not thread.is_alive()
    assert len(ticks) == 3
    assert 1.9 < ticks[2] - ticks[0] < 20


def test_done_slots_are_forgotten_after_two_days(world: World) -> None:
    world.clock().tick()
    with world.services.database.write() as session:
        slots.take_slots(session, "backoffice", "products", scan_id="one", now=world.moment)
        slots.finish_slots(session, "backoffice", "products", scan_id="one", now=world.moment)
    housekeeping.housekeep(world.services)
    assert len(world.slots()) == 1
    world.moment += timedelta(days=2, minutes=2)
    housekeeping.housekeep(world.services)
    assert world.slots() == []


def test_housekeeping_seals_what_is_new(world: World) -> None:
    change = Change("shop", "things", Id("", "1"), 1, Kind.CREATED, ("",), {}, {"id": 1}, None, START, "scan")
    with world.services.database.write() as session:
        change_log.append(session, [change])
    housekeeping.housekeep(world.services)
    with world.services.database.read() as session:
        assert [seal.size for seal in seals.read(session, seals.Log.CHANGES)] == [1]


def test_housekeeping_goes_on_where_rows_of_the_log_are_missing(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    changes = [
        Change("shop", "things", Id("", key), 1, Kind.CREATED, ("",), {}, {"id": key}, None, START, "scan")
        for key in "123"
    ]
    with world.services.database.write() as session:
        change_log.append(session, changes)
        session.execute("DELETE FROM mirrorpoint_change WHERE seq = 2")
    housekeeping.housekeep(world.services)
    assert "number 2 is missing" in capsys.readouterr().out


@pytest.mark.parametrize(
    "step", [lambda world: world.clock().tick(), lambda world: housekeeping.housekeep(world.services)]
)
def test_deliveries_that_are_due_are_woken(
    world: World, monkeypatch: pytest.MonkeyPatch, step: Callable[[World], None]
) -> None:
    due: list[datetime | None] = [None, START + timedelta(seconds=1), START]
    woken = []
    for due_at in due:
        monkeypatch.setattr("storage.outbox.next_due_at", lambda _session, due_at=due_at: due_at)
        step(world)
        woken.append(("deliver",) in world.take_woken())
    assert woken == [False, False, True]


def test_with_rests_housekeeping_still_wakes_each_time_what_was_lost(world: World) -> None:
    rests = Rests(lambda: (world.moment - START) / timedelta(seconds=1))
    world.clock().tick()
    woken = []
    for _ in range(4):
        world.take_woken()
        world.moment += timedelta(seconds=housekeeping.WAKE_AGAIN_SECONDS + 1)
        housekeeping.housekeep(world.services, rests)
        woken.append(("scan", "backoffice", "products") in world.take_woken())
    assert woken == [True] * 4


def test_with_rests_an_idle_housekeeping_asks_little_and_writes_nothing(world: World) -> None:
    rests = Rests(lambda: (world.moment - START) / timedelta(seconds=1))
    housekeeping.housekeep(world.services, rests)
    statements: list[str] = []
    world.services.database.watchers.append(lambda text, _: statements.append(text))
    world.moment += timedelta(seconds=5)
    housekeeping.housekeep(world.services, rests)
    asked = [each.split(None, 1)[0] for each in statements if not each.startswith("BEGIN")]
    assert asked == ["SELECT"] * 3, statements


def test_a_scan_under_way_goes_on_at_once_after_the_time_was_ahead_for_a_while(world: World) -> None:
    """Else its wake-up of that time would count as a pause, until that time has come."""
    clock = world.clock()
    clock.tick()
    with world.services.database.write() as session:
        assert slots.take_slots(session, "backoffice", "products", scan_id="1", now=world.moment) == 1
    world.moment += timedelta(days=300)
    clock.tick()
    housekeeping.housekeep(world.services)
    world.moment = START + timedelta(seconds=30)
    clock.tick()
    world.take_woken()
    with world.services.database.read() as session:
        assert not slots.is_paused(session, "backoffice", "products", now=world.moment)
    housekeeping.housekeep(world.services)
    assert ("scan", "backoffice", "products") in world.take_woken()
