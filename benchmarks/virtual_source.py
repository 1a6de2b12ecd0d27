"""A source that exists in virtual time alone: lists that change at random, scanned by a plan; no socket, no sleep.

A second is one step. In each, scans that are under way send their requests within the source's limit; a record is read
when its scan has come to its place, and is missed when the scan ends. Used by cadence.py and by its unit test.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from changes.cadence import rates
from changes.cadence.terms import Plan, Planned, Promise, Rate
from changes.resources import Class

HOUR, DAY = 3600, 86_400
#: Requests that one scan sends in a second where nothing holds it back.
MOST_OF_A_SCAN = 20
#: From a slot to the first request.
QUEUE_SECONDS = 1
BUSIER_TIMES = 100
#: This part of the changes that are no creations are deletions.
DELETIONS = 0.1


@dataclass(frozen=True, slots=True)
class Table:
    """One list."""

    name: str
    class_: Class
    requests: int  #: of a full scan
    created_per_hour: float
    others_per_hour: float
    can_have_heads: bool = True
    is_order_assumed: bool = False  #: what is created is promised by head scans only once one has worked
    busier_from: int | None = None  #: second from which it is so many times as busy

    @property
    def changes_per_hour(self) -> float:
        """Of all kinds, before it gets busier."""
        return self.created_per_hour + self.others_per_hour

    def rate_at(self, second: int, per_hour: float) -> float:
        """Of creations or of other changes, in the hour that begins."""
        return per_hour * (BUSIER_TIMES if self.busier_from is not None and second >= self.busier_from else 1)


@dataclass(slots=True)
class Event:
    """A change of the source."""

    at: float
    place: float  #: of its record in the list, from 0 to 1
    which: Promise
    seen_at: float | None = None


@dataclass(slots=True)
class Walk:
    """A full scan under way."""

    started: int
    sent: float = 0.0
    paused: float = 0.0  #: seconds in which it only waited, since its requests are spread


@dataclass(slots=True)
class Watched:
    """A list, and how it is looked at."""

    table: Table
    interval: float
    head_interval: float | None
    spread: float
    next_at: float
    next_head_at: float
    walk: Walk | None = None
    pending: list[Event] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)  #: that full scans took of late, without pauses
    last_start: int = 0
    counted_to: int = 0
    created: int = 0  #: seen since the last plan
    others: int = 0
    rate: Rate = field(default_factory=Rate)
    planned: Planned | None = None
    intervals: list[float] = field(default_factory=list)  #: by the hour


#: Seconds and lists -> the plan for them; None: the intervals stay as they are.
Planner = Callable[[int, Sequence[Watched]], Plan | None]


@dataclass(slots=True)
class Outcome:
    """What a run came to."""

    watched: Mapping[str, Watched]
    requests: list[float]  #: by the second
    plans: list[Plan | None]  #: by the hour

    def delays(self, name: str | None = None, *, since: int = 0) -> list[float]:
        """Seconds from each change to its sight; of one that was not seen, to the end."""
        lists = [self.watched[name]] if name else self.watched.values()
        return [
            (len(self.requests) if event.seen_at is None else event.seen_at) - event.at
            for each in lists
            for event in each.events
            if event.at >= since
        ]


def run(
    tables: Sequence[Table],
    *,
    seconds: int,
    limit_per_second: float,
    intervals: Mapping[str, float],
    planner: Planner,
    seed: int = 1,
) -> Outcome:
    """`intervals`: those to begin with; `planner` is asked at the beginning and after each hour."""
    rng = random.Random(seed)
    watched = {
        each.name: Watched(
            each,
            intervals[each.name],
            None,
            0.0,
            next_at=rng.uniform(0, intervals[each.name]),
            next_head_at=rng.uniform(0, 60),
        )
        for each in tables
    }
    outcome = Outcome(watched, [], [])
    for second in range(seconds):
        if second % HOUR == 0:
            outcome.plans.append(_replan(second, list(watched.values()), planner))
            for each in watched.values():
                _happen(each, second, rng)
        outcome.requests.append(_second(second, watched.values(), limit_per_second))
    return outcome


def _replan(second: int, watched: Sequence[Watched], planner: Planner) -> Plan | None:
    for each in watched:
        if each.last_start > each.counted_to:
            span = each.last_start - each.counted_to
            each.rate = rates.observed(each.rate, created=each.created, others=each.others, seconds=span)
            each.counted_to, each.created, each.others = each.last_start, 0, 0
    made = planner(second, watched)
    lines = {line.resource: line for line in made.lines} if made else {}
    for each in watched:
        line = lines.get(each.table.name)
        if line is not None and line.interval_seconds is not None:
            each.planned, each.interval, each.spread = line, line.interval_seconds, line.spread_seconds
            each.head_interval = line.head_interval_seconds
            if each.head_interval is not None:
                each.next_head_at = min(each.next_head_at, second + each.head_interval)
        each.intervals.append(each.interval)
    return made


def _happen(each: Watched, second: int, rng: random.Random) -> None:
    """Draw the changes of the hour that begins."""
    for is_creation, per_hour in ((True, each.table.created_per_hour), (False, each.table.others_per_hour)):
        at, rate = float(second), each.table.rate_at(second, per_hour)
        while rate > 0 and (at := at + rng.expovariate(rate / HOUR)) < second + HOUR:
            other = Promise.DELETED if rng.random() < DELETIONS else Promise.UPDATED
            each.events.append(Event(at, rng.random(), Promise.CREATED if is_creation else other))
            each.pending.append(each.events[-1])


def _second(second: int, watched: Iterable[Watched], limit: float) -> float:
    """One step; the requests that were sent in it, parts of one too. Who asks for one only gets it before the walks."""
    room, walking = limit, list[Watched]()
    for each in watched:
        if each.head_interval is not None and each.next_head_at <= second and room >= 1:
            _look(each, second)
            each.next_head_at += each.head_interval
            room -= 1
        if each.walk is None and each.next_at + QUEUE_SECONDS <= second:
            each.walk = Walk(second)
            each.next_at = max(each.next_at + each.interval, second - each.interval)
        if each.walk is not None:
            walking.append(each)
    for number, each in enumerate(sorted(walking, key=lambda one: one.table.requests)):
        room -= _walk(each, second, room / (len(walking) - number))
    return limit - room


def _walk(each: Watched, second: int, room: float) -> float:
    """Go on with a full scan; the requests that it sent."""
    assert each.walk is not None
    wanted = possible = min(MOST_OF_A_SCAN, room, each.table.requests - each.walk.sent)
    if each.spread:
        pace = each.table.requests * (second + 1 - each.walk.started) / each.spread
        wanted = min(possible, max(0.0, pace - each.walk.sent))
        each.walk.paused += 1 - wanted / possible if possible else 0.0
    each.walk.sent += wanted
    if each.walk.sent >= each.table.requests - 1e-6:
        _end(each, second + 1)
    return wanted


def _look(each: Watched, second: int) -> None:
    """A head scan sees the creations until now."""
    left = []
    for event in each.pending:
        if event.which is Promise.CREATED and event.at <= second:
            event.seen_at, each.created = second + 1.0, each.created + 1
        else:
            left.append(event)
    each.pending = left


def _end(each: Watched, now: int) -> None:
    """A full scan has seen what had happened when it came by; what is absent is known at its end."""
    assert each.walk is not None
    start, span, paused = each.walk.started, now - each.walk.started, each.walk.paused
    left = []
    for event in each.pending:
        read_at = start + event.place * span
        if event.at <= read_at:
            event.seen_at = float(now) if event.which is Promise.DELETED else read_at + 1
            each.created += event.which is Promise.CREATED
            each.others += event.which is not Promise.CREATED
        else:
            left.append(event)
    each.pending, each.walk, each.last_start = left, None, start
    each.seconds = [*each.seconds[-23:], span - paused]


def unplanned(_second: int, _watched: Sequence[Watched]) -> None:
    """The intervals stay what they are."""
    return
