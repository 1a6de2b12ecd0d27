"""No scan of a list whose pages name the next one is complete with a row missing that was there all the time."""

from __future__ import annotations

import json
import os
import random
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.chain_servers import (
    KINDS,
    ChainServer,
    CutShort,
    EmptyBetweenWithPageTotals,
    Expiring,
    ExpiringWithPageTotals,
    FirstWithPageTotals,
    IgnoringLimits,
    NeverEnding,
    NeverTelling,
)
from tests.unit.list_servers import Refused
from tests.unit.test_completeness import rows_of
from upstream import chains, evidence
from upstream.chains import Chain
from upstream.evidence import Evidence, Outcome, Verdict
from upstream.paging import Ask, End, Ending, Step

#: Of each kind of server; the soak sets more.
EXAMPLES = int(os.environ.get("EXAMPLES", "6"))


@dataclass
class Scanner:
    """What the scan step does with a chain, without a database: `mirror` is what it holds of the list."""

    limit: int
    mirror: set[str] = field(default_factory=set)
    last: Evidence | None = None
    asks: int = 0

    def scan(self, server: ChainServer) -> Verdict:
        """One scan, with as many walks as it wants; a row that it misses while it is complete is deleted."""
        server.begin_scan()
        before, seen = list[Evidence](), set[str]()
        while True:
            rows, chain, end = self._walk(server)
            seen |= set(rows)
            now = Evidence.of(chain, end, distinct=len(set(rows)))
            is_known = set(rows) == self.mirror
            verdict = evidence.judge(now, end, before, last=self.last, is_known=is_known)
            if verdict.outcome is not Outcome.AGAIN:
                break
            before.append(now)
        self.asks = server.asks
        is_complete = verdict.outcome is Outcome.COMPLETE
        self.last = now if is_complete else None
        self.mirror = seen if is_complete else self.mirror | seen
        return verdict

    def _walk(self, server: ChainServer) -> tuple[list[str], Chain, End]:
        chain, rows = chains.begin(), list[str]()
        for _ in range(30_000):
            step, page = self._step(server, chain, chains.ask(chain, limit=self.limit))
            if step.walk.restarts > chain.restarts:
                rows = []
            rows += page[step.fresh :]
            chain = Chain.from_json(json.loads(json.dumps(step.walk.to_json())))  # killed, and taken up again
            if step.end:
                return rows, chain, step.end
        raise AssertionError("the walk did not end")

    def _step(self, server: ChainServer, chain: Chain, asked: Ask) -> tuple[Step, list[str]]:
        try:
            page, behind, total = server(asked.cursor, asked.limit)
        except Refused:
            step = chains.refuse(chain, asked)
            assert step is not None
            return step, []
        return chains.accept(chain, asked, page, next_=behind, total=total), page


def scanned(server: ChainServer, *, limit: int = 10, scans: int = 1) -> Verdict:
    scanner = Scanner(limit)
    for _ in range(scans):
        verdict = scanner.scan(server)
    return verdict


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=EXAMPLES)
@given(data=st.data())
def test_no_scan_is_complete_with_a_row_missing_that_was_there_all_the_time(kind: str, data: st.DataObject) -> None:
    rng = random.Random(data.draw(st.integers(0, 2**32)))
    count = data.draw(st.one_of(st.integers(0, 60), st.integers(0, 2000)))
    limit = data.draw(st.integers(max(count // 60, 1), 500 if count > 60 else 30))
    server, scanner = KINDS[kind](rows_of(count), rng), Scanner(limit)
    for _ in range(3):
        verdict = scanner.scan(server)
        if verdict.outcome is Outcome.COMPLETE:
            missing = server.stayed - scanner.mirror
            assert not missing, f"complete without {sorted(missing)[:3]}"
        pages = len(server.there) // max(min(limit, server.cap), 1) + 1
        most = 40 * pages + 400 if kind in ("shuffling", "never ending") else 12 * pages + 60
        assert scanner.asks <= most, "too many requests"
        for _ in range(rng.randint(0, 3)):
            server.change()


@pytest.mark.parametrize(
    "kind", ["exact", "capped", "without total", "total at first", "empty between", "naming itself at the end"]
)
def test_an_honest_server_is_complete(kind: str) -> None:
    for seed in range(10):
        for count in (0, 1, 2, 10, 35):
            server = KINDS[kind](rows_of(count), random.Random(seed))
            assert scanned(server) == Verdict(Outcome.COMPLETE), (seed, count)


def test_an_unchanged_chain_costs_one_request_per_page() -> None:
    for has_total in (True, False):
        server = ChainServer(rows_of(100), random.Random(1), has_total=has_total)
        scanned(server, scans=2)
        assert server.asks == 10


def test_a_circle_is_told_with_its_numbers_however_long_it_is() -> None:
    said = "; the total says 2,000, but 1,510 different rows were listed"
    for has_total in (False, True):
        for back in (1, 100):
            kind = KINDS["looping"](rows_of(2000), random.Random(1))
            kind.at, kind.back, kind.has_total = 150, back, has_total  # type: ignore[attr-defined]
            verdict = scanned(kind)
            assert verdict.outcome is Outcome.DRIFTED
            assert "pages with" in verdict.reason
            assert verdict.reason.endswith(f"it goes in a circle{said if has_total else ''}")
            assert kind.asks < 2 * 150 + 2 * back


def test_an_empty_page_that_names_a_next_one_is_followed_whatever_the_total_says() -> None:
    for has_total in (True, False):
        verdict = scanned(NeverEnding(rows_of(35), random.Random(1), has_total=has_total))
        assert verdict == Verdict(Outcome.DRIFTED, "100 pages without a row behind 35 rows")

    scanner = Scanner(20)
    scanner.scan(EmptyBetweenWithPageTotals(rows_of(100), random.Random(1)))
    assert len(scanner.mirror) == 100


def test_a_total_that_counts_the_page_makes_no_end_of_a_refusal_nor_of_a_circle() -> None:
    for life in (1, 2):
        server = ExpiringWithPageTotals(rows_of(100), random.Random(1), life=life)
        assert scanned(server, limit=20, scans=2).outcome is Outcome.DRIFTED
    assert scanned(FirstWithPageTotals(rows_of(100), random.Random(1)), limit=20).outcome is Outcome.DRIFTED


def test_a_next_page_that_the_catalogue_does_not_find_is_told_and_not_taken_for_the_end() -> None:
    for has_total in (True, False):
        verdict = scanned(NeverTelling(rows_of(35), random.Random(1), has_total=has_total))
        assert verdict.outcome is Outcome.PARTIAL
        assert "no next page where 5 of its rows came: is `next` of paging right?" in verdict.reason

    one_page = ChainServer(rows_of(7), random.Random(1), end=None, has_total=False)
    assert scanned(one_page) == Verdict(Outcome.COMPLETE)
    verdict = scanned(IgnoringLimits(rows_of(7), random.Random(1), end=None, has_total=False))
    assert verdict.outcome is Outcome.PARTIAL
    assert "nothing shows whether anything follows 7 rows: is `next` of paging right?" in verdict.reason


def test_an_end_that_the_total_contradicts_is_no_end() -> None:
    verdict = scanned(CutShort(rows_of(35), random.Random(1), chance=1))

    assert verdict == Verdict(Outcome.DRIFTED, "the total says 35, but 10 different rows were listed")


def test_a_cursor_that_is_taken_no_more_begins_the_list_anew_and_not_for_ever() -> None:
    assert scanned(Expiring(rows_of(100), random.Random(1), life=5)).outcome is Outcome.COMPLETE

    class AlwaysExpiring(Expiring):
        def answer(self, cursor: str, limit: int) -> tuple[list[str], str | None, int | None]:
            self.life = 5
            return super().answer(cursor, limit)

    verdict = scanned(AlwaysExpiring(rows_of(100), random.Random(1)))
    assert verdict.outcome is Outcome.DRIFTED
    assert verdict.reason.startswith("what names its next page was refused 3 times, at last behind 60 rows")


def test_the_first_page_that_is_refused_is_an_error() -> None:
    assert chains.refuse(chains.begin(), Ask(0, 10)) is None


def test_a_list_that_becomes_empty_in_the_midst_is_not_empty() -> None:
    chain = chains.begin()
    first = chains.accept(chain, Ask(0, 2), ["a", "b"], next_="2", total=None)
    again = chains.refuse(chains.begin(), Ask(2, 2, "2"))
    assert first.end is None
    assert again is not None
    assert isinstance(again.walk, Chain)
    end = chains.accept(again.walk, Ask(0, 2), [], next_="", total=None).end
    assert end is not None
    assert end.ending is Ending.HIDDEN
