"""After an outage everything is looked at within its promise of the source's return, and its limits are kept."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise

import pytest

from changes.cadence.terms import Promise
from changes.notices import Notice
from storage import backoff, scans
from tasks.scan.learned import Learned
from tests.integration.news import Newsroom, told
from tests.integration.passing_time import PassingTime
from upstream.errors import NotAvailable, Overloaded, Unreachable, UpstreamError

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
ON_ONE = pytest.mark.parametrize("dialect", ["sqlite"])


def out_of_reach(resource: str) -> UpstreamError:
    return Unreachable("shop", resource, "no connection", "")


def failing(time: PassingTime, error: UpstreamError, *, only: str | None = None) -> None:
    def fail(resource: str) -> None:
        if only is None or resource == only:
            raise error

    time.on_asked = fail


def mend(time: PassingTime) -> datetime:
    time.on_asked = lambda _resource: None
    return time.moment


def notices(time: PassingTime) -> list[tuple[str, str, str]]:
    """(which notice, resource, which promise), in their order."""
    return [(each.type.removeprefix("mirrorpoint.promise_"), each.data["resource"], each.data["which"]) for each in
            time.notices()]  # fmt: skip


def test_after_an_outage_of_hours_each_resource_is_scanned_within_its_promise_of_the_return(
    time: PassingTime, room: Newsroom
) -> None:
    room.add(5)
    time.schedule(news="auto", comments="auto")
    time.pass_by(10 * MINUTE)
    promised = {name: time.stored(name).planned.promises[Promise.UPDATED] for name in ("news", "comments")}
    assert promised == {"news": 300, "comments": 300}
    failing(time, out_of_reach("news"))
    asked = len(time.asked)
    time.pass_by(2 * HOUR, step_seconds=15)
    assert 2 * 60 * 60 / 300 <= len(time.asked) - asked <= 400  # it was tried, and not often
    assert {("broken", name, "updated") for name in promised} <= set(notices(time))
    room.rows[0]["title"] = "of the outage"
    back_at = mend(time)
    time.pass_by(5 * MINUTE)
    for name in promised:
        ended = [scan for scan in time.scans(name) if scan.state == "complete" and scan.started_at >= back_at]
        assert ended, name
    assert told(time.services)[-1] == ("news", "1", "updated")
    assert {("kept", name, "updated") for name in promised} <= set(notices(time))
    time.pass_by(10 * MINUTE)
    assert sorted(set(notices(time))) == sorted(notices(time))  # each once


@ON_ONE
def test_a_resource_that_fails_alone_is_tried_as_often_as_its_promise_needs_it(
    time: PassingTime, room: Newsroom
) -> None:
    room.add(5)
    time.schedule(news="auto", comments="off")
    time.pass_by(3 * MINUTE)
    failing(time, NotAvailable("shop", "news", "answered 404", "", 404))
    since = time.moment
    time.pass_by(2 * HOUR, step_seconds=15)
    tries = sorted({at for name, at in time.asked if at >= since})
    pauses = [(later - earlier).total_seconds() for earlier, later in pairwise(tries)]
    assert max(pauses) <= 300
    assert len(tries) <= 2 * 3600 / 240 + 5
    back_at = mend(time)
    time.pass_by(5 * MINUTE)
    assert any(scan.state == "complete" and scan.started_at >= back_at for scan in time.scans("news"))


@ON_ONE
def test_a_resource_whose_promise_is_long_rests_longer_each_time(time: PassingTime, room: Newsroom) -> None:
    room.add(5)
    time.schedule(news="1d", comments="off")
    failing(time, NotAvailable("shop", "news", "answered 404", "", 404))
    time.pass_by(5 * HOUR, step_seconds=30)
    pauses = [(later - earlier).total_seconds() for earlier, later in pairwise(sorted({at for _, at in time.asked}))]
    assert pauses == sorted(pauses)
    assert 3600 <= pauses[-1] <= 3660


@ON_ONE
def test_a_source_rests_no_longer_than_its_shortest_promise_allows(time: PassingTime, room: Newsroom) -> None:
    room.add(5)
    time.schedule(news="auto", comments="off")
    time.pass_by(3 * MINUTE)
    with time.services.database.write() as session:
        for _ in range(30):
            backoff.note_source_failure(session, "shop", now=time.moment)
        (rest,) = backoff.resting_sources(session, now=time.moment).values()
    assert (rest.until - time.moment).total_seconds() == 150


def test_an_hour_of_429_loses_nothing_and_its_promises_are_told_broken_and_kept(
    time: PassingTime, room: Newsroom
) -> None:
    room.add(5)
    time.schedule(news="auto", comments="auto")
    time.pass_by(10 * MINUTE)
    failing(time, Overloaded("shop", "news", "answered 429", ""))
    since, asked = time.moment, len(time.asked)
    time.pass_by(HOUR / 2, step_seconds=15)
    room.add(2)
    time.pass_by(HOUR / 2, step_seconds=15)
    assert len(time.asked) - asked <= 200
    broken = [each for each in notices(time) if each[0] == "broken"]
    assert sorted(broken) == sorted(
        ("broken", name, which.value) for name in ("news", "comments") for which in Promise
    )  # once each, for the whole hour
    mend(time)
    time.pass_by(5 * MINUTE)
    assert sorted(each[1:] for each in notices(time) if each[0] == "kept") == sorted(each[1:] for each in broken)
    assert {("news", "6", "created"), ("news", "7", "created")} <= set(told(time.services))
    assert str(Notice.PROMISE_KEPT) == "mirrorpoint.promise_kept"
    assert not time.stored("news").broken_at
    assert since < time.moment


def looked(time: PassingTime, state: str) -> list[datetime]:
    """The starts of the head scans that ended so."""
    return [scan.started_at for scan in time.scans("news", "head") if scan.state == state]


@ON_ONE
def test_a_head_scan_that_failed_is_tried_again_when_its_rest_is_over_and_not_at_its_next_turn(
    time: PassingTime, room: Newsroom
) -> None:
    room.add(5)
    time.schedule(news="4h, head 5m", comments="off")
    time.pass_by(11 * MINUTE)
    failing(time, Overloaded("shop", "news", "answered 429", ""))
    while not looked(time, "failed"):
        time.pass_by(timedelta(seconds=5))
    back_at = mend(time)
    time.pass_by(MINUTE)
    assert [at for at in looked(time, "complete") if back_at < at <= back_at + timedelta(seconds=20)]


@ON_ONE
def test_a_list_whose_head_scans_keep_failing_is_tried_less_and_less_often(time: PassingTime, room: Newsroom) -> None:
    room.add(5)
    time.schedule(news="4h, head 10s", comments="off")
    time.pass_by(2 * MINUTE)
    failing(time, NotAvailable("shop", "news", "answered 404", "", 404))
    since = time.moment
    time.pass_by(HOUR)
    tries = sorted({at for name, at in time.asked if at >= since})
    pauses = [(later - earlier).total_seconds() for earlier, later in pairwise(tries)]
    assert pauses == sorted(pauses)
    assert 300 <= pauses[-1] <= 320
    assert len(pauses) < 25


@ON_ONE
def test_a_complete_scan_keeps_how_many_rows_it_asked_for_at_once(time: PassingTime, room: Newsroom) -> None:
    room.add(5)
    time.schedule(news="5m", comments="off")
    time.pass_by(6 * MINUTE)
    with time.services.database.read() as session:
        learned = Learned.from_json(scans.resource_state(session, "shop", "news").learned)
    assert learned.page_size == time.services.sources["shop"].page_size
    assert learned.page_size_since is None
