"""The words of the plan: what is wanted of a resource, what is known of it, and what was planned for it.

Pure; made by tasks/cadence/, worked out by plan.py, and read by the clock, the commands and the page.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from changes.resources import Class
from changes.schedules import Timing


class Promise(StrEnum):
    """What is promised to be seen in time."""

    CREATED = "created"
    UPDATED = "updated"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class Budget:
    """What scheduled scans of one source may plan with, and what is promised by class."""

    requests_per_second: float  #: the full limit
    share: float = 0.5  #: of it
    promise_seconds: Mapping[Class, float] = field(
        default_factory=lambda: {Class.SET_UP: 300.0, Class.TRAFFIC: 14_400.0}
    )

    @property
    def requests_per_hour(self) -> float:
        """The share, by the hour."""
        return self.requests_per_second * self.share * 3600


@dataclass(frozen=True, slots=True)
class Pace:
    """How often a schedule comes."""

    runs_per_hour: float
    longest_gap_seconds: float


@dataclass(frozen=True, slots=True)
class Rate:
    """Changes of a resource that were seen, and the time in which they were looked for; both decayed."""

    created: float = 0.0
    others: float = 0.0  #: updated, deleted, restored
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Known:
    """One resource, as the plan sees it."""

    resource: str
    timing: Timing  #: what the configuration says
    class_: Class | None  #: what the catalogue says; None: by the cost of a full scan
    requests_per_scan: float  #: of a full scan
    scan_seconds: float  #: of a full scan: the 90th percentile of the last day, else estimated
    head_seconds: float = 0.0  #: the same of a head scan
    can_have_heads: bool = False  #: the catalogue and what the server has answered allow them
    are_heads_sure: bool = True  #: else they are tried, and nothing is planned or promised by them
    is_confirmed: bool = True  #: its item path confirms deletions
    pace: Pace | None = None  #: of an explicit time or cron line; None: the plan decides
    rate: Rate = Rate()
    present: Planned | None = None  #: the plan until now


@dataclass(frozen=True, slots=True)
class Planned:
    """What the plan has for one resource."""

    resource: str
    class_: Class
    interval_seconds: float | None  #: between two full scans; of a cron line the longest; None: off
    head_interval_seconds: float | None  #: None: no head scans
    requests_per_scan: float
    requests_per_hour: float  #: of full and head scans together
    promises: Mapping[Promise, float]  #: seconds
    is_kept: Mapping[Promise, bool]  #: whether the plan can keep them
    why: str
    changed_at: datetime | None = None  #: when the interval became what it is
    spread_seconds: float = 0.0  #: over which a full scan's requests are spread; 0: sent as fast as the limits allow
    promised_at: datetime | None = None  #: since when the promises are as short as they are


@dataclass(frozen=True, slots=True)
class Cure:
    """The cheapest way to bring the claims within the budget."""

    text: str  #: what to change, in the words of the configuration
    saves_per_hour: float  #: requests


@dataclass(frozen=True, slots=True)
class Plan:
    """Of one source."""

    lines: tuple[Planned, ...]
    budget: Budget
    claimed_per_hour: float  #: requests of explicit times, promises of `set-up` and head scans together
    planned_per_hour: float  #: requests of all lines
    cure: Cure | None = None  #: where the claims exceed the budget

    @property
    def is_within(self) -> bool:
        """Whether the budget carries what is claimed."""
        return self.cure is None
