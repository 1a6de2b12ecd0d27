"""Lists by page numbers: no scan is complete with a row missing that was there all the time."""

from __future__ import annotations

import json
import os
import random
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from changes.resources import Resource
from tests.unit.list_servers import Answer, ListServer, Make, Refused
from tests.unit.test_completeness import Scanner, rows_of
from upstream import catalogue, styles
from upstream.evidence import Outcome
from upstream.paging import End, Walk

EXAMPLES = int(os.environ.get("EXAMPLES", "12"))
CATALOGUE = catalogue.parse(
    '[source]\npaging = { style = "page" }\n[resources.things]\npath = "/things"', name="own", origin="own.toml"
)
THINGS: Resource = CATALOGUE.resources["things"]


@dataclass
class Pages(ListServer):
    """Its pages have numbers, which stand for other rows where it sends fewer than were asked for."""

    hidden: frozenset[str] = frozenset()  #: cut first, left out then
    chance: float = 0.0  #: that a page lacks rows

    def answer(self, offset: int, limit: int) -> Answer:
        assert offset % limit == 0
        return self.numbered(offset // limit, min(limit, self.cap))

    def numbered(self, number: int, size: int) -> Answer:
        page = [row for row in self.there[number * size : (number + 1) * size] if row not in self.hidden]
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


KINDS: dict[str, Make] = {
    "exact": Pages,
    "capped": lambda rows, rng: Pages(rows, rng, cap=rng.randint(1, 60), has_total=rng.random() < 0.5),
    "without total": lambda rows, rng: Pages(rows, rng, has_total=False),
    "restless": lambda rows, rng: Pages(rows, rng, moves=40, burst=3, has_total=rng.random() < 0.5),
    "filtering": lambda rows, rng: Pages(rows, rng, hidden=frozenset(rng.sample(rows, min(len(rows), 3)))),
    "stumbling": lambda rows, rng: Pages(rows, rng, chance=0.1),
    "refusing behind": lambda rows, rng: RefusingBehind(rows, rng, has_total=rng.random() < 0.5),
    "the last page again": lambda rows, rng: LastAgain(rows, rng, has_total=rng.random() < 0.5),
    "the first page always": lambda rows, rng: FirstAlways(
        rows, rng, cap=rng.choice([1000, 10]), has_total=rng.random() < 0.5
    ),
    "the first page always, total of the page": lambda rows, rng: FirstWithPageTotals(rows, rng, cap=10),
    "total of the page": lambda rows, rng: PageTotals(rows, rng, cap=rng.randint(4, 60)),
    "total too large": lambda rows, rng: Pages(rows, rng, off_by=rng.randint(1, 5)),
    "total too small": lambda rows, rng: Pages(rows, rng, off_by=-rng.randint(1, 5)),
}


class PageScanner(Scanner):
    """Begins each walk as one by pages."""

    def _walk(self, server: ListServer, _known: Walk | None) -> tuple[list[str], Walk, End]:
        walk, rows = styles.fitting(Walk(), CATALOGUE, THINGS), list[str]()
        for _ in range(30_000):
            asked = styles.ask(walk, limit=self.limit)
            try:
                page, total = server(asked.offset, asked.limit)
            except Refused as refused:
                step = styles.refuse(walk, asked, is_end=refused.is_end)
                assert step is not None
            else:
                step = styles.accept(walk, asked, page, next_=None, total=total, is_verified=False)
                rows += page[step.fresh :]
            walk = styles.from_json(json.loads(json.dumps(step.walk.to_json())))
            if step.end:
                return rows, walk, step.end
        raise AssertionError("the walk did not end")


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=EXAMPLES, deadline=None)
@given(data=st.data())
def test_no_scan_is_complete_with_a_row_missing_that_was_there_all_the_time(kind: str, data: st.DataObject) -> None:
    rng = random.Random(data.draw(st.integers(0, 2**32)))
    count = data.draw(st.one_of(st.integers(0, 60), st.integers(0, 2000)))
    limit = data.draw(st.integers(max(count // 60, 1), 500 if count > 60 else 30))
    server, scanner = KINDS[kind](rows_of(count), rng), PageScanner(limit)
    for _ in range(3):
        verdict = scanner.scan(server)
        wrong = server.stayed & scanner.deleted
        assert not wrong, f"told as deleted: {sorted(wrong)[:3]}"
        if verdict.outcome is Outcome.COMPLETE:
            missing = server.stayed - scanner.mirror - server.unlisted
            assert not missing, f"complete without {sorted(missing)[:3]}"
        for _ in range(rng.randint(0, 3)):
            server.change()


@pytest.mark.parametrize("kind", ["exact", "capped", "without total", "refusing behind", "the last page again"])
def test_an_honest_server_is_complete(kind: str) -> None:
    # An error behind a full page may as well hide the rest, where there is no total.
    full = 9 if kind == "refusing behind" else 10
    for seed in range(10):
        for count in (0, 1, 2, full, 35):
            server = KINDS[kind](rows_of(count), random.Random(seed))
            verdict = PageScanner(10).scan(server)
            assert verdict.outcome is Outcome.COMPLETE, (seed, count, server.cap, verdict)
