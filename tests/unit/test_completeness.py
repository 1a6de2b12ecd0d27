"""No scan is called complete with a row missing that was there all the time, whatever the server does."""

from __future__ import annotations

import json
import os
import random
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.list_servers import KINDS, Hole, ListServer, Refused, Walled
from upstream import evidence, paging, refusals, styles
from upstream.evidence import Evidence, Lesson, Outcome, Verdict
from upstream.paging import Ask, End, Step, Walk

#: Of each kind of server; the soak sets more.
EXAMPLES = int(os.environ.get("EXAMPLES", "6"))


@dataclass
class Scanner:
    """What the scan step does with the walk, without a database: `mirror` is what it holds of the list."""

    limit: int
    mirror: set[str] = field(default_factory=set)
    known: Walk | None = None  #: how the server counts
    lesson: Lesson = field(default_factory=Lesson)
    last: Evidence | None = None  #: of the last complete scan
    is_verified: bool = False
    has_baseline: bool = False
    absent: dict[str, int] = field(default_factory=dict)
    deleted: set[str] = field(default_factory=set)
    asks: int = 0
    walks: int = 0  #: of the last scan

    def scan(self, server: ListServer) -> Verdict:
        """One scan, with as many walks as it wants."""
        server.begin_scan()
        before: list[Evidence] = []
        seen: set[str] = set()
        self.deleted = set()
        walk = Walk()
        while True:
            came_twice = any(each.rows > each.distinct for each in before)
            again = styles.again(walk, came_twice=came_twice) if before else None
            rows, walk, end = self._walk(server, again)
            seen |= set(rows)
            multiset = str(sorted(rows)) if len(set(rows)) < len(rows) else ""
            now = Evidence.of(walk, end, distinct=len(set(rows)), multiset=multiset)
            is_known = set(rows) == self.mirror
            verdict = evidence.judge(
                now,
                end,
                before,
                last=self.last,
                off_by=self.lesson.off_by,
                is_known=is_known,
                has_all=self.has_baseline and self.mirror <= set(rows),
            )
            if verdict.outcome is not Outcome.AGAIN:
                break
            before.append(Evidence.from_json(json.loads(json.dumps(now.to_json()))))
        self.asks, self.walks = server.asks, len(before) + 1
        self.lesson = self.lesson.after(now, has_all=self.mirror <= set(rows))
        self.mirror |= seen
        self.known = self.last = None
        if verdict.outcome is Outcome.COMPLETE:
            self.known, self.last = walk, replace(now, is_proof=True)
            self.has_baseline = True
            self.is_verified |= now.total == now.rows > 0 and not now.is_aligned
            self._delete(seen)
        return verdict

    def _delete(self, seen: set[str]) -> None:
        self.absent = {row: self.absent.get(row, 0) + 1 for row in self.mirror - seen}
        self.deleted = {row for row, times in self.absent.items() if times >= 2}
        self.mirror -= self.deleted

    def _walk(self, server: ListServer, again: Walk | None) -> tuple[list[str], Walk, End]:
        walk, rows = again or paging.begin(self.known), list[str]()
        is_verified = self.is_verified and self.known is not None and again is None
        for _ in range(30_000):
            asked = paging.ask(walk, limit=self.limit)
            step, page = self._step(server, walk, asked, is_verified=is_verified)
            if step.walk.restarts > walk.restarts:
                rows = []
            rows += page[step.fresh :]
            if step.end:
                return rows, step.walk, step.end
            walk = Walk.from_json(json.loads(json.dumps(step.walk.to_json())))
        raise AssertionError("the walk did not end")

    def _step(self, server: ListServer, walk: Walk, asked: Ask, *, is_verified: bool) -> tuple[Step, list[str]]:
        try:
            page, total = server(asked.offset, asked.limit)
        except Refused as refused:
            step = refusals.refuse(walk, asked, is_trouble=refused.is_trouble, is_end=refused.is_end)
            failed = End(paging.Ending.HIDDEN, "the server failed")
            return step or Step(walk, 0, failed), []
        return paging.accept(walk, asked, page, total=total, is_verified=is_verified), page


def plain_requests(server: ListServer, limit: int) -> int:
    """What a walk costs at least: pages of so many rows, each with one row of the page before."""
    size = max(min(limit, server.cap) - 1, 1)
    return len(server.there) // size + 1


def rows_of(count: int) -> list[str]:
    return [f"r{n:05}" for n in range(count)]


def check_scans(server: ListServer, *, limit: int, scans: int = 4) -> list[Verdict]:
    scanner, verdicts = Scanner(limit), []
    for _ in range(scans):
        verdict = scanner.scan(server)
        verdicts.append(verdict)
        wrong = server.stayed & scanner.deleted
        assert not wrong, f"told as deleted: {sorted(wrong)[:3]}"
        if verdict.outcome is Outcome.COMPLETE:
            missing = server.stayed - scanner.mirror - server.unlisted
            assert not missing, f"complete without {sorted(missing)[:3]}"
        assert scanner.asks <= 3 * plain_requests(server, limit) + 60, "too many requests"
        for _ in range(server.rng.randint(0, 3)):
            server.change()
    return verdicts


@pytest.mark.parametrize(
    "server", [Hole(rows_of(60), random.Random(1)), Walled(rows_of(60), random.Random(1), wall=59)]
)
def test_a_list_that_hides_a_page_is_told_with_both_numbers(server: ListServer) -> None:
    scanner = Scanner(10)
    for _ in range(2):
        verdict = scanner.scan(server)

        assert Outcome.DRIFTED is verdict.outcome
        assert "the total says 60, but 59 different rows were listed" in verdict.reason
        assert not scanner.deleted


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=EXAMPLES)
@given(data=st.data())
def test_no_scan_is_complete_with_a_row_missing_that_was_there_all_the_time(kind: str, data: st.DataObject) -> None:
    rng = random.Random(data.draw(st.integers(0, 2**32)))
    count = data.draw(st.one_of(st.integers(0, 60), st.integers(0, 2000)))
    limit = data.draw(st.integers(max(count // 60, 1), 500 if count > 60 else 30))

    check_scans(KINDS[kind](rows_of(count), rng), limit=limit)
