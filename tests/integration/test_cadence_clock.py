"""The clock makes plans, stores them and follows them: one plan and one slot, however many clocks there are."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from sqlmodel import col, func, select

from changes.cadence.terms import Budget, Promise
from changes.resources import Class, Resource
from storage import cadence, promises, scans, slots
from storage.engine import Database
from storage.slots import Slot
from storage.tables import CadenceRow, SlotRow
from tasks.cadence import gathering, planning, recorded
from tasks.cadence.gathering import Configured
from tasks.scan.head_state import HeadState
from tasks.scan.learned import Learned
from tests.integration.cadence_office import RESOURCES, START, Office
from upstream.heads import Way
from worker import rhythms

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


@pytest.fixture
def office(database: Database) -> Office:
    return Office(database)


def gaps(moments: list[datetime]) -> list[float]:
    return [(later - earlier).total_seconds() for earlier, later in pairwise(moments)]


def run(office: Office, *clocks: Any, lasting: timedelta, step_seconds: float = 5) -> None:
    """The clocks tick; every slot that has come is answered by a scan of a second."""
    end = office.moment + lasting
    while office.moment < end:
        office.wait(seconds=step_seconds)
        for clock in clocks:
            clock.tick()
        for _, source, resource in office.take_woken():
            with office.services.database.write() as session:
                slots.take_slots(session, source, resource, scan_id="a scan", now=office.moment)
                done = slots.finish_slots(session, source, resource, scan_id="a scan", now=office.moment)
            if done:
                office.scan(resource)


def test_the_first_tick_makes_a_plan_and_opens_the_slots_of_auto(office: Office) -> None:
    office.clock().tick()
    assert office.made_at() == START
    planned = office.stored("products").planned
    assert planned.class_ is Class.SET_UP
    assert planned.interval_seconds is not None
    assert planned.interval_seconds + planned.requests_per_scan / 20 + 2 <= 300
    assert planned.promises[Promise.UPDATED] == 300
    assert len(office.slots("products")) == 1
    assert office.slots("client_notes") == []  # off in the catalogue
    assert ("backoffice", "client_notes") not in {tuple(each[1:]) for each in office.take_woken()}


def test_an_auto_resource_is_scanned_at_the_interval_of_its_plan(office: Office) -> None:
    clock = office.clock()
    run(office, clock, lasting=2 * MINUTE)
    interval = office.stored("rights").planned.interval_seconds
    run(office, clock, lasting=HOUR / 2)
    assert set(gaps(office.slots("rights"))[1:]) == {interval}


def test_a_plan_holds_for_an_hour_and_is_made_anew_then(office: Office) -> None:
    clock = office.clock()
    clock.tick()
    office.wait(minutes=59)
    clock.tick()
    assert office.made_at() == START
    office.wait(minutes=1)
    clock.tick()
    assert office.made_at() == START + HOUR


def test_two_clocks_make_one_plan_and_the_same_slots(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    write = cadence.write

    def noted(session: Any, source: str, *rest: Any, **more: Any) -> None:
        made.append(source)
        write(session, source, *rest, **more)

    monkeypatch.setattr(cadence, "write", noted)
    clocks = (office.clock(), office.clock())
    for hours in range(3):
        office.moment = START + hours * HOUR
        threads = [threading.Thread(target=clock.tick) for clock in clocks]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(made) == hours + 1
    assert len(office.slots("products")) == 3
    run(office, *clocks, lasting=HOUR / 2)
    assert len(office.slots("products")) == len(set(office.slots("products")))
    assert clocks[0]._entries == clocks[1]._entries


def test_a_clock_that_starts_with_other_settings_makes_another_plan_at_once(office: Office) -> None:
    office.clock().tick()
    before = office.stored("products").planned.interval_seconds
    office.wait(minutes=1)
    office.clock().tick()
    assert office.made_at() == START  # the settings are the same
    office.configure(plan_budget=Budget(20.0, promise_seconds={Class.SET_UP: 60.0, Class.TRAFFIC: 3600.0}))
    office.clock().tick()
    assert office.made_at() == START + MINUTE
    after = office.stored("products").planned
    assert before is not None
    assert after.interval_seconds is not None
    assert after.interval_seconds < 60 < before  # at once, and not in steps of half
    assert after.promises[Promise.UPDATED] == 60


def test_the_first_complete_scan_shows_what_a_scan_costs_and_the_plan_reckons_with_it_a_minute_later(
    office: Office,
) -> None:
    clock = office.clock()
    clock.tick()
    assert office.stored("clients").planned.requests_per_scan <= 2
    office.wait(seconds=30)
    office.scan("clients", requests=500, rows=49_000, seconds=28)
    office.wait(seconds=29)
    clock.tick()
    assert office.made_at() == START
    office.wait(seconds=2)
    clock._looked_at = None
    clock.tick()
    assert office.made_at() == office.moment
    planned = office.stored("clients").planned
    assert planned.requests_per_scan == 496, "so many as these rows take; a first scan may ask for more"
    assert "496 requests a scan" in planned.why


def test_first_scans_that_cost_more_than_later_ones_are_no_measure_of_these(office: Office) -> None:
    clock = office.clock()
    clock.tick()
    office.wait(seconds=30)
    office.scan("rights", requests=4, rows=61)
    office.wait(minutes=2)
    clock.tick()
    assert office.stored("rights").planned.requests_per_scan == 2
    run(office, clock, lasting=12 * MINUTE)  # with scans of 2 requests
    assert office.stored("rights").planned.requests_per_scan == 2
    made_at = office.made_at()
    run(office, clock, lasting=HOUR / 2)
    assert office.made_at() == made_at, "then it holds for an hour"


def test_a_plan_of_another_clock_is_followed_within_seconds(office: Office) -> None:
    first = office.clock()
    first.tick()
    office.configure(plan_budget=Budget(20.0, promise_seconds={Class.SET_UP: 60.0, Class.TRAFFIC: 3600.0}))
    office.wait(seconds=1)
    office.clock().tick()  # another one, that was started with other settings
    run(office, first, lasting=10 * MINUTE, step_seconds=1)
    interval = office.stored("rights").planned.interval_seconds
    assert interval is not None
    assert interval < 60
    assert max(gaps(office.slots("rights"))[1:]) < 60
    assert set(gaps(office.slots("rights"))[-5:]) == {interval}


def test_a_shorter_interval_neither_begins_with_a_burst_nor_leaves_a_gap(database: Database) -> None:
    names = [f"list_{number}" for number in range(60)]
    office = Office(database, *(Resource(name, name, f"/{name}", schedule="auto") for name in names))
    office.configure(schedule={"default": "1h"})
    clock = office.clock()
    run(office, clock, lasting=timedelta(hours=1.6), step_seconds=30)
    office.configure(schedule={"default": "5m"})
    changed_at, clock = office.moment, office.clock()
    clock.tick()
    assert sum(bool(each) for each in office.take_woken()) <= 6
    run(office, clock, lasting=HOUR / 2, step_seconds=10)
    opened = [office.slots(name) for name in names]
    for window in range(0, 300, 30):
        begin = changed_at + timedelta(seconds=window)
        within = sum(begin < at <= begin + timedelta(seconds=30) for moments in opened for at in moments)
        assert within <= 18, window  # 60 lists every 5 minutes are 6 in 30 seconds
    assert max(max(gaps(moments)) for moments in opened) <= 3600
    assert all(moments[-1] > office.moment - timedelta(seconds=300) for moments in opened)


def test_a_longer_interval_leaves_no_gap_longer_than_itself(office: Office) -> None:
    office.configure(schedule={"default": "5m"})
    clock = office.clock()
    run(office, clock, lasting=HOUR / 2)
    office.configure(schedule={"default": "20m"})
    run(office, office.clock(), lasting=2 * HOUR, step_seconds=20)
    assert max(gaps(office.slots("products"))) <= 1200
    assert gaps(office.slots("products"))[-1] == 1200


def head_seen(office: Office, resource: str = "clients") -> None:
    """A head scan has ended just now, and answered its slots."""
    state = HeadState(way=Way.NEWEST, tried_at=START, started_at=office.moment, seconds=0.1)
    office.put(resource, head=state.to_json())
    with office.services.database.write() as session:
        slots.drop_heads(session, "backoffice", resource, now=office.moment)


def test_head_slots_come_at_their_interval_and_one_clock_opens_each(office: Office) -> None:
    office.configure(schedule={"clients": "4h, head 30s"})
    clocks = (office.clock(), office.clock())
    seen = []
    for _ in range(60):
        office.wait(seconds=5)
        for clock in clocks:
            clock.tick()
            if office.slots("clients", "head"):
                seen.append(office.moment)
                head_seen(office)
    assert 10 <= len(seen) <= 11
    assert set(gaps(seen)[1:]) == {30}


def test_head_slots_that_nobody_answers_do_not_heap_up(office: Office) -> None:
    office.configure(schedule={"clients": "4h, head 5s"})
    clock = office.clock()
    for _ in range(100):
        office.wait(seconds=1)
        clock.tick()
    assert len(office.slots("clients", "head")) == 1


def test_of_heads_that_were_missed_only_the_latest_is_made_up_for(office: Office) -> None:
    office.configure(schedule={"clients": "4h, head 30s"})
    clock = office.clock()
    clock.tick()
    head_seen(office)
    office.wait(hours=1)
    clock.tick()
    assert len(office.slots("clients", "head")) == 1


def test_a_list_whose_server_keeps_no_order_has_no_head_slots_until_it_is_tried_again_a_day_later(
    office: Office,
) -> None:
    office.configure(schedule={"clients": "4h, head 30s"})
    refused = HeadState().refused("it answers in another order", now=START)
    office.put("clients", head=refused.to_json())
    clock = office.clock()
    clock.tick()
    assert office.slots("clients", "head") == []
    assert office.stored("clients").planned.head_interval_seconds is None
    office.wait(hours=25)
    clock.tick()
    assert len(office.slots("clients", "head")) == 1


def test_a_clock_that_is_put_back_makes_its_plan_anew_and_goes_on(office: Office) -> None:
    office.wait(days=1)
    clock = office.clock()
    clock.tick()
    office.moment = START
    office.take_woken()
    clock.tick()
    assert office.made_at() == START
    assert ("scan", "backoffice", "products") in office.take_woken()
    office.wait(minutes=10)
    clock.tick()
    assert ("scan", "backoffice", "products") in office.take_woken()


def test_a_clock_that_is_put_forward_opens_one_slot_for_each_resource(office: Office) -> None:
    clock = office.clock()
    run(office, clock, lasting=10 * MINUTE)
    before = len(office.slots("products"))
    office.wait(days=30)
    clock.tick()
    assert len(office.slots("products")) == before + 1
    assert office.made_at() == office.moment


def test_a_plan_that_cannot_be_made_does_not_stop_the_clock(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = office.clock()
    clock.tick()

    def fail(*_: object, **__: object) -> None:
        raise ValueError("no plan")

    monkeypatch.setattr(planning.plan, "make", fail)
    before = len(office.slots("products"))
    run(office, clock, lasting=2 * HOUR, step_seconds=30)
    assert len(office.slots("products")) >= before + 20
    assert office.made_at() == START


def test_what_is_switched_off_is_forgotten_with_its_broken_promises(office: Office) -> None:
    office.clock().tick()
    with office.services.database.write() as session:
        assert promises.note_broken(session, "backoffice", "rights", Promise.UPDATED, since=START)
    office.configure(schedule={"rights": "off"})
    office.wait(seconds=1)
    office.clock().tick()
    with office.services.database.read() as session:
        assert ("backoffice", "rights") not in cadence.read(session)
    assert office.next_at("rights") is None


def test_a_plan_keeps_what_is_known_of_broken_promises(office: Office) -> None:
    clock = office.clock()
    clock.tick()
    with office.services.database.write() as session:
        assert promises.note_broken(session, "backoffice", "rights", Promise.UPDATED, since=START)
    office.wait(hours=1)
    clock.tick()
    assert office.stored("rights").broken_at == {Promise.UPDATED: START}


def test_changes_are_counted_once_over_the_time_in_which_they_were_looked_for(office: Office) -> None:
    clock = office.clock()
    office.scan("rights", changes=1000)  # before anybody counted: of no known time
    clock.tick()
    assert office.stored("rights").counted.rate.others == 0
    office.wait(hours=1)
    office.scan("rights", changes=6, created=2)
    clock.tick()
    rate = office.stored("rights").counted.rate
    assert (round(rate.created, 1), round(rate.others, 1), round(rate.seconds)) == (2, 6, 3600)
    office.wait(hours=1)
    clock.tick()  # no scan since
    assert office.stored("rights").counted.rate == rate
    office.wait(days=7)
    office.scan("rights")
    clock.tick()
    halved = office.stored("rights").counted.rate
    assert halved.others == pytest.approx(3, abs=0.1)
    assert halved.seconds == pytest.approx(1800 + 7 * 86_400 + 3600, rel=0.01)


def test_what_a_scan_costs_is_what_most_scans_of_the_day_cost_without_their_pauses(office: Office) -> None:
    for number in range(10):
        office.wait(minutes=10)
        office.scan("clients", requests=100 + number, rows=9000, seconds=20 + number)
    office.wait(minutes=10)
    office.scan("clients", requests=400, rows=9000, seconds=500)
    office.pause_last("clients", seconds=480)
    known = {each.resource: each for each in gather(office).known}
    assert known["clients"].requests_per_scan == 105
    assert known["clients"].scan_seconds == pytest.approx(28, abs=0.1)


def test_what_scans_cost_at_another_page_size_is_reckoned_anew(office: Office) -> None:
    def cost() -> float:
        return next(each.requests_per_scan for each in gather(office).known if each.resource == "rights")

    for _ in range(6):
        office.wait(minutes=10)
        office.scan("rights", requests=1, rows=61)
    learned = Learned().of_pages(100, started_at=office.moment)
    office.put("rights", learned=learned.to_json())
    assert cost() == 1
    office.configure(page_size=5)
    assert 8 <= cost() <= 15
    office.wait(minutes=10)
    office.scan("rights", requests=13, rows=61)
    office.put("rights", learned=learned.of_pages(5, started_at=office.moment).to_json())
    assert cost() == 13, "those of before are not usual any more"


def test_heads_and_proofs_are_those_that_were_found_out(office: Office) -> None:
    def known() -> dict[str, Any]:
        return {each.resource: each for each in gather(office).known}

    assert known()["clients"].can_have_heads
    assert known()["clients"].is_confirmed  # taken at its word before the first scan
    assert not known()["rights"].is_confirmed  # it has no item path
    office.put("clients", baseline_at=START)
    assert not known()["clients"].is_confirmed
    office.put("clients", item_path_proven_at=START)
    assert known()["clients"].is_confirmed
    office.put("clients", head=HeadState().refused("no order", now=START).to_json())
    assert not known()["clients"].can_have_heads


def gather(office: Office) -> gathering.Gathered:
    with office.services.database.read() as session:
        configured = Configured.of(office.source)
        on_record = recorded.read(session, {configured.name: configured.catalogue}, now=office.moment)
    return gathering.gather(on_record, configured, pace_of=rhythms.pace_of, now=office.moment)


@contextmanager
def statements(database: Database) -> Iterator[list[str]]:
    told: list[str] = []

    def note(text: str, _: Any) -> None:
        told.append(text)

    database.watchers.append(note)
    try:
        yield told
    finally:
        database.watchers.remove(note)


def test_a_plan_of_many_resources_takes_a_handful_of_statements(database: Database) -> None:
    office = Office(database, *(Resource(f"list_{n}", f"{n}", f"/{n}", schedule="auto") for n in range(190)))
    with statements(database) as told:
        planning.plan_if_due(office.services, pace_of=rhythms.pace_of)
    assert len(told) <= 25, told
    with database.read() as session:
        number = session.objects.execute(select(func.count()).select_from(CadenceRow)).scalar()
    assert number == 191


def test_many_slots_are_opened_in_pieces(database: Database) -> None:
    many = [Slot("backoffice", f"list_{number}", "full", START) for number in range(1000)]
    with database.write() as session:
        assert slots.open_slots(session, many, now=START) == 1000
        assert slots.open_slots(session, many, now=START) == 0
    with database.read() as session:
        assert session.objects.execute(select(func.count()).select_from(SlotRow)).scalar() == 1000
        assert scans.resource_state(session, "backoffice", "list_1").next_at is None


def test_the_row_of_the_source_says_what_its_plan_costs_and_the_cure_where_it_is_too_much(database: Database) -> None:
    busy = replace(RESOURCES[0], schedule="1s")
    office = Office(database, busy, budget=Budget(1.0, share=0.5))
    office.clock().tick()
    with database.read() as session:
        which = (col(CadenceRow.resource) == cadence.SOURCE,)
        row = session.objects.execute(select(CadenceRow).where(*which)).scalar_one()
    assert row.requests_per_hour >= 3600
    assert "products" in row.why
