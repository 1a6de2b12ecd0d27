"""What is known of a resource's head scans; kept in `mirrorpoint_resource.head`, read by the plan and by `status`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from changes.pauses import doubled
from changes.records import Json
from changes.resources import Resource
from upstream import heads
from upstream.heads import Way

#: A list whose order did not allow heads is tried again after this: its server may have changed.
TRIED_AGAIN_AFTER = timedelta(days=1)
#: Heads that fail are left alone for so long, and twice as long after each further failure.
REST_SECONDS, MOST_REST_SECONDS = 5, 300
#: What is taken as their usual time follows a longer one at once, and a shorter one by this part of the difference.
FALLS_BY = 0.05


@dataclass(frozen=True, slots=True)
class LastHead:
    """The last head scan that came to its end."""

    started_at: datetime
    newest: datetime  #: the latest creation stamp that was known then

    def did_not_have(self, resource: Resource, document: Json) -> bool:
        """Whether its list, newest first, had no such record: with its stamp it would have stood before all others.

        A stamp that is the same, older or missing proves nothing: rows are back-dated, and clocks differ.
        """
        created_at = heads.created_at(resource, document)
        return created_at is not None and created_at > self.newest


@dataclass(frozen=True, slots=True)
class HeadState:
    """Plain JSON in the database; empty before the first head scan."""

    way: Way | None = None  #: None: not found out yet
    why: str = ""  #: where there are no heads: what the server answered
    tried_at: datetime | None = None  #: when `way` was found out
    started_at: datetime | None = None  #: of the last head scan that came to its end
    before_at: datetime | None = None  #: of the one before
    newest: datetime | None = None  #: see LastHead; None: the last one proves nothing
    total: int | None = None  #: of the list then, to find its last pages
    seconds: float = 0.0  #: what a head scan usually takes, seldom longer
    failures: int = 0  #: in a row
    rests_until: datetime | None = None
    problem: str = ""  #: why the last one failed

    @classmethod
    def from_json(cls, value: Mapping[str, Any] | None) -> HeadState:
        if not value:
            return _NOTHING
        values = dict(value)
        for name in ("tried_at", "started_at", "before_at", "newest", "rests_until"):
            values[name] = datetime.fromisoformat(values[name]) if values.get(name) else None
        values["way"] = Way(values["way"]) if values.get("way") else None
        return cls(**values)

    def to_json(self) -> dict[str, Any]:
        return {
            name: value.isoformat() if isinstance(value, datetime) else value for name, value in asdict(self).items()
        }

    def last(self, now: datetime) -> LastHead | None:
        """What a head scan that begins now may build upon."""
        if self.started_at is None or self.newest is None or self.started_at > now:
            return None
        return LastHead(self.started_at, self.newest)

    def may_run(self, now: datetime) -> bool:
        """Whether one makes sense now."""
        if self.way is Way.NONE and not self.is_to_be_tried(now):
            return False
        return self.rests_until is None or not now < self.rests_until <= now + timedelta(seconds=MOST_REST_SECONDS)

    def is_to_be_tried(self, now: datetime) -> bool:
        """Whether the order of the list was never looked at, or a day ago."""
        # A moment to come is one of a clock that was ahead.
        return self.tried_at is None or not self.tried_at <= now < self.tried_at + TRIED_AGAIN_AFTER

    def is_order_known(self, resource: Resource) -> bool:
        """Whether its newest rows stand where they are looked for: documented, or shown by what it answered.

        What is only assumed, and what was refused and is tried again, promises nothing.
        """
        if self.way is None:
            return not resource.created_assumed
        return self.way is not Way.NONE

    def failed(self, problem: str, *, is_sources: bool = False, now: datetime) -> HeadState:
        """After one that failed. Where its source wants to be left alone, that rests as a whole, and longer each time.

        So the list itself need not: else it would rest long after its source is back.
        """
        times = 1 if is_sources else self.failures + 1
        rests = timedelta(seconds=doubled(REST_SECONDS, times, MOST_REST_SECONDS))
        return replace(self, failures=self.failures + 1, rests_until=now + rests, problem=problem)

    def refused(self, why: str, *, now: datetime) -> HeadState:
        """After one that showed that the list has no order to rely on."""
        return replace(self.ended(), way=Way.NONE, why=why, tried_at=now, newest=None)

    def ended(self, seconds: float | None = None) -> HeadState:
        """After one that did not fail, and that took so long."""
        usual = self.seconds
        if seconds is not None:
            usual = max(seconds, usual - FALLS_BY * (usual - seconds))
        return replace(self, failures=0, rests_until=None, problem="", seconds=round(usual, 3))


#: Frozen, so one for all that have none.
_NOTHING = HeadState()
