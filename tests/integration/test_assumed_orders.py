"""Of some lists it is only assumed that they can be sorted by creation: their answers decide, and nothing is lost."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlmodel import col, select

from storage import backoff, scans
from storage.scans import Scan
from storage.tables import ScanRow
from tasks.cadence import gathering, recorded
from tasks.cadence.gathering import Configured
from tasks.scan.head import HeadEnd, scan_head
from tasks.scan.head_state import HeadState
from tasks.services import Services
from tests import mirrored_world
from tests.mirrored_world import World
from upstream import catalogue
from upstream.heads import Way

ASSUMED = ("transactions", "documents", "requests", "sent_emails", "system_logs")
SOURCE, LIST = "backoffice", "documents"
PATH = "/api/v2/documents"
ROWS = 70  #: four pages
NO_HEADS = "no head scans: "


@pytest.fixture
def dialect() -> str:
    return "sqlite"


@pytest.fixture(autouse=True)
def _mirrored(services: Services, world: World) -> None:
    """A complete mirror of the list before each test."""
    world.tell("reset", {"counts": {PATH: ROWS}})
    full(services)


def full(services: Services) -> None:
    with services.database.read() as session:
        assert None is scans.running(session, SOURCE, LIST)
    end = mirrored_world.scan(services, LIST)
    with services.database.read() as session:
        found = scans.get(session, end.scan_id or "")
    assert found is not None
    assert "complete" == found.state


def look(services: Services) -> tuple[Scan, HeadState]:
    """A head scan: its row, and what is known afterwards."""
    assert HeadEnd.ENDED is scan_head(services, SOURCE, LIST)
    with services.database.read() as session:
        which = (col(ScanRow.resource) == LIST, col(ScanRow.kind) == "head")
        last = select(col(ScanRow.id)).where(*which).order_by(col(ScanRow.id).desc()).limit(1)
        id_ = session.sqlalchemy().execute(last).scalar()
        found = scans.get(session, id_ or "")
    assert found is not None
    return found, state_of(services)


def state_of(services: Services) -> HeadState:
    with services.database.read() as session:
        return HeadState.from_json(scans.resource_state(session, SOURCE, LIST).head)


def sorts(world: World, how: str, **more: Any) -> None:
    world.no_faults()
    world.fault(kind="sort", path=PATH, how=how, **more)


def add(world: World, count: int, **document: Any) -> None:
    for _ in range(count):
        world.change(PATH, "create", document=document)


def queries(world: World) -> list[str]:
    return [visit["query"] for visit in world.ask("requests", path=PATH, log="1")["log"]]


def assert_nothing_is_lost(services: Services, world: World) -> None:
    """At the next full scan; and each creation was told once."""
    full(services)
    resource = services.sources[SOURCE].catalogue.resources[LIST]
    assert world.truth(resource) == mirrored_world.mirrored(services, resource)
    told = [change.key for change in mirrored_world.log(services) if change.resource == LIST]
    assert len(told) == len(set(told))


def has_heads(services: Services, *, at: datetime | None = None) -> tuple[bool, bool]:
    """Whether the plan may give the list head scans, and whether it may promise anything by them."""
    with services.database.read() as session:
        configured, moment = Configured.of(services.sources[SOURCE]), at or services.now()
        known = gathering.gather(
            recorded.read(session, {SOURCE: configured.catalogue}, now=moment),
            configured,
            pace_of=lambda *_: pytest.fail("nothing has a time of its own"),
            now=moment,
        ).known
    (found,) = (each for each in known if each.resource == LIST)
    return found.can_have_heads, found.are_heads_sure


@pytest.fixture
def planned(services: Services) -> Services:
    """Everything by the plan."""
    source = replace(services.sources[SOURCE], schedule={"*": "auto"})
    return replace(services, sources={SOURCE: source})


def test_the_full_scan_never_sorts_by_an_assumed_stamp() -> None:
    known = catalogue.load("backoffice")
    assert ASSUMED == tuple(sorted_as_named(name for name, each in known.resources.items() if each.created_assumed))
    for name in ASSUMED:
        assert "createTime" == known.resources[name].created
        assert None is known.resources[name].sort


def sorted_as_named(names: Any) -> list[str]:
    return sorted(names, key=ASSUMED.index)


def test_where_the_server_obeys_new_rows_are_found_and_from_then_on_they_are_promised(
    services: Services, planned: Services, world: World
) -> None:
    sorts(world, "obeyed")
    assert (True, False) == has_heads(planned)
    add(world, 3)
    scan, state = look(services)
    assert ("complete", 3, Way.NEWEST) == (scan.state, scan.created, state.way)
    assert (True, True) == has_heads(planned)
    assert 1 == look(services)[0].requests
    assert_nothing_is_lost(services, world)


@pytest.mark.parametrize("status", [400, 404, 405, 422, 500, 501])
def test_a_refused_sort_is_no_failure_and_is_tried_again_after_a_day(
    services: Services, planned: Services, world: World, status: int
) -> None:
    sorts(world, "refused", status=status)
    add(world, 2)
    scan, state = look(services)
    assert Way.NONE is state.way
    assert f"asked for the newest first, it answered {status}" in state.why
    assert ("complete", NO_HEADS + state.why) == (scan.state, scan.reason)
    assert (False, False) == has_heads(planned)
    with services.database.read() as session:
        assert None is scans.resource_state(session, SOURCE, LIST).last_problem
        assert {} == backoff.resting_sources(session, now=services.now())
    asked = len(queries(world))
    assert HeadEnd.NOT_NOW is scan_head(services, SOURCE, LIST)
    assert asked == len(queries(world))
    assert_nothing_is_lost(services, world)

    sorts(world, "obeyed")
    tomorrow = services.now() + timedelta(days=1, seconds=1)
    assert (True, False) == has_heads(planned, at=tomorrow), "it is tried, and nothing is promised before"
    assert Way.NEWEST is look(replace(services, now=lambda: tomorrow))[1].way


def test_a_list_that_is_not_there_is_no_refused_sort(services: Services, world: World) -> None:
    world.fault(kind="status", path=PATH, status=404)
    scan, state = look(services)
    assert (None, 1) == (state.way, state.failures)
    assert NO_HEADS not in (scan.reason or "")
    world.no_faults()
    sorts(world, "obeyed")
    later = services.now() + timedelta(minutes=1)
    assert Way.NEWEST is look(replace(services, now=lambda: later))[1].way


def test_heads_that_were_seen_to_work_only_rest_while_the_list_fails(services: Services, world: World) -> None:
    sorts(world, "obeyed")
    look(services)
    world.no_faults()
    world.fault(kind="status", path=PATH, status=500)
    assert (Way.NEWEST, 1) == (look(services)[1].way, state_of(services).failures)


def test_a_sort_that_is_ignored_gives_no_heads_where_the_rows_have_no_order(services: Services, world: World) -> None:
    sorts(world, "ignored")
    world.change(PATH, "create", first=True)  # the newest stands first, the others the other way round
    scan, state = look(services)
    assert (Way.NONE, NO_HEADS + state.why) == (state.way, scan.reason)
    add(world, 2)
    assert_nothing_is_lost(services, world)


@pytest.mark.parametrize("how", ["ascending", "ignored"])
def test_where_the_newest_stand_last_the_last_pages_are_read(services: Services, world: World, how: str) -> None:
    sorts(world, how)
    assert Way.TAIL is look(services)[1].way
    add(world, 3)
    assert 3 == look(services)[0].created
    assert_nothing_is_lost(services, world)


def test_where_all_rows_of_a_page_are_of_one_moment_the_last_page_shows_the_order(
    services: Services, world: World
) -> None:
    sorts(world, "obeyed")
    # Earlier than any second in which another row may be made.
    add(world, 30, createTime=(datetime.now(UTC) - timedelta(seconds=2)).isoformat())
    full(services)
    assert Way.NEWEST is look(services)[1].way
    assert ["offset=0&", "offset=80&"] == [re.findall("offset=[0-9]+&", each)[0] for each in queries(world)[-2:]]
    add(world, 1)
    assert 1 == look(services)[0].created
    assert_nothing_is_lost(services, world)


@pytest.mark.parametrize("stamp", ["2026-01-01T00:00:00+00:00", None], ids=["all of one moment", "without a stamp"])
def test_where_nothing_shows_the_order_there_are_no_heads(services: Services, world: World, stamp: str | None) -> None:
    resource = services.sources[SOURCE].catalogue.resources[LIST]
    for id_ in world.truth(resource):
        world.change(PATH, "update", key=id_.key, document={"createTime": stamp})
    sorts(world, "ignored")
    scan, state = look(services)
    assert (Way.NONE, 0) == (state.way, scan.created)
    assert '("createTime") shows it' in state.why
    full(services)
    assert world.truth(resource) == mirrored_world.mirrored(services, resource)


def test_a_short_list_proves_nothing_and_is_looked_at_all_the_same(
    services: Services, planned: Services, world: World
) -> None:
    world.tell("reset", {"counts": {PATH: 1}})
    full(services)
    full(services)
    sorts(world, "obeyed")
    scan, state = look(services)
    assert ("complete", None) == (scan.state, state.way)
    assert (True, False) == has_heads(planned)


def test_back_dated_rows_are_seen_at_the_next_full_scan_and_claim_nothing_of_the_head_scan(
    services: Services, world: World
) -> None:
    sorts(world, "obeyed")
    look(services)
    with services.database.read() as session:
        complete = scans.resource_state(session, SOURCE, LIST).last_complete_started_at
    seq = mirrored_world.last_seq(services)
    add(world, 2, createTime="2020-01-01T00:00:00+00:00")
    assert 0 == look(services)[0].created
    assert_nothing_is_lost(services, world)
    assert [complete] * 2 == [change.observed_after for change in mirrored_world.log(services, after=seq)]
