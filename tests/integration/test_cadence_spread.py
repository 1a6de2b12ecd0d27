"""A full scan whose plan spreads it sends some requests at a time; it misses nothing, and nobody has to wait for it."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from tasks.scan import pacing
from tasks.scan.slice import scan_slice
from tasks.scan.slice_end import Outcome
from tests.integration import shop as shops
from tests.integration.news import Newsroom
from tests.integration.passing_time import PassingTime
from worker.commands.status import resource_rows

MINUTE = timedelta(minutes=1)
ON_ONE = pytest.mark.parametrize("dialect", ["sqlite"])


def spread_list(time: PassingTime, room: Newsroom, *, rows: int = 600, seconds: float = 600) -> datetime:
    """A list that was scanned once; its next scans are spread. The start of the next one."""
    room.add(rows)
    time.schedule(news="20m")
    time.pass_by(12 * MINUTE)  # the plan that was made of the first scan was made anew
    assert len(time.scans("news")) == 1
    time.spread("news", seconds=seconds)
    while len(time.scans("news")) < 2:
        time.pass_by(MINUTE / 12)
    return time.scans("news")[1].started_at


def test_its_requests_are_spread_over_the_time_and_it_sees_all(time: PassingTime, room: Newsroom) -> None:
    started_at = spread_list(time, room)
    room.add(created_at=None)
    time.pass_by(10 * MINUTE)
    scan = time.scans("news")[1]
    assert scan.state == "complete"
    assert scan.ended_at is not None
    seconds = (scan.ended_at - started_at).total_seconds()
    assert 300 <= seconds <= 600
    assert scan.paused_seconds == pytest.approx(seconds, abs=60)
    assert len(shops.keys(time.services, "news")) == 601
    asked = [at for name, at in time.asked if name == "news" and at >= started_at]
    bursts = sorted(set(asked))
    assert len(bursts) >= 3
    assert max(asked.count(at) for at in bursts) <= 2 * pacing.AT_A_TIME
    first = time.scans("news")[0]
    assert abs(scan.requests - first.requests) <= 2 + len(bursts)  # spreading it costs next to nothing


@ON_ONE
def test_a_paused_scan_is_shown_as_one_that_runs(time: PassingTime, room: Newsroom) -> None:
    spread_list(time, room)
    time.pass_by(MINUTE)
    scan = time.scans("news")[1]
    assert scan.state == "running"
    assert scan.heartbeat_at is not None
    assert time.moment - scan.heartbeat_at < resource_rows._BETWEEN_SLICES
    time.pass_by(MINUTE)
    scan = time.scans("news")[1]
    assert scan.heartbeat_at is not None
    assert time.moment - scan.heartbeat_at < resource_rows._BETWEEN_SLICES


@ON_ONE
def test_a_wake_up_that_comes_meanwhile_does_not_hurry_it(time: PassingTime, room: Newsroom) -> None:
    started_at = spread_list(time, room)
    sent = len([at for name, at in time.asked if name == "news" and at >= started_at])
    assert scan_slice(time.services, "shop", "news", waits=False).outcome is Outcome.PAUSED
    for _ in range(5):
        time.services.wake("scan", source="shop", resource="news")
        time.work_off()
    assert len([at for name, at in time.asked if name == "news" and at >= started_at]) == sent


def test_a_person_s_scan_is_not_spread(time: PassingTime, room: Newsroom) -> None:
    spread_list(time, room)
    assert scan_slice(time.services, "shop", "news", waits=True).outcome is Outcome.ENDED
    scan = time.scans("news")[1]
    assert scan.state == "complete"
    assert scan.ended_at == time.moment


@ON_ONE
def test_a_scan_that_is_late_is_not_spread(time: PassingTime, room: Newsroom) -> None:
    room.add(600)
    time.schedule(news="20m")
    time.pass_by(3 * MINUTE)
    time.spread("news", seconds=600, promised_seconds=1200)
    time.moment += timedelta(minutes=30)  # nothing was at work
    time.pass_by(MINUTE)
    scan = time.scans("news")[1]
    assert scan.state == "complete"
    assert scan.ended_at is not None
    assert scan.ended_at - scan.started_at < MINUTE


@ON_ONE
def test_a_nested_list_pauses_between_two_parents(time: PassingTime, room: Newsroom) -> None:
    room.add(60)
    for number in range(1, 61):
        room.comments(number, *range(number * 100, number * 100 + 10 * (number % 3) + 5))  # one request or two
    time.schedule(news="20m", comments="20m")
    time.pass_by(25 * MINUTE)
    first = time.scans("comments")[-1]
    assert first.state == "complete"
    time.spread("comments", seconds=900)
    before = len(time.scans("comments"))
    while len(time.scans("comments")) == before or time.scans("comments")[-1].state == "running":
        time.pass_by(MINUTE / 6)
    scan = time.scans("comments")[-1]
    assert scan.state == "complete"
    assert scan.paused_seconds is not None
    assert scan.paused_seconds > 300
    assert scan.requests <= first.requests + 1


@ON_ONE
def test_a_scan_that_began_while_the_clock_was_ahead_is_not_spread_up_to_that_time(
    time: PassingTime, room: Newsroom
) -> None:
    spread_list(time, room)
    time.moment -= timedelta(days=1)
    time.clock.tick()  # the plan is made anew
    time.spread("news", seconds=600)
    time.pass_by(5 * MINUTE)
    assert time.scans("news")[1].state == "complete"
