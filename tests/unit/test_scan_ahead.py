"""Requests sent ahead of a walk: in its order for the walk, within the permits, given back to others, ended with it."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import pytest

from tasks.scan import prefetch
from tasks.scan.prefetch import Ahead, Wanted
from upstream.paging import Ask
from upstream.raw_page import RawPage
from upstream.throttle import Budget, LocalLimitStore, NoPermit

PATIENCE_SECONDS = 20


def wanted(number: int, parent_key: str = "") -> Wanted:
    return Wanted(parent_key, Ask(number * 10, 10))


class Source:
    """Takes its time to answer, and knows how many requests were under way at once."""

    def __init__(self, *, concurrency: int = 8) -> None:
        self.budget = Budget("s", LocalLimitStore(), requests_per_second=10_000, concurrency=concurrency)
        self.is_wanted = False
        self.rooms = 0
        self.asked: list[Wanted] = []
        self.most = 0
        self._under_way = 0
        self._changed = threading.Condition()
        self.takes_seconds = 0.0

    def ahead(self) -> Any:
        ahead = Ahead(self.fetch, self.budget, is_wanted=lambda: self.is_wanted, on_room=self._note_room)
        return closing(ahead)

    def _note_room(self) -> None:
        self.rooms += 1

    def fetch(self, each: Wanted) -> RawPage:
        with self.budget.request(), self._changed:
            self.asked.append(each)
            self._under_way += 1
            self.most = max(self.most, self._under_way)
            self._changed.notify_all()
        time.sleep(self.takes_seconds)
        with self._changed:
            self._under_way -= 1
        if each.ask.offset < 0:
            raise ValueError("no such page")
        return RawPage([each.ask.offset], None, 100, datetime.now(UTC))

    def wait_until_asked(self, number: int) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.asked) >= number, PATIENCE_SECONDS)


@pytest.fixture
def source() -> Iterator[Source]:
    made = Source()
    yield made
    assert not [thread for thread in threading.enumerate() if thread.name == "scan-lane"], "a lane is left behind"


def test_pages_come_in_the_order_of_the_walk_and_each_is_asked_for_once(source: Source) -> None:
    with source.budget.permit(), source.ahead() as ahead:
        for number in range(50):
            page = ahead.page(wanted(number), [wanted(each) for each in range(number + 1, 50)])
            assert page.rows == [number * 10]
        assert ahead.take_requests() == 50
    assert len(source.asked) == len(set(source.asked)) == 50


def test_a_walk_that_needs_no_second_request_starts_no_thread(source: Source) -> None:
    with source.budget.permit(), source.ahead() as ahead:
        ahead.page(wanted(0), [])
        assert not [thread for thread in threading.enumerate() if thread.name == "scan-lane"]


def test_the_next_page_is_asked_for_while_one_is_taken(source: Source) -> None:
    with source.budget.permit(), source.ahead() as ahead:
        ahead.page(wanted(0), [wanted(1), wanted(2)])
        source.wait_until_asked(2)


@pytest.mark.parametrize("concurrency", [1, 3, 8])
def test_where_the_source_is_slow_more_are_under_way_but_never_more_than_permits(
    concurrency: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prefetch, "SLOW_SECONDS", -1)
    source = Source(concurrency=concurrency)
    with source.budget.permit(), source.ahead() as ahead:
        source.takes_seconds = 0.01
        begun = time.monotonic()
        for number in itertools.count():
            ahead.page(wanted(number), [wanted(each) for each in range(number + 1, number + 40)])
            if number >= 60 and source.most >= concurrency:
                break
            assert time.monotonic() - begun < PATIENCE_SECONDS
    assert source.most == concurrency


def test_all_permits_are_given_back_at_the_end(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prefetch, "SLOW_SECONDS", -1)
    with source.budget.permit():
        with source.ahead() as ahead:
            for number in range(30):
                ahead.page(wanted(number), [wanted(each) for each in range(number + 1, 40)])
        held = [source.budget.limits.acquire_permit("s", "others", limit=8, lease_seconds=60) for _ in range(8)]
    assert sum(number is not None for number in held) == 7


def test_further_permits_are_given_to_who_waits_for_them(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prefetch, "SLOW_SECONDS", -1)
    monkeypatch.setattr(prefetch, "LOOK_SECONDS", 0)
    with source.budget.permit(), source.ahead() as ahead:
        for number in range(30):
            ahead.page(wanted(number), [wanted(each) for each in range(number + 1, 100)])
        source.is_wanted = True
        for number in range(30, 40):
            ahead.page(wanted(number), [wanted(each) for each in range(number + 1, 100)])
        with source.budget.permit(wait_seconds=0):
            pass
        assert source.rooms == 7
        source.most = 0
        for number in range(40, 60):
            ahead.page(wanted(number), [wanted(each) for each in range(number + 1, 100)])
        assert source.most == 1


def test_where_no_further_permit_is_to_be_had_the_walk_goes_on_with_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prefetch, "SLOW_SECONDS", -1)
    source = Source(concurrency=2)
    with source.budget.permit(), source.budget.permit(), source.ahead() as ahead:
        for number in range(30):
            ahead.page(wanted(number), [wanted(each) for each in range(number + 1, 40)])
        assert source.most == 1
        with pytest.raises(NoPermit), source.budget.permit(wait_seconds=0):
            pass


def test_an_error_is_raised_at_its_turn_and_the_pages_behind_it_stay_good(source: Source) -> None:
    bad = Wanted("", Ask(-1, 10))
    with source.budget.permit(), source.ahead() as ahead:
        ahead.page(wanted(0), [bad, wanted(2)])
        source.wait_until_asked(3)
        with pytest.raises(ValueError, match="no such page"):
            ahead.page(bad, [wanted(2)])
        assert ahead.page(wanted(2), []).rows == [20]
    assert len(source.asked) == 3


def test_a_page_that_was_not_foreseen_drops_those_of_its_list_and_no_others(source: Source) -> None:
    with source.budget.permit(), source.ahead() as ahead:
        ahead.page(wanted(0, "a"), [wanted(1, "a"), wanted(0, "b")])
        assert ahead.page(Wanted("a", Ask(7, 10)), [wanted(0, "b")]).rows == [7]
        assert ahead.page(wanted(0, "b"), []).rows == [0]
    assert source.asked.count(wanted(0, "b")) == 1


def test_a_list_that_is_never_as_foreseen_is_not_asked_ahead_for_ever(source: Source) -> None:
    with source.budget.permit(), source.ahead() as ahead:
        for number in range(100):
            ahead.page(wanted(number * 3), [wanted(number * 3 + 1)])
        assert ahead.take_requests() <= 100 + prefetch.MOST_WASTED


def test_other_requests_of_the_slice_go_under_its_permits(source: Source) -> None:
    with source.budget.permit(), source.ahead() as ahead:
        assert ahead.run(lambda: "inline") == "inline"
        ahead.page(wanted(0), [wanted(1)])
        assert ahead.run(lambda: threading.current_thread().name) == "scan-lane"
