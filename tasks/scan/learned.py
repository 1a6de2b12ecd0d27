"""What earlier scans of a resource have learned of its server; kept in `mirrorpoint_resource.learned`.

It makes a scan cheaper, and is never trusted alone: a scan that does not see the same again forgets it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any

from changes.records import Id
from upstream import paging
from upstream.evidence import Evidence, Lesson
from upstream.numbered import Numbered
from upstream.paging import Walk

#: The most records that come twice, and the most parents whose lists fail, that are kept.
MOST_KEPT = 5_000


@dataclass(frozen=True, slots=True)
class Learned:
    """Plain JSON in the database; empty before the first scan has ended."""

    is_aligned: bool = False  #: the server answers only multiples of the limit
    wall: int = 0  #: offset and limit together were refused from here on; 0: nowhere
    is_verified: bool = False  #: a short page with a fitting total has proved to be a list's end
    has_first: bool = False  #: by page numbers: nothing stands before the first page
    lesson: Lesson = field(default_factory=Lesson)  #: of a flat list's total
    last: Evidence | None = None  #: of a flat list: the last walk to its end, but for one that contradicted itself
    reuses_keys: bool = False  #: records that are gone have had the keys of others that are there
    twice: Mapping[str, int] = field(default_factory=dict)  #: records that come more than once -> how often
    asked_after: Id | None = None  #: who was asked for last where too many were not in the list and yet there
    failing: tuple[str, ...] = ()  #: parents whose lists had trouble in the last scan: they are asked last
    page_size: int = 0  #: rows that the last complete scan asked for at once; 0: not known
    page_size_since: datetime | None = (
        None  #: start of the first scan that asked for so many; None: always, or not known
    )

    @classmethod
    def from_json(cls, value: Mapping[str, Any] | None) -> Learned:
        values = dict(value or {})
        values["lesson"] = Lesson(**values.get("lesson", {}))
        values["last"] = Evidence.from_json(values["last"]) if values.get("last") else None
        values["asked_after"] = Id(*values["asked_after"]) if values.get("asked_after") else None
        values["failing"] = tuple(values.get("failing", ()))
        since = values.get("page_size_since")
        values["page_size_since"] = datetime.fromisoformat(since) if since else None
        return cls(**values)

    def to_json(self) -> dict[str, Any]:
        since = self.page_size_since
        return {**asdict(self), "page_size_since": since.isoformat() if since else None}

    def of_pages(self, page_size: int, *, started_at: datetime | None) -> Learned:
        """After a complete scan that asked for so many rows at once: what scans cost before tells little any more."""
        if self.page_size in (0, page_size):
            return replace(self, page_size=page_size)
        return replace(self, page_size=page_size, page_size_since=started_at)

    def begin(self) -> Walk:
        """A walk from the start of a list."""
        return paging.begin(Walk(is_aligned=self.is_aligned, wall=self.wall))

    def of_walk(self, walk: Walk) -> Learned:
        """With what a complete walk has shown."""
        is_verified = self.is_verified or (walk.total == walk.rows > 0 and not walk.is_aligned)
        is_aligned, has_first = type(walk) is Walk and walk.is_aligned, isinstance(walk, Numbered) and walk.has_first
        return replace(self, is_aligned=is_aligned, wall=walk.wall, is_verified=is_verified, has_first=has_first)

    def of_nothing(self) -> Learned:
        """After a scan that was not complete: how the server counts is to be found out anew."""
        return replace(self, is_aligned=False, wall=0, is_verified=False, has_first=False, last=None)
