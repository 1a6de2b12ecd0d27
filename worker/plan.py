"""How often a schedule comes: a time, or a cron line, which is followed from one of its moments to the next."""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta

from changes.cadence.terms import Pace

#: A cron line is followed so far to learn its longest gap.
_LOOK_AHEAD = timedelta(days=366)
_MOST_RUNS = 1000


def pace_of(schedule: str, *, now: datetime) -> Pace | None:
    """None for "off"."""
    from changes import schedules
    from worker import clock

    read = schedules.parse(schedule)
    if isinstance(read, schedules.Every):
        return Pace(3600 / read.seconds, float(read.seconds))
    rhythm = clock.rhythm(schedule, source="", resource="")
    if rhythm is None:
        return None
    runs: list[datetime] = []
    slot = rhythm.next(now)
    while slot is not None and slot < now + _LOOK_AHEAD and len(runs) < _MOST_RUNS:
        runs.append(slot)
        slot = rhythm.next(slot)
    if len(runs) < 2:
        return Pace(len(runs) / (_LOOK_AHEAD.total_seconds() / 3600), _LOOK_AHEAD.total_seconds())
    gaps = [(later - earlier).total_seconds() for earlier, later in itertools.pairwise(runs)]
    return Pace(len(gaps) * 3600 / sum(gaps), max(gaps))
