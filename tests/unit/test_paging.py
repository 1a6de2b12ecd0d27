"""A walk loses no row that stays, whatever the server does between two pages, and says so when it cannot know."""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upstream import paging
from upstream.evidence import Evidence, Outcome, Verdict, judge
from upstream.paging import Ask, End, Ending, Walk

Server = Callable[[Ask], tuple[list[str], int | None]]


def walk_through(
    server: Server, *, limit: int = 10, is_verified: bool = False, max_asks: int = 1000
) -> tuple[list[str], Verdict, int]:
    """Everything that the last walk took, what came of it, and how many requests were made."""
    asks = itertools.count(1)

    def walk_once() -> tuple[list[str], Walk, End]:
        walk, seen = Walk(), list[str]()
        for made in asks:
            assert made <= max_asks, "the walk did not end"
            asked = paging.ask(walk, limit=limit)
            rows, total = server(asked)
            step = paging.accept(walk, asked, rows, total=total, is_verified=is_verified)
            seen += rows[step.fresh :]
            if step.end:
                return seen, step.walk, step.end
            walk = Walk.from_json(json.loads(json.dumps(step.walk.to_json())))
        raise AssertionError

    seen, verdict = judged(walk_once)
    return seen, verdict, next(asks) - 1


def judged(walk_once: Callable[[], tuple[list[str], Walk, End]]) -> tuple[list[str], Verdict]:
    """The rows of the last of as many walks as are wanted, and what they are worth."""
    before = list[Evidence]()
    while True:
        seen, walk, end = walk_once()
        now = Evidence.of(walk, end, distinct=len(set(seen)))
        verdict = judge(now, end, before)
        if verdict.outcome is not Outcome.AGAIN:
            return seen, verdict
        before.append(now)


def names(count: int) -> list[str]:
    return [f"r{n:04}" for n in range(count)]


def honest(rows: list[str], *, cap: int = 1000, total: bool = True) -> Server:
    return lambda asked: (rows[asked.offset : asked.offset + min(asked.limit, cap)], len(rows) if total else None)


@pytest.mark.parametrize("total", [True, False])
@pytest.mark.parametrize("cap", [1000, 10, 7, 2])
@pytest.mark.parametrize("count", [0, 1, 2, 9, 10, 11, 19, 20, 21, 100])
def test_a_quiet_list_is_seen_whole_once_whatever_the_server_caps(count: int, cap: int, total: bool) -> None:
    seen, end, _ = walk_through(honest(names(count), cap=cap, total=total))

    assert (names(count), Verdict(Outcome.COMPLETE)) == (seen, end)


def test_a_short_page_with_a_fitting_total_needs_no_second_request_once_that_has_proved_true() -> None:
    assert (names(3), Verdict(Outcome.COMPLETE), 1) == walk_through(honest(names(3)), is_verified=True)
    assert 2 == walk_through(honest(names(3)), is_verified=False)[2]


def test_a_capped_server_whose_total_counts_only_its_page_loses_nothing() -> None:
    rows = names(35)

    def server(asked: Ask) -> tuple[list[str], int]:
        page = rows[asked.offset : asked.offset + min(asked.limit, 7)]
        return page, len(page)

    seen, end, _ = walk_through(server)

    assert (rows, Outcome.COMPLETE) == (seen, end.outcome)


def test_a_total_that_is_too_small_hides_nothing() -> None:
    rows = names(25)
    seen, end, _ = walk_through(lambda asked: (rows[asked.offset : asked.offset + asked.limit], 1))

    assert (rows, Outcome.COMPLETE) == (seen, end.outcome)


def test_a_total_that_stays_too_large_is_said() -> None:
    rows = names(25)
    _, end, _ = walk_through(lambda asked: (rows[asked.offset : asked.offset + asked.limit], 30))

    assert Verdict(Outcome.DRIFTED, "the total says 30, but 25 different rows were listed") == end


def test_a_server_that_ignores_offset_and_answers_everything_is_complete() -> None:
    seen, end, asks = walk_through(lambda _asked: (names(7), None))

    assert (names(7), Verdict(Outcome.COMPLETE), 4) == (seen, end, asks)


def test_a_server_that_ignores_offset_and_has_one_row_is_complete() -> None:
    assert (["a"], Verdict(Outcome.COMPLETE)) == walk_through(lambda _asked: (["a"], None))[:2]


def test_a_server_that_sends_one_row_at_a_time_is_not_taken_for_a_list_of_one() -> None:
    seen, end, _ = walk_through(honest(names(5), cap=1, total=False))

    assert (names(5), Outcome.COMPLETE) == (seen, end.outcome)


def test_a_server_that_ignores_limit_too_is_complete() -> None:
    rows = names(70)
    seen, end, _ = walk_through(lambda _asked: (rows, 70))

    assert (rows, Verdict(Outcome.COMPLETE)) == (seen, end)


def test_a_server_that_ignores_offset_and_fills_its_page_is_partial() -> None:
    rows = names(70)
    _, end, _ = walk_through(lambda asked: (rows[: asked.limit], None))

    assert Outcome.PARTIAL == end.outcome


def test_a_list_that_begins_again_instead_of_ending_is_drifted() -> None:
    rows = names(25)
    _, end, _ = walk_through(lambda asked: ([rows[(asked.offset + n) % 25] for n in range(asked.limit)], None))

    assert Outcome.DRIFTED == end.outcome


def test_an_offset_clamped_to_the_last_page_ends_the_list() -> None:
    rows = names(25)

    def server(asked: Ask) -> tuple[list[str], None]:
        start = min(asked.offset, len(rows) - asked.limit)
        return rows[start : start + asked.limit], None

    seen, end, _ = walk_through(server)

    assert (rows, Outcome.COMPLETE) == (seen, end.outcome)


def test_an_endless_list_ends_as_partial() -> None:
    walk = Walk()
    for _ in range(100):
        asked = paging.ask(walk, limit=10)
        rows = [f"r{asked.offset + n}" for n in range(10)]
        step = paging.accept(walk, asked, rows, total=None, is_verified=False, max_rows=200)
        if step.end:
            break
        walk = step.walk

    assert step.end is not None
    assert Ending.HIDDEN == step.end.ending


def test_an_empty_list_that_claims_rows_proves_nothing() -> None:
    _, end, _ = walk_through(lambda _asked: ([], 12))

    assert Verdict(Outcome.PARTIAL, "an empty list, while its total says 12") == end


def test_one_empty_page_in_the_middle_is_walked_around() -> None:
    rows, answers = names(45), iter(range(1000))

    def server(asked: Ask) -> tuple[list[str], int]:
        if next(answers) == 2:
            return [], 45
        return rows[asked.offset : asked.offset + asked.limit], 45

    seen, end, _ = walk_through(server)

    assert (set(rows), Outcome.COMPLETE) == (set(seen), end.outcome)


class Restless:
    """A list in which rows come and go between any two requests, until it rests."""

    def __init__(self, data: st.DataObject, *, most_restless: int) -> None:
        self.rng = random.Random(data.draw(st.integers()))
        self.rows = names(data.draw(st.integers(0, 120)))
        self.stayed = set(self.rows)
        self._burst = data.draw(st.integers(1, 40))
        # A list that never rests may be called drifted; one that rests must be complete.
        self._restless = self.rng.randint(3, most_restless)
        self._extra = itertools.count()

    def __call__(self, asked: Ask) -> tuple[list[str], int]:
        if self._restless:
            self._restless -= 1
            for _ in range(self.rng.randint(0, self._burst)):
                self._change()
        return self.rows[asked.offset : asked.offset + asked.limit], len(self.rows)

    def _change(self) -> None:
        rows, rng = self.rows, self.rng
        if rows and rng.random() < 0.6:
            self.stayed.discard(rows.pop(rng.randrange(len(rows))))
        else:
            place = rng.randint(0, len(rows))
            rows.insert(place, f"{rows[place - 1] if place else 'r'}+{next(self._extra)}")


@given(st.data())
def test_rows_that_stay_are_seen_whatever_is_inserted_and_deleted_between_pages(data: st.DataObject) -> None:
    server = Restless(data, most_restless=30)

    seen, end, _ = walk_through(server, limit=data.draw(st.integers(2, 30)))

    if end.outcome is Outcome.COMPLETE:
        assert not server.stayed - set(seen)


def walk_ahead(server: Server, rng: random.Random, *, limit: int) -> tuple[list[str], Verdict, int]:
    """The same with pages that were asked for before their turn, in any order, as long as the walk still wants them."""
    asks = itertools.count()

    def walk_once() -> tuple[list[str], Walk, End]:
        walk, seen, ready, page_rows = Walk(), list[str](), dict[Ask, tuple[list[str], int | None]](), limit
        while True:
            asked = paging.ask(walk, limit=limit)
            if asked not in ready:
                ready.clear()
            following = list(paging.following(walk, asked, page_rows=page_rows, is_verified=False))[: rng.randint(0, 8)]
            wanted = [each for each in (asked, *following) if each not in ready]
            for each in rng.sample(wanted, len(wanted)):
                ready[each] = server(each)
                assert next(asks) < 1000, "the walk did not end"
            rows, total = ready.pop(asked)
            step = paging.accept(walk, asked, rows, total=total, is_verified=False)
            seen += rows[step.fresh :]
            if step.end:
                return seen, step.walk, step.end
            if len(rows) > 1 and asked.offset + len(rows) < (total or 0):
                page_rows = len(rows)
            walk = step.walk

    seen, verdict = judged(walk_once)
    return seen, verdict, next(asks)


@pytest.mark.parametrize("cap", [1000, 7])
@pytest.mark.parametrize("count", [0, 1, 2, 9, 10, 11, 19, 20, 21, 95])
def test_what_is_asked_for_ahead_of_a_quiet_list_is_what_the_walk_asks_for(count: int, cap: int) -> None:
    server, rng = honest(names(count), cap=cap), random.Random(1)
    _, _, asks = walk_through(server)

    assert (names(count), Verdict(Outcome.COMPLETE), asks) == walk_ahead(server, rng, limit=10)


@given(st.data())
def test_rows_that_stay_are_seen_also_where_later_pages_were_read_before_earlier_ones(data: st.DataObject) -> None:
    server = Restless(data, most_restless=60)

    seen, end, _ = walk_ahead(server, server.rng, limit=data.draw(st.integers(2, 30)))

    if end.outcome is Outcome.COMPLETE:
        assert not server.stayed - set(seen)
