"""Lists by page numbers: no scan is complete with a row missing that was there all the time."""

from __future__ import annotations

import json
import os
import random
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.list_servers import Answer, ListServer, Make, Refused
from tests.unit.test_completeness import Scanner, rows_of
from upstream import catalogue, numbered, styles
from upstream.evidence import Outcome, Verdict
from upstream.numbered import Numbered
from upstream.paging import Ask, End, Ending, Step, Walk

EXAMPLES = int(os.environ.get("EXAMPLES", "6"))
#: By the number of the first page.
CATALOGUES = {
    first: catalogue.parse(
        f'[source]\npaging = {{ style = "page", first = {first} }}\n[resources.things]\npath = "/things"',
        name="own",
        origin="own.toml",
    )
    for first in (0, 1)
}


@dataclass
class Pages(ListServer):
    """Its pages have numbers, which stand for other rows where it sends fewer than were asked for."""

    hidden: frozenset[str] = frozenset()  #: cut first, left out then
    chance: float = 0.0  #: that a page lacks rows
    counts_from: int = 1  #: the number of its first page
    asked_from: int = 1  #: the one that the catalogue names
    kind: int | None = None  #: how it answers to numbers that are too small

    def answer(self, offset: int, limit: int) -> Answer:
        assert offset % limit == 0
        number = offset // limit + self.asked_from - self.counts_from
        return self.numbered(number, min(limit, self.cap)) if number >= 0 else self.before(min(limit, self.cap))

    def before(self, size: int) -> Answer:
        """What it answers to a number that is too small."""
        if self.kind is None:
            self.kind = self.rng.randrange(4)
        match self.kind:
            case 0:
                raise Refused(is_end=self.rng.random() < 0.5)
            case 1:
                return [], self.total
            case 2:
                return self.there[-size:], self.total
        return self.numbered(0, size)

    def numbered(self, number: int, size: int) -> Answer:
        page = self.there[number * size : (number + 1) * size]
        if size > 1:  # where no total says more, an empty page is the end
            page = [row for row in page if row not in self.hidden]
        if self.rng.random() < self.chance:
            page = page[: self.rng.randint(0, len(page))]
        return page, self.total

    @property
    def unlisted(self) -> frozenset[str]:
        return self.hidden


class RefusingBehind(Pages):
    """400 or 404 behind the last page."""

    def numbered(self, number: int, size: int) -> Answer:
        if number and number * size >= len(self.there):
            raise Refused(is_end=self.rng.random() < 0.5)
        return super().numbered(number, size)


class LastAgain(Pages):
    """The last page for all that is behind it."""

    def numbered(self, number: int, size: int) -> Answer:
        return super().numbered(min(number, max(-(-len(self.there) // size) - 1, 0)), size)


class FirstAlways(Pages):
    """It does not know the parameter."""

    def numbered(self, _number: int, size: int) -> Answer:
        return super().numbered(0, size)


class PageTotals(Pages):
    """Its total is the number of rows on the page."""

    def numbered(self, number: int, size: int) -> Answer:
        page, _ = super().numbered(number, size)
        return page, len(page)


class FirstWithPageTotals(FirstAlways, PageTotals):
    """Both."""


class TotalWithRows(Pages):
    """It says no total behind the last row."""

    def numbered(self, number: int, size: int) -> Answer:
        page, total = super().numbered(number, size)
        return page, total if page else None


KINDS: dict[str, Make] = {
    "exact": Pages,
    "capped": lambda rows, rng: Pages(rows, rng, cap=rng.randint(1, 60), has_total=rng.random() < 0.5),
    "without total": lambda rows, rng: Pages(rows, rng, has_total=False),
    "restless": lambda rows, rng: Pages(rows, rng, moves=40, burst=3, has_total=rng.random() < 0.5),
    "filtering": lambda rows, rng: Pages(rows, rng, hidden=frozenset(rng.sample(rows, min(len(rows), 3)))),
    "filtering without a total": lambda rows, rng: rng.choice([Pages, RefusingBehind, LastAgain, PageTotals])(
        rows, rng, has_total=False, hidden=frozenset(rng.sample(rows, min(len(rows), 1)))
    ),
    "stumbling": lambda rows, rng: Pages(rows, rng, chance=0.1),
    "refusing behind": lambda rows, rng: RefusingBehind(rows, rng, has_total=rng.random() < 0.5),
    "the last page again": lambda rows, rng: LastAgain(rows, rng, has_total=rng.random() < 0.5),
    "the first page always": lambda rows, rng: FirstAlways(
        rows, rng, cap=rng.choice([1000, 10]), has_total=rng.random() < 0.5
    ),
    "the first page always, total of the page": lambda rows, rng: FirstWithPageTotals(rows, rng, cap=10),
    "total of the page": lambda rows, rng: PageTotals(rows, rng, cap=rng.randint(4, 60)),
    "counts from 0": lambda rows, rng: Pages(rows, rng, counts_from=0, asked_from=0, has_total=rng.random() < 0.5),
    "counts from 0, asked from 1": lambda rows, rng: Pages(rows, rng, counts_from=0, has_total=rng.random() < 0.5),
    "counts from 1, asked from 0": lambda rows, rng: Pages(rows, rng, asked_from=0, has_total=rng.random() < 0.5),
    "total on pages with rows": TotalWithRows,
    "total too large": lambda rows, rng: Pages(rows, rng, off_by=rng.randint(1, 5)),
    "total too small": lambda rows, rng: Pages(rows, rng, off_by=-rng.randint(1, 5)),
}


class PageScanner(Scanner):
    """Begins each walk as one by pages."""

    def _walk(self, server: ListServer, again: Walk | None) -> tuple[list[str], Walk, End]:
        own = CATALOGUES[getattr(server, "asked_from", 1)]
        has_first = again is None and isinstance(self.known, Numbered) and self.known.has_first
        walk, rows = styles.fitting(Walk(), own, own.resources["things"], has_first=has_first), list[str]()
        for _ in range(30_000):
            limit = self.limit if not rows else server.rng.choice([self.limit, 7])  # the configuration may have changed
            asked = styles.ask(walk, limit=limit)
            try:
                page, total = server(asked.offset, asked.limit)
            except Refused as refused:
                step = styles.refuse(walk, asked, is_end=refused.is_end)
                step = step or Step(walk, 0, End(Ending.HIDDEN, "the server failed"))
            else:
                step = styles.accept(walk, asked, page, next_=None, total=total, is_verified=False)
                rows += page[step.fresh :]
            walk = styles.from_json(json.loads(json.dumps(step.walk.to_json())))
            if step.end:
                return rows, walk, step.end
        raise AssertionError("the walk did not end")


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=EXAMPLES)
@given(data=st.data())
def test_no_scan_is_complete_with_a_row_missing_that_was_there_all_the_time(kind: str, data: st.DataObject) -> None:
    rng = random.Random(data.draw(st.integers(0, 2**32)))
    count = data.draw(st.one_of(st.integers(0, 60), st.integers(0, 2000)))
    limit = data.draw(st.integers(max(count // 60, 1), 500 if count > 60 else 30))
    server, scanner = KINDS[kind](rows_of(count), rng), PageScanner(limit)
    for _ in range(3):
        verdict = scanner.scan(server)
        wrong = (server.stayed & scanner.deleted) - server.unlisted
        assert not wrong, f"told as deleted: {sorted(wrong)[:3]}"
        if verdict.outcome is Outcome.COMPLETE:
            missing = server.stayed - scanner.mirror - server.unlisted
            assert not missing, f"complete without {sorted(missing)[:3]}"
        for _ in range(rng.randint(0, 3)):
            server.change()


@pytest.mark.parametrize(
    "kind",
    [
        "exact",
        "capped",
        "without total",
        "counts from 0",
        "total on pages with rows",
        "refusing behind",
        "the last page again",
    ],
)
def test_an_honest_server_is_complete(kind: str) -> None:
    # An error behind a full page may as well hide the rest, where there is no total.
    full = 9 if kind == "refusing behind" else 10
    for seed in range(10):
        for count in (0, 1, 2, full, 35):
            server = KINDS[kind](rows_of(count), random.Random(seed))
            verdict = PageScanner(10).scan(server)
            assert verdict.outcome is Outcome.COMPLETE, (seed, count, server.cap, verdict)


@pytest.mark.parametrize("kind", [Pages, RefusingBehind, LastAgain])
def test_a_page_that_lacks_a_row_is_not_the_last_one(kind: type[Pages]) -> None:
    server, scanner = kind(rows_of(45), random.Random(1), has_total=False), PageScanner(20)
    assert scanner.scan(server).outcome is Outcome.COMPLETE
    assert len(scanner.mirror) == 45

    server.hidden = frozenset(server.there[39:40])
    for _ in range(3):
        assert scanner.scan(server).outcome is Outcome.COMPLETE
    assert scanner.mirror == set(server.there) - server.hidden


def test_a_first_page_that_lacks_its_second_half_is_not_the_size_of_a_page() -> None:
    rows = rows_of(45)
    server, scanner = Pages(rows, random.Random(1), has_total=False, hidden=frozenset(rows[10:20])), PageScanner(20)
    assert scanner.scan(server).outcome is Outcome.COMPLETE
    assert len(scanner.mirror) == 35


def test_a_list_whose_total_counts_the_page_is_told_by_its_total() -> None:
    verdict = PageScanner(20).scan(PageTotals(rows_of(100), random.Random(1)))
    assert verdict.outcome is Outcome.DRIFTED
    assert "no two walks" not in verdict.reason
    assert "total" in verdict.reason


@pytest.mark.parametrize("kind", ["exact", "without total", "counts from 0"])
def test_an_unchanged_list_costs_one_request_per_page_and_one_for_its_end(kind: str) -> None:
    server, scanner = KINDS[kind](rows_of(100), random.Random(1)), PageScanner(10)
    for _ in range(2):
        scanner.scan(server)

    assert server.asks == 11


def test_a_first_page_that_is_not_the_first_one_is_told() -> None:
    verdict = PageScanner(10).scan(Pages(rows_of(35), random.Random(1), counts_from=0, has_total=False))
    assert verdict == Verdict(Outcome.PARTIAL, "page 0 brings 10 other rows: is `first` of paging right?")

    few = Pages(rows_of(5), random.Random(1), counts_from=0, has_total=False)
    assert PageScanner(10).scan(few).reason == "page 0 brings 5 other rows: is `first` of paging right?"
    too_early = Pages(rows_of(35), random.Random(1), asked_from=0, has_total=False, kind=1)
    assert PageScanner(10).scan(too_early).reason == "page 1 brings 10 other rows: is `first` of paging right?"


def test_a_page_of_new_rows_between_two_requests_is_not_the_whole_list() -> None:
    def page(number: int, size: int, there: list[str]) -> list[str]:
        return there[(number - 1) * size : number * size]

    old = rows_of(40)
    new = [f"new{number}" for number in range(10)] + old
    first = numbered.accept(numbered.begin(first=1), Ask(0, 10), page(1, 10, old), total=None).walk
    walk = numbered.accept(first, Ask(10, 10), page(2, 10, new), total=None).walk
    assert walk.is_asking_for_half
    step = numbered.accept(walk, numbered.ask(walk, limit=10), page(2, 5, new), total=None)
    assert (step.end, step.walk.restarts, step.walk.rows) == (None, 1, 0)
