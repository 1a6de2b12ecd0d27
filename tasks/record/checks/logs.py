"""The two logs, row by row in the order of their numbers: no number is missing, each digest is that of its row, and the
roots follow from the digests.

All three in one walk, since reading the rows takes longer than anything else. Used by whole.py.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from changes.records import Id, Kind
from storage import guards, log_order, log_rows, row_digests
from storage.log_order import Step
from storage.log_rows import Row
from storage.row_digests import Looked
from storage.seals import Log
from storage.session import Session
from storage.told_erasures import Erasures
from tasks.mirror_checks.compared import shown
from tasks.record.checks.looks import Looks, Pace
from tasks.record.checks.naming import Naming
from tasks.record.checks.outcome import MOST_TOLD, Check, Name, Problem
from tasks.record.checks.roots import Roots

_NO_ACTION = "its content is not there any more, and no action says that it was erased"
_OF_DELETIONS = frozenset({Kind.DELETED, Kind.RESTORED, Kind.SNAPSHOT})
_KIND, _VERSION = log_rows.COLUMNS[Log.CHANGES].index("kind"), log_rows.COLUMNS[Log.CHANGES].index("version")


@dataclass(slots=True)
class Walk:
    """One walk through one log."""

    looks: Looks
    log: Log
    naming: Naming
    erasures: Erasures
    numbers: Check
    digests: Check
    roots: Roots
    erased: int = 0

    def through(self, *, after: int, until: int) -> None:
        """All rows behind number `after` up to `until`, which was the last one when this began."""
        pace, number = Pace(), after
        with self.looks.look() as session:
            if after:
                self.roots.begin_behind(session, after)
            for lower in log_rows.below_first(session, self.log, limit=MOST_TOLD):
                self._add_number(f"{self._one} {lower:,} is there, and numbers begin with 1", lower)
        while number < until:
            began = time.perf_counter()
            with self.looks.look() as session:
                rows = log_rows.read(session, self.log, after=number, until=until, limit=pace.rows)
                if rows:
                    self._take(session, rows, behind=number, began=began)
            if not rows:
                break
            number = rows[-1][0]
            pace.note(time.perf_counter() - began)
            self.looks.tell(self.digests.name, number, until)
        if number < self.roots.sealed:
            gone = self._rows(number + 1, self.roots.sealed)
            self._add_number(f"{gone} not there, though the checkpoint of {self.roots.sealed:,} covers it", number + 1)
        with self.looks.look() as session:
            self.roots.end(session, number)

    def some(self, rows: Sequence[Row], dialect: str, session: Session) -> None:
        """Only the digests of these rows."""
        with self.digests.timed():
            self._judge(session, rows, self._look_at(rows, dialect))

    def _take(self, session: Session, rows: Sequence[Row], *, behind: int, began: float) -> None:
        """Look at rows that were begun to be read at that time, which is the time of their digests."""
        found = self._look_at(rows, session.dialect)
        self._judge(session, rows, found)
        self.digests.seconds += time.perf_counter() - began
        with self.numbers.timed():
            runs = self._unbroken(rows, behind=behind)
            if self.log is Log.CHANGES:
                self._look_at_steps(session, rows, behind=behind)
        with self.roots.check.timed():
            for start, end in runs:
                first = rows[start][0]
                if first != behind + 1:
                    self.roots.break_off()
                self.roots.feed(session, first - 1, found.leaves[start:end])
                behind = rows[end - 1][0]

    def _look_at(self, rows: Sequence[Row], dialect: str) -> Looked:
        look: Callable[[Sequence[Row], str], Looked] = row_digests.of_changes
        if self.log is Log.ACTIONS:
            look = row_digests.of_actions
        return look(rows, dialect)

    def _judge(self, session: Session, rows: Sequence[Row], found: Looked) -> None:
        self.digests.count += len(rows)
        for place, what in found.bad:
            row = rows[place]
            if self.log is Log.CHANGES:
                self.digests.add(self.naming.change(row, what))
            else:
                self.digests.add(Problem(f"action {row[0]:,}: {what}"))
        if found.erased:
            self.erasures.read_on(session)
        bad = {place for place, _ in found.bad}
        for place in found.erased:
            seq, _, source, resource, parent_key, key, *_ = rows[place]
            if self.erasures.accounts_for(seq, source=source, resource=resource, id=Id(parent_key, key)):
                self.erased += 1
            elif place not in bad:
                self.digests.add(self.naming.change(rows[place], _NO_ACTION))

    def _unbroken(self, rows: Sequence[Row], *, behind: int) -> list[tuple[int, int]]:
        """The rows as runs without a gap: where each begins and ends; the gaps are told."""
        self.numbers.count += len(rows)
        if rows[0][0] == behind + 1 and rows[-1][0] - rows[0][0] == len(rows) - 1:
            return [(0, len(rows))]
        runs, start, expected = list[tuple[int, int]](), 0, behind + 1
        for place, row in enumerate(rows):
            if row[0] != expected:
                if place > start:
                    runs.append((start, place))
                start = place
                if row[0] < expected:  # the tree grows by the first of them
                    self._add_number(f"{self._one} {row[0]:,} is there more than once", row[0])
                    start = place + 1
                    continue
                self._add_number(f"{self._rows(expected, row[0] - 1)} missing", expected)
            expected = row[0] + 1
        return [*runs, (start, len(rows))] if start < len(rows) else runs

    def _look_at_steps(self, session: Session, rows: Sequence[Row], *, behind: int) -> None:
        """First versions are snapshots or creations; behind a deletion stands only what brings the record back."""
        first_kinds = log_order.FIRST_KINDS
        kinds = {row[_KIND] for row in rows}
        odd = [row for row in rows if (row[_VERSION] == 1) is not (row[_KIND] in first_kinds)]
        if not any(row[_KIND] == Kind.SNAPSHOT for row in odd):  # nearly all are first versions
            kinds.discard(Kind.SNAPSHOT)
        for row in odd:
            if row[_VERSION] == 1:
                self.numbers.add(self.naming.change(row, f"a first version cannot be {shown(row[_KIND])}"))
            elif row[_KIND] == Kind.CREATED:
                self.numbers.add(self.naming.change(row, "it is created, and it is not its record's first version"))
        if kinds.isdisjoint(_OF_DELETIONS):
            return
        for step in log_order.wrong_steps(session, after=behind, until=rows[-1][0], kinds=kinds):
            if step.seq_before is None or self._comes_back(session, step):
                continue  # of a gap in the versions `versions` tells
            what = f"it is {shown(step.kind)}, and the version before it is {shown(step.kind_before)}"
            self.numbers.add(self.naming.change((step.seq, "", *step.record, step.version), what))

    def _comes_back(self, session: Session, step: Step) -> bool:
        """Whether it was erased while its source had it still: then the next scan tells it as restored."""
        self.erasures.read_on(session)
        source, resource, *_ = step.record
        before = step.seq_before or 0
        is_erased = self.erasures.is_of_record(before, source=source, resource=resource, id=step.record.id)
        return is_erased and step.kind == Kind.RESTORED

    def _add_number(self, what: str, number: int) -> None:
        self.numbers.add(Problem(what, seq=number if self.log is Log.CHANGES else None))

    @property
    def _one(self) -> str:
        return self.log.value[:-1]

    def _rows(self, first: int, last: int) -> str:
        return f"{self._one} {first:,} is" if first == last else f"{self.log.value} {first:,} to {last:,} are"


def keys(looks: Looks, naming: Naming, numbers: Check) -> None:
    """The log has what keeps its rows from being there twice, or without a number."""
    with looks.look() as session, numbers.timed():
        lost = guards.gone(session, "mirrorpoint_change", guards.OF_CHANGES)
        for what in lost:
            numbers.add(Problem(what))
        for row in log_order.unnumbered(session, limit=MOST_TOLD) if lost else ():
            numbers.add(naming.change(row, "it has no place in the log"))


def versions(looks: Looks, naming: Naming, numbers: Check, *, at_a_time: int = 50_000) -> None:
    """The versions of each record are 1, 2, … without a gap."""
    after, is_over = None, False
    while not is_over:
        with looks.look() as session, numbers.timed():
            until = log_order.part_end(session, after, size=at_a_time)
            for gap in log_order.version_gaps(session, after, until, limit=MOST_TOLD):
                name = naming.record(gap.record.source, gap.record.resource, gap.record.id)
                what = f"{name}: it has {_versions(gap.number)}, from {shown(gap.first)} to {shown(gap.last)}"
                numbers.add(Problem(what, resource=gap.record.resource, key=gap.record.key))
        after, is_over = until, until is None
        looks.tell(Name.NUMBERS, 0, 0)


def _versions(number: int) -> str:
    return "1 version" if number == 1 else f"{number:,} versions"
