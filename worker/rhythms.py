"""When a resource is looked at: rhythms of schedules, each the same for every clock. Followed by clock.py."""

from __future__ import annotations

import itertools
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Protocol

from changes import schedules
from changes.cadence.terms import Pace

if TYPE_CHECKING:
    from apscheduler.triggers.cron import CronTrigger

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: A cron line is followed so far to learn its longest gap.
_LOOK_AHEAD = timedelta(days=366)
_MOST_RUNS = 1000


class Rhythm(Protocol):
    """When a resource's entry comes."""

    def latest(self, now: datetime) -> datetime | None:
        """The last slot that has come; None where there was none in four years."""

    def next(self, after: datetime) -> datetime | None:
        """The first slot later than `after`; None for never again."""


@dataclass(frozen=True, slots=True)
class EveryRhythm:
    """Slots at fixed distances, counted from 1970 so that every clock counts the same."""

    seconds: int
    offset_seconds: int  #: spreads the resources over the interval

    def latest(self, now: datetime) -> datetime | None:
        whole = ((now - _EPOCH).total_seconds() - self.offset_seconds) // self.seconds
        return _EPOCH + timedelta(seconds=whole * self.seconds + self.offset_seconds)

    def next(self, after: datetime) -> datetime | None:
        latest = self.latest(after)
        return latest and latest + timedelta(seconds=self.seconds)


@dataclass(frozen=True, slots=True)
class CronRhythm:
    """A cron line in UTC."""

    triggers: tuple[CronTrigger, ...]

    def latest(self, now: datetime) -> datetime | None:
        # APScheduler only looks ahead, so look ahead from further and further back.
        for span in (timedelta(hours=2), timedelta(days=2), timedelta(days=35), timedelta(days=4 * 366)):
            slot, found = self._next(now - span), None
            while slot is not None and slot <= now:
                slot, found = self.next(slot), slot
            if found is not None:
                return found
        return None

    def next(self, after: datetime) -> datetime | None:
        return self._next(after + timedelta(microseconds=1))

    def _next(self, at_earliest: datetime) -> datetime | None:
        times = [trigger.get_next_fire_time(None, at_earliest) for trigger in self.triggers]
        return min((time for time in times if time is not None), default=None)


def rhythm(schedule: str, *, source: str, resource: str) -> Rhythm | None:
    """What a schedule means for this resource; None for "off", and for "auto", which the plan decides."""
    read = schedules.parse(schedule)
    if isinstance(read, schedules.Every):
        return every(read.seconds, source=source, resource=resource)
    if isinstance(read, schedules.Cron):
        from apscheduler.triggers.cron import CronTrigger  # few configurations have cron lines

        return CronRhythm(tuple(CronTrigger.from_crontab(line, timezone=UTC) for line in _either(read.line)))
    return None


def every(seconds: float, *, source: str, resource: str, kind: str = "") -> EveryRhythm:
    """Whole seconds, at least one; each resource begins at another moment of the interval."""
    whole = max(1, int(seconds))
    name = f"{source}/{resource}/{kind}" if kind else f"{source}/{resource}"
    return EveryRhythm(whole, offset_seconds=zlib.crc32(name.encode()) % whole)


@lru_cache(maxsize=256)
def _cron_pace(schedule: str, day: datetime) -> Pace | None:
    found = rhythm(schedule, source="", resource="")
    if found is None:
        return None
    runs: list[datetime] = []
    slot = found.next(day)
    while slot is not None and slot < day + _LOOK_AHEAD and len(runs) < _MOST_RUNS:
        runs.append(slot)
        slot = found.next(slot)
    if len(runs) < 2:
        return Pace(len(runs) / (_LOOK_AHEAD.total_seconds() / 3600), _LOOK_AHEAD.total_seconds())
    gaps = [(later - earlier).total_seconds() for earlier, later in itertools.pairwise(runs)]
    return Pace(len(gaps) * 3600 / sum(gaps), max(gaps))


def pace_of(schedule: str, now: datetime) -> Pace | None:
    """How often a schedule comes; None for "off" and "auto". Cron lines are followed from the day's beginning on."""
    read = schedules.parse(schedule)
    if isinstance(read, schedules.Every):
        return Pace(3600 / read.seconds, float(read.seconds))
    return _cron_pace(schedule, now.replace(hour=0, minute=0, second=0, microsecond=0))


def _either(line: str) -> tuple[str, ...]:
    """Cron fires on the day of month *or* the weekday where both are limited; APScheduler would want both."""
    minute, hour, day, month, weekday = line.split()
    if day.startswith("*") or weekday == "*":
        return (line,)
    return (f"{minute} {hour} {day} {month} *", f"{minute} {hour} * {month} {weekday}")
