"""What a configuration costs and promises: requests an hour and staleness for each resource; printed by `check`.

Pure: how many rows there are, and how long an answer takes, is handed in.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from changes.cadence.terms import Pace


@dataclass(frozen=True, slots=True)
class Size:
    """What a probe, or else the mirror, knows of a resource."""

    rows: int | None  #: in the whole resource; None: unknown, taken for one page
    lists: int = 1  #: of a nested resource: its parents
    has_total: bool = True  #: the source says how many rows there are
    is_paged: bool = True
    is_estimate: bool = False  #: made of one list, or of a first page, before the first scan


@dataclass(frozen=True, slots=True)
class Line:
    """One resource of the plan."""

    source: str
    resource: str
    schedule: str
    rows: int | None
    requests_per_scan: int
    requests_per_hour: float
    staleness_seconds: float  #: a change is seen at the latest after so long, while the source answers
    is_estimate: bool = False  #: how many rows and requests there are is not known before the first scan


def requests_per_scan(size: Size, *, page_size: int) -> int:
    """Requests of one complete scan without trouble; each list needs at least one."""
    if not size.is_paged or not size.rows:
        return size.lists
    # All pages but the first begin with the last row of the page before, and a list ends with a page that brings
    # nothing new; where there is a total, only the first list of a scan has to.
    pages = max(1, math.ceil((size.rows / size.lists - 1) / max(1, page_size - 1))) if size.lists else 0
    return size.lists * pages + (min(1, size.lists) if size.has_total else size.lists)


def line(
    source: str,
    resource: str,
    *,
    schedule: str,
    pace: Pace,
    size: Size,
    page_size: int,
    requests_per_second: float,
    answer_seconds: float,
) -> Line:
    """One resource for itself; `shared` then reckons with the others of its source."""
    requests = requests_per_scan(size, page_size=page_size)
    scan_seconds = requests * max(1 / requests_per_second, answer_seconds)
    return Line(
        source=source,
        resource=resource,
        schedule=schedule,
        rows=size.rows,
        requests_per_scan=requests,
        requests_per_hour=round(requests * pace.runs_per_hour, 2),
        staleness_seconds=round(pace.longest_gap_seconds + scan_seconds, 1),
        is_estimate=size.is_estimate,
    )


def load(lines: Sequence[Line], *, requests_per_second: float) -> float:
    """Which part of a source's limit its schedules want; above 1 the scans come later than their schedules say."""
    return sum(each.requests_per_hour for each in lines) / (requests_per_second * 3600)


def shared(lines: Sequence[Line], *, requests_per_second: float) -> list[Line]:
    """The lines of one source, the staleness stretched where they want more than its limit allows."""
    factor = max(1.0, load(lines, requests_per_second=requests_per_second))
    return [replace(each, staleness_seconds=round(each.staleness_seconds * factor, 1)) for each in lines]


def pace_of(schedule: str, *, now: datetime) -> Pace | None:
    """How often a schedule comes; None for "off"."""
    from worker import rhythms  # follows cron lines, for which it needs a library

    return rhythms.pace_of(schedule, now)
