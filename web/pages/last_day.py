"""What was done in each of the last 24 hours: for the small columns of resources, and what points were told."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from storage import tally
from storage.session import Session
from storage.tally import Counted

_HOURS = 24

Counts = Mapping[tuple[str, str], Sequence[int]]


def changes(session: Session, *, now: datetime) -> Counts:
    """(source, resource) -> changes in each hour, the oldest first; first sights are none."""
    begin = _begin(now)
    found: defaultdict[tuple[str, str], list[int]] = defaultdict(lambda: [0] * _HOURS)
    for hour in tally.hours(session, Counted.CHANGES, since=begin):
        source, resource, kind = hour.labels
        at = int((hour.begins_at - begin).total_seconds() // 3600)
        if kind != "snapshot" and 0 <= at < _HOURS:
            found[source, resource][at] += hour.number
    return found


def told(session: Session, *, now: datetime) -> dict[str, tuple[int, int]]:
    """Point -> how many deliveries arrived, of how many that ended."""
    found: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0])
    for hour in tally.hours(session, Counted.DELIVERIES, since=_begin(now)):
        point, outcome = hour.labels
        found[point][0] += hour.number if outcome == "delivered" else 0
        found[point][1] += hour.number if outcome != "skipped" else 0
    return {point: (arrived, ended) for point, (arrived, ended) in found.items()}


def _begin(now: datetime) -> datetime:
    return now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=_HOURS - 1)
