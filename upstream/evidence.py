"""What a walk through a list is worth: decides from all that came whether it was complete; called by the scan step.

The evidence of a walk, and what speaks against it (a *doubt*):

    evidence                                          doubt
    rows taken, and how many of them are different    TWICE: some came twice, so others may not have come
    `total` of each answer                            MISSING: the last one is more than the different rows that came
    places by which rows moved back                   HIDDEN: rows moved back, and `total` did not grow by as much; or
                                                      there is no `total`, and offsets count rows that never came
    an answer that fitted nowhere                     STRAY: rows came that were not taken
    pages that overlap                                GAPS: they do not, so a row may have slipped through between two:
                                                      whole pages, page numbers, and chains of cursors or links
    how the end was seen                              the end was not seen (`End.reason`): HIDDEN, LOST. A chain must
                                                      end with a page that names no other: it does not if it goes in a
                                                      circle, brings a page twice, or has no place for what comes next

What each outcome needs:

    outcome     walks   needs
    complete    1       no doubt, and the list stood still, or it only grew and all came that the mirror had;
                        GAPS alone is none where `total` never moved, fits, and the mirror had just these rows
    complete    2       the second has no doubt; or it brought the very same rows in the same order (or the first did,
                        compared with the walk that the last scan was complete with), `total` (where there is one)
                        fits what came, and it is not STRAY; after TWICE by pages of another size, in any order
    again       1       any doubt: the list is walked once more (without overlap up to twice more)
    drifted     2       the doubt has stayed; its numbers are told
    partial     1       the server does not let the list be read to its end

A `total` that is always off by the same number of rows (`off_by`) is believed once that has been seen at different
lengths of the list: a server that keeps rows back at one place would then keep back different numbers of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import Any

from upstream.paging import End, Ending, Walk

#: Walks of one scan through a list whose pages overlap, and through one whose pages do not.
MOST_WALKS, MOST_ALIGNED_WALKS = 2, 3
#: In so many scans a `total` has to be off by the same number before that is believed.
SCANS_TO_LEARN = 3


class Outcome(StrEnum):
    """The words of a scan's states, and `again`."""

    COMPLETE = "complete"  #: every row that was there throughout has been seen
    AGAIN = "again"  #: one more walk may decide
    DRIFTED = "drifted"  #: what came contradicts itself
    PARTIAL = "partial"  #: the server hides a part of the list


class Doubt(StrEnum):
    MISSING = "missing"
    HIDDEN = "hidden"
    TWICE = "twice"
    STRAY = "stray"
    GAPS = "gaps"


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one walk has brought; goes to the database and back as plain JSON."""

    ending: Ending
    rows: int  #: rows taken
    distinct: int  #: how many of them are different
    end_at: int  #: places before the list's end, as the server counts
    total: int | None  #: what the last answer said
    is_steady: bool  #: all answers said the same
    risen: int
    shifted: int
    is_aligned: bool
    is_one_page: bool  #: all rows came in one answer
    has_stray: bool
    last: str  #: the identity of the last row
    digest: str
    has_fallen: bool = False
    page: int = 0  #: rows of the longest answer
    asks: int = 0
    multiset: str = ""  #: a digest of the rows whatever their order; empty where each came once
    is_proof: bool = False  #: a scan was complete with it

    @classmethod
    def of(cls, walk: Walk, end: End, *, distinct: int, multiset: str = "") -> Evidence:
        return cls(
            ending=end.ending,
            rows=walk.rows,
            distinct=distinct,
            end_at=walk.offset,
            total=walk.total,
            is_steady=walk.is_steady,
            risen=walk.risen,
            shifted=walk.shifted,
            is_aligned=walk.is_aligned,
            is_one_page=walk.rows <= walk.page,
            has_stray=bool(walk.stray),
            last=walk.anchors[-1] if walk.anchors else "",
            digest=walk.digest,
            has_fallen=walk.has_fallen,
            page=walk.page,
            asks=walk.asks,
            multiset=multiset,
        )

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Evidence:
        known = {field.name for field in fields(cls)}
        return cls(**{name: one for name, one in value.items() if name in known} | {"ending": Ending(value["ending"])})

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def short_by(self) -> int:
        """How many rows the server counts that did not come, as far as it says; below 0: it counts fewer."""
        if self.total is not None:
            if not self.counts_places:
                return self.total - self.distinct
            return self.total - min(self.end_at, self.distinct + min(self.shifted, self.risen))
        return self.end_at - self.rows if self.counts_places else 0

    @property
    def is_restless(self) -> bool:
        """Whether rows came or went meanwhile; a row that moved to the part read already looks the same."""
        return self.shifted > 0 or not self.is_steady

    @property
    def has_only_grown(self) -> bool:
        """Whether as many rows came as the total says, and it never fell: a row that was missed would be counted."""
        return self.distinct == self.total and not self.has_fallen

    @property
    def is_whole_page(self) -> bool:
        """Whether one answer had the whole list, and says so."""
        return self.ending is Ending.WHOLE or (self.is_one_page and self.is_steady and self.total == self.rows)

    @property
    def counts_places(self) -> bool:
        """Whether `end_at` is what the server counts: pages overlap, and the end was seen at its place."""
        return not self.is_aligned and self.ending in (Ending.BEHIND, Ending.SHORT)


@dataclass(frozen=True, slots=True)
class Verdict:
    outcome: Outcome
    reason: str = ""


def judge(
    now: Evidence,
    end: End,
    before: Sequence[Evidence],
    *,
    last: Evidence | None = None,
    off_by: int = 0,
    is_known: bool = False,
    has_all: bool = True,
) -> Verdict:
    """What the last walk of a list is worth, with those before it in the same scan.

    `last`: the walk with which the last scan was complete. `off_by`: rows that its total is known to count too many.
    `is_known`: before this scan the mirror held exactly the rows that came. `has_all`: every record it held came.
    """
    if end.reason:
        is_hidden = now.ending is Ending.HIDDEN
        is_missing = now.rows > 0 and Doubt.MISSING in doubts(now, off_by=off_by)
        numbers = f"; {_reason(now, {Doubt.MISSING})}" if is_missing else ""
        return Verdict(Outcome.PARTIAL if is_hidden else Outcome.DRIFTED, end.reason + numbers)
    if now.ending is Ending.WRAPPED and now.total is None:
        return Verdict(Outcome.DRIFTED, "the list began again from its first row instead of ending")
    if now.ending is Ending.EMPTY and before:
        return Verdict(Outcome.DRIFTED, f"{before[-1].rows:,} rows came in one walk, and none in the next")
    found = doubts(now, off_by=off_by)
    has_fitting_total = now.total is not None and now.total - off_by in (now.rows, now.distinct)
    if found == {Doubt.GAPS} and is_known and now.is_steady and has_fitting_total:
        found = set()
    other = before[-1] if before else last
    if found and other is not None and _is_same(other, now):
        found -= {Doubt.GAPS}
        if now.total is not None and now.total - off_by == now.distinct:
            found -= {Doubt.HIDDEN}
    if found and other is not None and _has_same_doubles(other, now):
        if now.total is None or has_fitting_total:
            found -= {Doubt.TWICE}
        if now.ending is Ending.BEHIND and now.counts_places and now.rows == now.end_at == now.total:
            found -= {Doubt.MISSING}  # each place has a row: some have the same
    if not found:
        is_certain = bool(before) or not now.is_restless or (has_all and now.has_only_grown)
        return Verdict(Outcome.COMPLETE if is_certain else Outcome.AGAIN)
    has_smaller_pages = any(each.page > now.page for each in before)  # such a walk costs as much as two
    if len(before) + 1 < (MOST_ALIGNED_WALKS if found == {Doubt.GAPS} and not has_smaller_pages else MOST_WALKS):
        return Verdict(Outcome.AGAIN)
    return Verdict(Outcome.DRIFTED, _reason(now, found, other))


def doubts(walk: Evidence, *, off_by: int = 0) -> set[Doubt]:
    """What speaks against the walk."""
    found = set()
    if walk.total is not None and walk.short_by > off_by:
        found.add(Doubt.MISSING)
    if _has_hidden_rows(walk, off_by):
        found.add(Doubt.HIDDEN)
    if walk.rows > walk.distinct and walk.total != walk.distinct:
        found.add(Doubt.TWICE)
    if walk.has_stray:
        found.add(Doubt.STRAY)
    if walk.is_aligned and walk.rows > 0 and not walk.is_whole_page and walk.asks > 1:
        found.add(Doubt.GAPS)
    return found


def _has_hidden_rows(walk: Evidence, off_by: int) -> bool:
    if walk.total is None:
        return walk.short_by > off_by
    if walk.ending is Ending.CLAMPED:  # its offsets tell nothing, so rows that went may hide that others never came
        return not walk.is_steady
    return walk.shifted - off_by > walk.risen


def _is_same(before: Evidence, now: Evidence) -> bool:
    return (before.rows, before.digest, before.total) == (now.rows, now.digest, now.total) and now.is_steady


def _has_same_doubles(before: Evidence, now: Evidence) -> bool:
    """Whether what came twice did so at other edges of pages too, or as in a walk that was complete."""
    if before.page == now.page and not before.is_proof and not now.is_one_page:
        return False
    rows = (now.rows, now.multiset, now.total)
    has_same = now.multiset != "" and (before.rows, before.multiset, before.total) == rows
    return _is_same(before, now) or (has_same and before.page != now.page and now.is_steady)


def _reason(now: Evidence, found: set[Doubt], other: Evidence | None = None) -> str:
    if Doubt.MISSING in found:
        hint = "; is its offset a page number?" if Doubt.STRAY in found else ""
        return f"the total says {now.total:,}, but {now.distinct:,} different rows were listed{hint}"
    if Doubt.STRAY in found:
        return f"rows came that fit nowhere behind the {now.distinct:,} that were listed: is its offset a page number?"
    if Doubt.TWICE in found:
        return (
            f"rows came twice while others may have been left out: {now.rows:,} were listed, {now.distinct:,} of them "
            "different"
        )
    if Doubt.HIDDEN in found:
        counted = now.end_at if now.total is None else now.total
        return f"its pages count {counted:,} rows, but {now.distinct:,} were listed: some are hidden, or came and went"
    if other is not None and (other.rows, other.digest) == (now.rows, now.digest):
        last = "nothing" if now.total is None else f"{now.total:,}"
        return (
            f"two walks brought the same {now.rows:,} rows, but its total changes from answer to answer, at last to "
            f"{last}: envelope = {{ total = [] }} in the catalogue leaves it out"
        )
    return "its pages do not overlap, and no two walks in a row brought the same rows"


@dataclass(frozen=True, slots=True)
class Lesson:
    """A `total` that is off: how often in a row by the same number, and whether that may be believed.

    It may be believed if the offsets count those rows too, so that each place was asked for; or if rows have come at
    the end of the list meanwhile: a server that stops at some place would not have shown them.
    """

    short_by: int = 0
    scans: int = 0
    last: str = ""  #: the last row of the scan before
    rows: int = 0  #: and how many there were
    has_grown: bool = False

    @property
    def off_by(self) -> int:
        """By how many rows the total is believed to be off; 0 until that has been seen often enough."""
        return self.short_by if self.scans >= SCANS_TO_LEARN and self.has_grown else 0

    def after(self, walk: Evidence, *, has_all: bool) -> Lesson:
        """With one more scan's last walk; `has_all`: all records that the mirror holds were in it."""
        if not walk.is_steady:
            return self
        if walk.short_by <= 0 or (not has_all and not self.off_by):
            return Lesson()
        is_counted = walk.counts_places and walk.end_at == walk.total
        if walk.short_by != self.short_by:
            return Lesson(walk.short_by, 1, walk.last, walk.distinct, is_counted)
        has_grown = self.has_grown or (walk.last != self.last and walk.distinct > self.rows)
        return Lesson(self.short_by, self.scans + 1, walk.last, walk.distinct, has_grown)
