"""Who may scan when: no source takes all threads, none waits for a permit, and a scan that kills is given up."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import col, select

from storage import backoff, leases, scans, slots, sql
from storage.tables import ResourceRow, SlotRow
from tasks import housekeeping
from tasks.scan import scan_resource, taking, waiting_line
from tasks.scan.lease import LEASE_SECONDS
from tasks.scan.slice import CRASHES, scan_slice
from tasks.scan.slice_end import Outcome, SliceEnd
from tasks.services import Services
from tasks.source_slots import SourceSlots, share
from tests.mirrored_world import World
from worker import celery_app

START = datetime(2026, 11, 22, 10, 0, 0, tzinfo=UTC)
#: Where nothing depends on what the database understands by SQL.
ON_ONE = pytest.mark.parametrize("dialect", ["sqlite"])
FOUR = ("tags", "phones", "countries", "currencies")


class Desk:
    """Services with a list of what was woken, and a time that only we move."""

    def __init__(self, services: Services) -> None:
        self.moment = services.now()
        self.woken: list[str] = []
        self.services = replace(services, wake=self._wake, now=lambda: self.moment, source_slots=SourceSlots())

    def _wake(self, task: str, **arguments: str) -> None:
        if task == "scan":
            self.woken.append(arguments["resource"])

    def open(self, *resources: str) -> None:
        with self.services.database.write() as session:
            turns = [slots.Slot("backoffice", name, "full", self.moment) for name in resources]
            slots.open_slots(session, turns, now=self.moment)

    def scan(self, resource: str) -> SliceEnd:
        return scan_resource.scan_resource(self.services, "backoffice", resource)

    def take_woken(self) -> list[str]:
        woken, self.woken = self.woken, []
        return woken

    def line(self) -> list[str]:
        with self.services.database.read() as session:
            return [name for _, name in slots.handed_back(session, source="backoffice", now=self.moment)]

    @contextmanager
    def all_permits_taken(self) -> Iterator[None]:
        budget = self.services.sources["backoffice"].budget
        with ExitStack() as stack:
            for _ in range(budget.concurrency):
                stack.enter_context(budget.permit())
            yield


@pytest.fixture
def desk(services: Services) -> Desk:
    return Desk(services)


def test_of_a_process_s_threads_one_is_left_for_each_other_source() -> None:
    assert [share(threads=4, others=others) for others in (0, 1, 3, 7)] == [4, 3, 1, 1]
    source_slots = SourceSlots(most_per_source=2)
    with ExitStack() as stack:
        taken = [stack.enter_context(source_slots.take("slow")) for _ in range(4)]
        assert taken == [True, True, False, False]
        assert stack.enter_context(source_slots.take("quick"))
    with source_slots.take("slow") as has_room:
        assert has_room


def test_a_turn_without_a_permit_is_handed_back_at_once_and_who_makes_room_wakes_it(desk: Desk) -> None:
    desk.open(*FOUR)
    with desk.all_permits_taken():
        for name in ("tags", "phones"):
            assert desk.scan(name) == SliceEnd(Outcome.CROWDED)
            desk.moment += timedelta(seconds=1)
    assert desk.take_woken() == []
    assert desk.line() == ["tags", "phones"]
    assert desk.scan("countries").outcome is Outcome.ENDED
    assert desk.take_woken() == ["tags"]
    assert desk.line() == ["phones"]
    assert desk.scan("tags").outcome is Outcome.ENDED
    assert desk.take_woken() == ["phones"]
    assert desk.scan("phones").outcome is Outcome.ENDED
    assert desk.take_woken() == []


@ON_ONE
def test_a_source_that_has_its_share_of_the_threads_hands_its_turns_back(desk: Desk) -> None:
    desk.services = replace(desk.services, source_slots=SourceSlots(most_per_source=1))
    desk.open("tags")
    with desk.services.source_slots.take("backoffice"):
        assert desk.scan("tags") == SliceEnd(Outcome.CROWDED)
    assert desk.line() == ["tags"]


@ON_ONE
def test_a_person_s_scan_waits_for_a_permit(desk: Desk) -> None:
    budget = desk.services.sources["backoffice"].budget
    waited: list[float] = []

    def release(seconds: float) -> None:
        waited.append(seconds)
        stack.close()

    budget._sleep = release
    stack = ExitStack()
    stack.enter_context(desk.all_permits_taken())
    assert scan_slice(desk.services, "backoffice", "tags").outcome is Outcome.ENDED
    assert waited


@ON_ONE
def test_a_turn_gives_way_to_a_person_who_waits_for_a_permit_and_is_woken_again_soon(desk: Desk) -> None:
    desk.open("tags")
    budget = desk.services.sources["backoffice"].budget

    def waits() -> int | None:
        return budget.limits.acquire_permit("backoffice", "person", limit=0, lease_seconds=60, waits=True)

    assert waits() is None
    assert desk.scan("tags").outcome is Outcome.CROWDED
    housekeeping.housekeep(desk.services)
    assert desk.take_woken() == ["tags"], "there is room for it, as far as anyone can see"
    desk.scan("tags")
    assert budget.limits.acquire_permit("backoffice", "person", limit=1, lease_seconds=60, waits=True) == 0
    housekeeping.housekeep(desk.services)
    assert desk.take_woken() == ["tags"]
    assert desk.scan("tags").outcome is Outcome.ENDED


def test_a_long_list_stands_behind_those_that_wait_already(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.open(*FOUR)
    with desk.all_permits_taken():
        desk.scan("phones")
    desk.moment += timedelta(seconds=1)
    monkeypatch.setattr(scan_resource, "scan_slice", lambda *_, **__: SliceEnd(Outcome.AGAIN, "a scan"))
    desk.scan("tags")
    assert desk.take_woken() == ["phones"]
    assert desk.line() == ["tags"]


@ON_ONE
def test_a_long_list_that_nobody_waits_for_goes_on_at_once(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan_resource, "scan_slice", lambda *_, **__: SliceEnd(Outcome.AGAIN, "a scan"))
    desk.open("tags")
    desk.scan("tags")
    desk.scan("phones")  # begun by a person: no slot
    assert desk.take_woken() == ["tags", "phones"]


@ON_ONE
def test_a_resource_that_rests_keeps_nobody_waiting_behind_it(desk: Desk) -> None:
    desk.open(*FOUR)
    with desk.all_permits_taken():
        for name in ("tags", "phones"):
            desk.scan(name)
            desk.moment += timedelta(seconds=1)
    with desk.services.database.write() as session:
        backoff.note_failure(session, "backoffice", "tags", is_sources=False, now=desk.moment)
    desk.scan("countries")
    assert desk.take_woken() == ["phones"]


@ON_ONE
def test_a_wake_up_that_finds_its_slot_done_passes_the_room_on(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.open("tags")
    with desk.all_permits_taken():
        desk.scan("tags")
    monkeypatch.setattr("tasks.services.current", lambda: desk.services)
    celery_app.make("redis://nowhere").tasks["scan_resource"]("backoffice", "phones")
    assert desk.take_woken() == ["tags"]


def test_housekeeping_wakes_as_many_of_those_without_room_as_there_is_room_for(desk: Desk) -> None:
    desk.services.sources["backoffice"].budget.concurrency = 3
    desk.open(*FOUR)
    for name in FOUR:
        desk.moment += timedelta(seconds=1)
        waiting_line.hand_back(desk.services, "backoffice", name)
    desk.moment += timedelta(seconds=housekeeping.WAKE_AGAIN_SECONDS)
    with desk.services.database.write() as session:
        name = leases.of_scan("backoffice", "products")
        leases.acquire(session, name, holder="somebody", now=desk.moment, seconds=60)
    housekeeping.housekeep(desk.services)
    assert sorted(desk.take_woken()) == ["phones", "tags"]
    assert desk.line() == ["countries", "currencies"]


def test_a_slot_that_is_woken_stands_in_no_line(desk: Desk) -> None:
    desk.open("tags")
    waiting_line.hand_back(desk.services, "backoffice", "tags")
    assert waiting_line.wake_next(desk.services, "backoffice")
    assert not waiting_line.wake_next(desk.services, "backoffice")
    with desk.services.database.read() as session:
        assert session.objects.exec(select(col(SlotRow.handed_back_at))).all() == [None]


@ON_ONE
def test_a_turn_keeps_its_place_in_the_line_while_the_broker_is_away(desk: Desk) -> None:
    desk.open("tags")
    waiting_line.hand_back(desk.services, "backoffice", "tags")
    assert not waiting_line.wake_next(replace(desk.services, queued=lambda _task: None), "backoffice")
    assert desk.take_woken() == []
    assert desk.line() == ["tags"]


# ---- scans whose process ends ----------------------------------------------------------------------------------------


def crash(desk: Desk, resource: str = "tags") -> int:
    """A process that takes the scan and ends; how many crashes it found."""
    place = desk.services.sources["backoffice"]
    with desk.services.database.write() as session:
        lease = taking.take(session, desk.services, place, place.catalogue.resources[resource])
    assert lease is not None
    desk.moment += timedelta(seconds=LEASE_SECONDS + 1)
    return lease.crashes


def last_scan(desk: Desk, scan_id: str | None) -> scans.Scan:
    assert scan_id is not None
    with desk.services.database.read() as session:
        scan = scans.get(session, scan_id)
    assert scan is not None
    return scan


def is_awake(desk: Desk, resource: str = "tags") -> bool:
    with desk.services.database.read() as session:
        return bool(backoff.awake(session, [("backoffice", resource)], now=desk.moment))


def test_a_scan_whose_process_ends_again_and_again_at_one_place_is_given_up_and_rests(desk: Desk) -> None:
    desk.open("tags")
    assert [crash(desk) for _ in range(CRASHES)] == [0, 1, 2]
    end = desk.scan("tags")
    scan = last_scan(desk, end.scan_id)
    assert scan.state == "failed"
    assert scan.reason is not None
    assert "its process has ended 3 times at the same place" in scan.reason
    assert not is_awake(desk)
    with desk.services.database.read() as session:
        assert scans.resource_state(session, "backoffice", "tags").last_problem == scan.reason

    rested = []
    for _ in range(3):  # from now on once after each rest, and each is longer
        begun = desk.moment
        while not is_awake(desk):
            desk.moment += timedelta(seconds=10)
        rested.append(desk.moment - begun)
        crash(desk)
        assert last_scan(desk, desk.scan("tags").scan_id).state == "failed"
    assert rested == sorted(set(rested))


def test_a_scan_that_gets_further_each_time_is_no_such_scan(desk: Desk) -> None:
    desk.open("tags")
    assert [crash(desk) for _ in range(2)] == [0, 1]
    with desk.services.database.write() as session:
        scan = scans.running(session, "backoffice", "tags")
        assert scan is not None
        assert scans.advance(
            session, scan.id, fence=scan.fence, position={"parts": 1}, counters={"pages": 1}, now=desk.moment
        )
    assert [crash(desk) for _ in range(2)] == [1, 2]
    assert last_scan(desk, desk.scan("tags").scan_id).state == "failed", "it stands still again"


@ON_ONE
def test_a_person_s_scan_is_made_all_the_same_and_its_end_forgets_the_crashes(desk: Desk, world: World) -> None:
    for _ in range(CRASHES + 1):
        crash(desk)
    end = scan_slice(desk.services, "backoffice", "tags")
    assert last_scan(desk, end.scan_id).state == "complete"
    assert crash(desk) == 0
    with desk.services.database.read() as session:
        assert (
            session.objects.exec(select(col(ResourceRow.crashes)).where(col(ResourceRow.resource) == "tags")).one() == 0
        )


@ON_ONE
def test_a_lease_that_was_given_back_is_no_crash(desk: Desk) -> None:
    place = desk.services.sources["backoffice"]
    for _ in range(CRASHES + 2):
        with desk.services.database.write() as session:
            lease = taking.take(session, desk.services, place, place.catalogue.resources["tags"])
        assert lease is not None
        assert lease.crashes == 0
        lease.give_back()
        desk.moment += timedelta(seconds=LEASE_SECONDS + 1)


@ON_ONE
def test_a_resource_is_scanned_by_one_at_a_time(desk: Desk) -> None:
    place = desk.services.sources["backoffice"]
    with desk.services.database.write() as session:
        lease = taking.take(session, desk.services, place, place.catalogue.resources["tags"])
    assert lease is not None
    assert desk.scan("tags") == SliceEnd(Outcome.HELD)
    assert scan_slice(desk.services, "backoffice", "tags") == SliceEnd(Outcome.HELD)
    lease.give_back()
    assert desk.scan("tags").outcome is Outcome.ENDED


def test_a_lease_from_a_future_that_does_not_come_is_taken_over(desk: Desk) -> None:
    """The clock was a day ahead, a process died, and the clock was put right."""
    desk.moment += timedelta(days=1)
    crash(desk)
    desk.moment -= timedelta(days=1)
    assert desk.scan("tags").outcome is Outcome.ENDED


def test_a_rest_from_a_future_that_does_not_come_is_over(desk: Desk) -> None:
    with desk.services.database.write() as session:
        for name in ("tags", "phones", "users"):
            backoff.note_failure(session, "backoffice", name, is_sources=True, now=desk.moment + timedelta(days=1))
    assert is_awake(desk, "tags")
    assert is_awake(desk, "countries")


@pytest.mark.parametrize(("minutes", "has_slot", "lain"), [(5, False, 300), (5, True, None), (11, True, 660)])
def test_time_in_which_nobody_was_at_work_on_a_scan_is_no_time_that_it_takes(
    desk: Desk, minutes: int, has_slot: bool, lain: float | None
) -> None:
    if has_slot:
        desk.open("tags")
    assert scan_slice(desk.services, "backoffice", "tags", seconds=0).outcome is Outcome.AGAIN
    desk.moment += timedelta(minutes=minutes)
    assert desk.scan("tags").outcome is Outcome.ENDED
    with desk.services.database.read() as session:
        assert sql.rows(session, "SELECT paused_seconds FROM mirrorpoint_scan") == [(lain,)]
