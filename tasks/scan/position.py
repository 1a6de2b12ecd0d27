"""Where a scan stands: written with each page, and read by the process that goes on; used by the scan step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from changes.records import Id
from upstream import styles
from upstream.evidence import Evidence, Outcome
from upstream.paging import End, Ending, Walk


class Phase(StrEnum):
    """What a scan is doing."""

    COMPARE = "compare"  #: comparing the mirror with the change log
    WALK = "walk"  #: reading lists
    CONFIRM = "confirm"  #: asking for the records that were in no list
    DELETE = "delete"  #: deleting those whose absence is confirmed
    OVER = "over"  #: nothing is left to be done; never kept, since the scan ends in the same transaction


#: From best to worst.
_OUTCOMES = (Outcome.COMPLETE, Outcome.DRIFTED, Outcome.PARTIAL)


@dataclass(slots=True)
class Position:
    """Kept in `mirrorpoint_scan.position` as plain JSON."""

    phase: Phase = Phase.WALK
    walk: Walk = field(default_factory=Walk)  #: through the list that is being read
    end: End | None = (
        None  #: of a flat list that has been read to its end: a process that goes on must not read a part of it twice
    )
    before: list[Evidence] = field(default_factory=list)  #: of the walks through this list before this one
    strange: int = 0  #: how often others had written to the mirror when the scan began
    began_empty: bool = False  #: the change log had nothing of the resource then
    compared: Id | None = None  #: the last record of the mirror that was compared with the change log
    generation: int = 0  #: of the mirror (storage/generations.py); 0: somebody else has written there meanwhile
    first_part: int = 1  #: the first batch of this walk
    keyless: int = 0  #: rows of this walk that have no key
    came: dict[str, int] = field(default_factory=dict)  #: of the records that come twice: how often in this walk
    news: int = 0  #: records that the mirror did not have before this scan
    parent: Id | None = None  #: whose list is being read
    done_parent: Id | None = None  #: the last parent whose list was read to its end
    gone: list[str] = field(default_factory=list)  #: `parent_key`s whose parent answered 404 on its own path
    unread: int = 0  #: parents whose list could not be read
    failure: str = ""  #: why the first of them could not
    failing: list[str] = field(default_factory=list)  #: the `parent_key`s of those with trouble
    has_trouble: bool = False  #: for one of them, the source did not answer as it should
    read: int = 0  #: parents whose list was read
    denied: int = 0  #: living parents whose list is said not to be there
    denial: str = ""  #: what was said of the first of them
    is_at_failing: bool = False  #: only those parents are left whose lists had trouble in the last scan
    parts: int = 0  #: batches written; the seen ids of the next one get the next number
    outcome: Outcome = Outcome.COMPLETE  #: the worst of the lists so far
    reason: str = ""  #: why; the first reason that there was
    is_at_odds: bool = False  #: what a list brought contradicts itself: no use in asking it again soon
    skipped: str = ""  #: why the first skipped row could not be taken
    is_approved_settled: bool = False  #: suspects whose deletion was approved have been asked for
    asked_after: Id | None = None  #: the last suspect that was asked for
    has_seen_all: bool = False  #: all living records were in the lists, or are noted as absent, and none was hidden
    confirmed: int = 0  #: suspects whose absence is confirmed
    missed: int = 0  #: suspects that their own path still has
    withdrawn: int = 0  #: suspects whose deletion was approved, and that this look could not settle: held again

    def note(self, outcome: Outcome, reason: str) -> None:
        """Take a list's end into account. The worst end decides; the first reason is told."""
        self.outcome = max(self.outcome, outcome, key=_OUTCOMES.index)
        self.reason = self.reason or reason

    def told(self) -> str:
        """Why the scan had this outcome; empty if there is nothing to tell."""
        lists = self.unread + self.read + len(self.gone)
        if self.unread:
            return f"{self.unread:,} of {lists:,} lists could not be read; the first of them: {self.failure}"
        return self.reason or self.skipped

    def begin_walk(self, walk: Walk, *, first_part: int) -> None:
        """Begin at the start of the list; what this walk brings is written from batch `first_part` on."""
        self.walk, self.end = walk, None
        self.first_part, self.keyless, self.came = first_part, 0, {}

    def again(self) -> Walk:
        """The next walk through the same list."""
        return styles.again(self.walk, came_twice=any(each.rows > each.distinct for each in self.before))

    def begin_list(self, walk: Walk) -> None:
        """Begin the list of another parent."""
        self.begin_walk(walk, first_part=self.parts + 1)
        self.before = []

    @classmethod
    def from_json(cls, value: Mapping[str, Any] | None) -> Position:
        # An older version may have kept more.
        values = {name: kept for name, kept in (value or {}).items() if name in cls.__slots__}
        for name in ("parent", "done_parent", "asked_after", "compared"):
            values[name] = Id(*values[name]) if values.get(name) else None
        values["walk"] = styles.from_json(values.get("walk") or {})
        values["phase"] = Phase(values.get("phase", Phase.WALK))
        values["outcome"] = Outcome(values.get("outcome", Outcome.COMPLETE))
        values["before"] = [Evidence.from_json(each) for each in values.get("before", ())]
        end = values.get("end")
        values["end"] = End(Ending(end["ending"]), end["reason"]) if end else None
        return cls(**values)

    def to_json(self) -> dict[str, Any]:
        values = {name: getattr(self, name) for name in self.__slots__}
        values["walk"] = self.walk.to_json()
        values["before"] = [each.to_json() for each in self.before]
        values["end"] = asdict(self.end) if self.end else None
        return values
