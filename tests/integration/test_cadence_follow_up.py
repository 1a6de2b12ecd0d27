"""After a change there is one more look at the same resource, and at what belongs to the changed record."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from changes.cadence.terms import Budget
from tests import mirrored_world
from tests.integration.news import Newsroom, told
from tests.integration.passing_time import PassingTime

MINUTE = timedelta(minutes=1)


def first_scans(time: PassingTime) -> None:
    """Everything was scanned once, and a minute has gone by: the plan knows what that costs."""
    time.pass_by(3 * MINUTE)


def test_a_small_list_is_scanned_once_more_half_a_minute_after_a_change(time: PassingTime, room: Newsroom) -> None:
    room.add(3)
    time.schedule(news="10m")
    first_scans(time)
    scanned = len(time.scans("news"))
    room.rows[0]["title"] = "other"
    while len(time.scans("news")) == scanned:
        time.pass_by(MINUTE / 12)
    found_at = time.scans("news")[-1].started_at
    time.pass_by(MINUTE / 3)
    assert len(time.scans("news")) == scanned + 1
    room.rows[1]["title"] = "other too"
    time.pass_by(MINUTE / 3)
    later = time.scans("news")[scanned + 1 :]
    assert len(later) == 1
    assert 30 <= (later[0].started_at - found_at).total_seconds() <= 40
    assert told(time.services)[-2:] == [("news", "1", "updated"), ("news", "2", "updated")]
    time.pass_by(5 * MINUTE)
    assert len(time.scans("news")) == scanned + 2  # what the look found is followed by no other look


def test_the_look_comes_in_its_time_while_other_wake_ups_stand_in_the_queue(time: PassingTime, room: Newsroom) -> None:
    room.add(3)
    time.schedule(news="10m")
    first_scans(time)
    time.services = replace(time.services, queued=lambda _task: 1)
    scanned = len(time.scans("news"))
    room.rows[0]["title"] = "other"
    while len(time.scans("news")) == scanned:
        time.pass_by(MINUTE / 12)
    found_at = time.scans("news")[-1].started_at
    time.pass_by(MINUTE)
    (look,) = time.scans("news")[scanned + 1 :]
    assert 30 <= (look.started_at - found_at).total_seconds() <= 40


def test_a_look_by_heads_where_there_are_some_and_none_where_they_come_as_soon(
    time: PassingTime, room: Newsroom
) -> None:
    room.add(200)  # a full scan takes 20 requests and more
    time.schedule(news="4h, head 5m")
    first_scans(time)
    time.pass_by(5 * MINUTE)
    full = len(time.scans("news"))
    room.add()
    since = time.moment
    time.pass_by(7 * MINUTE)
    assert len(time.scans("news")) == full
    found = [scan.started_at for scan in time.scans("news", "head") if scan.created and scan.started_at >= since]
    assert len(found) == 1
    looks = [at for name, at in time.asked if name == "news" and at >= since]
    assert any(30 <= (at - found[0]).total_seconds() <= 40 for at in looks)

    time.schedule(news="4h, head 10s")
    time.pass_by(MINUTE)
    room.add()
    time.pass_by(MINUTE)
    assert time.stored("news").planned.head_interval_seconds == 10
    assert time.slots("news", "head") == []  # no look of its own waits


def test_a_large_list_without_heads_is_not_scanned_for_a_look(time: PassingTime, room: Newsroom) -> None:
    room.add(200)
    time.schedule(news="10m")
    first_scans(time)
    time.pass_by(10 * MINUTE)
    scanned = len(time.scans("news"))
    room.rows[0]["title"] = "other"
    time.pass_by(10 * MINUTE)
    assert len(time.scans("news")) == scanned + 1


def test_the_lists_below_a_changed_record_are_looked_at_and_no_others(time: PassingTime, room: Newsroom) -> None:
    room.add(30)
    time.schedule(news="10m", comments="4h")
    first_scans(time)
    time.pass_by(10 * MINUTE)
    room.rows[4]["title"] = "discussed"
    room.comments(5, 51, 52)
    since = time.moment
    time.pass_by(12 * MINUTE)
    assert ("comments", "51", "created") in told(time.services)
    assert time.requests(since)["comments"] == 1
    (look,) = time.scans("comments", "head")
    (change,) = [row for row in mirrored_world.log(time.services) if row.kind == "updated"]
    assert 30 <= (look.started_at - change.observed_at).total_seconds() <= 40


def test_what_is_off_is_not_looked_at(time: PassingTime, room: Newsroom) -> None:
    room.add(3)
    time.schedule(news="10m")
    first_scans(time)
    room.rows[0]["title"] = "other"
    since = time.moment
    time.pass_by(12 * MINUTE)
    assert time.requests(since)["comments"] == 0


def test_looks_take_four_per_cent_of_the_budget_and_no_more(time: PassingTime, room: Newsroom) -> None:
    room.add(3)
    budget = Budget(1.0, share=0.1)  # 360 requests an hour, 14 of them for looks
    time.schedule(budget, news="2m")
    first_scans(time)
    cost = time.stored("news").planned.requests_per_scan
    scanned, since = len(time.scans("news")), time.moment

    def change(_resource: str) -> None:
        room.rows[0]["title"] = f"{time.moment}"

    time.on_asked = change
    hours = 0
    while time.moment.hour == since.hour or hours < 1:
        hours += time.moment.hour != (time.moment + MINUTE).hour
        time.pass_by(MINUTE)
    minutes = (time.moment - since).total_seconds() / 60
    looks = len(time.scans("news")) - scanned - minutes / 2
    clock_hours = 2
    assert 0 < looks * cost <= 14 * clock_hours + 2 * cost


def test_a_first_scan_is_followed_by_no_look(time: PassingTime, room: Newsroom) -> None:
    room.add(3)
    time.schedule(news="10m")
    time.pass_by(2 * MINUTE)
    assert len(time.scans("news")) == 1
