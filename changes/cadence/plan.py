"""The plan of a source: how often each resource is scanned, within a budget, and what that promises.

The order of claims: explicit times; promises of `set-up`; head scans; what is left goes to the other resources by the
square root of what a request brings. Pure: two clocks that know the same plan the same.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from changes import written
from changes.cadence import arithmetic, cures, heads, rates, sharing
from changes.cadence.cures import Claim
from changes.cadence.heads import Eligible
from changes.cadence.sharing import Wish
from changes.cadence.terms import Budget, Known, Plan, Planned, Promise
from changes.resources import Class
from changes.schedules import Auto, Cron, Every

#: Where the catalogue does not say what a resource is: `set-up` as long as a full scan takes so many requests.
SET_UP_REQUESTS = 10
#: The plan chooses no shorter interval between two full scans.
SHORTEST_SECONDS = 60.0
#: Where a scan takes as long as the promise, scans begin after this part of it.
LEAST_OF_PROMISE = 0.1
#: Nor one that a scan nearly fills.
ROOM_FOR_SCAN = 1.5
#: A list without news need not be scanned more often than so many times for each change that is expected.
MOST_SCANS_PER_CHANGE = 100
#: This share of the budget is left to looks that follow a change.
FOLLOW_UP_SHARE = 0.04
#: Whatever is claimed, this share of the source's limits is left to what the plan chooses.
LEAST_SHARE = 0.1
#: A full scan of so few requests is as good as a head scan.
HEADS_ABOVE_REQUESTS = 5
#: Head scans get at most this part of what is left when all promises are kept.
HEADS_SHARE = 0.5
#: From one plan to the next an interval changes at most by this factor, and by less than HYSTERESIS not at all.
STEP, HYSTERESIS = 1.5, 0.2
#: Full scans of so many requests or more are spread, over at most this part of their interval.
SPREAD_REQUESTS, SPREAD_SHARE = 20, 0.8


def make(known: Sequence[Known], budget: Budget, *, now: datetime) -> Plan:
    """The plan for all resources of a source that are not off."""
    lines = [_Line(each, budget) for each in known]
    allowed = budget.requests_per_hour * (1 - FOLLOW_UP_SHARE)
    claims = [line.claim() for line in lines if line.is_explicit or line.class_ is Class.SET_UP or line.explicit_head]
    claimed = sum(each.full_per_hour + each.heads_per_hour for each in claims)
    _choose_intervals(lines, budget, allowed)
    chosen_heads = sum(line.heads_per_hour for line in lines if not line.explicit_head)
    is_over = claimed > allowed
    return Plan(
        lines=tuple(line.planned(now) for line in lines),
        budget=budget,
        claimed_per_hour=claimed + chosen_heads,
        planned_per_hour=sum(line.requests_per_hour for line in lines),
        cure=cures.cheapest(claims, budget, allowed_per_hour=allowed) if is_over else None,
    )


def class_of(known: Known) -> Class:
    """What the catalogue says, else by the cost of a full scan."""
    return known.class_ or (Class.SET_UP if known.requests_per_scan <= SET_UP_REQUESTS else Class.TRAFFIC)


@dataclass(slots=True)
class _Line:
    """A resource while the plan is made."""

    known: Known
    budget: Budget
    interval: float = 0.0
    head_interval: float | None = None
    stretched: float = 1.0
    reasons: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        full, head = self.known.timing.full, self.known.timing.head
        if self.known.pace is not None:
            self.interval = self.known.pace.longest_gap_seconds
        else:
            self.interval = self.longest
        if isinstance(head, Every) and self.known.can_have_heads:
            self.head_interval = float(head.seconds)
        assert not isinstance(full, Every | Cron) or self.known.pace is not None  # noqa: S101

    @property
    def is_explicit(self) -> bool:
        return self.known.pace is not None

    @property
    def explicit_head(self) -> bool:
        return isinstance(self.known.timing.head, Every)

    @property
    def class_(self) -> Class:
        return class_of(self.known)

    @property
    def promise(self) -> float:
        """What its class is promised, in seconds."""
        return self.budget.promise_seconds[self.class_]

    @property
    def cost(self) -> float:
        return max(1.0, self.known.requests_per_scan)

    @property
    def longest(self) -> float:
        """The interval that keeps the promise; where none does, the scans follow one another closely."""
        longest = arithmetic.longest_interval(self.promise, scan_seconds=self.known.scan_seconds)
        return _whole(max(longest, LEAST_OF_PROMISE * self.promise))

    @property
    def runs_per_hour(self) -> float:
        return self.known.pace.runs_per_hour if self.known.pace else 3600 / self.interval

    @property
    def full_per_hour(self) -> float:
        return self.cost * self.runs_per_hour

    @property
    def heads_per_hour(self) -> float:
        return 3600 / self.head_interval if self.head_interval else 0.0

    @property
    def requests_per_hour(self) -> float:
        return self.full_per_hour + self.heads_per_hour

    def claim(self) -> Claim:
        is_claimed = self.is_explicit or self.class_ is Class.SET_UP
        return Claim(
            self.known.resource,
            self.known.timing,
            self.class_,
            self.full_per_hour if is_claimed else 0.0,
            self.heads_per_hour if self.explicit_head else 0.0,
        )

    @property
    def wants_heads(self) -> bool:
        """Whether the plan may give it head scans."""
        if not isinstance(self.known.timing.head, Auto) or not self.known.can_have_heads:
            return False
        return self.class_ is Class.TRAFFIC or self.cost > HEADS_ABOVE_REQUESTS

    @property
    def rate(self) -> float:
        """Changes an hour that only a full scan sees."""
        rate = self.known.rate
        return rates.others_per_hour(rate) if self.head_interval else rates.all_per_hour(rate)

    def planned(self, now: datetime) -> Planned:
        known, spread = self.known, self._spread()
        seconds = max(known.scan_seconds, spread)
        now_kept = arithmetic.promised(
            interval_seconds=self.interval,
            scan_seconds=seconds,
            head_interval_seconds=self.head_interval,
            head_seconds=known.head_seconds,
            is_confirmed=known.is_confirmed,
        )
        told = now_kept
        if not self.is_explicit:
            told = arithmetic.of_class(
                self.promise,
                head_interval_seconds=self.head_interval,
                head_seconds=known.head_seconds,
                is_confirmed=known.is_confirmed,
            )
        is_changed = known.present is None or known.present.interval_seconds != self.interval
        return Planned(
            resource=known.resource,
            class_=self.class_,
            interval_seconds=self.interval,
            head_interval_seconds=self.head_interval,
            requests_per_scan=self.cost,
            requests_per_hour=round(self.requests_per_hour, 2),
            promises={which: round(told[which], 1) for which in Promise},
            is_kept={which: now_kept[which] <= told[which] + 0.5 for which in Promise},
            why=self._why(now, told),
            changed_at=now if is_changed or known.present is None else known.present.changed_at,
            spread_seconds=spread,
        )

    def _spread(self) -> float:
        if self.is_explicit or self.cost < SPREAD_REQUESTS:
            return 0.0
        room = self.promise - self.interval - arithmetic.TICK_SECONDS
        spread = _whole(min(SPREAD_SHARE * self.interval, room))
        return spread if spread > 2 * self.known.scan_seconds else 0.0

    def _why(self, now: datetime, told: Mapping[Promise, float]) -> str:
        known, requests = self.known, f"{self.cost:,.0f} request{'s' * (round(self.cost) != 1)} a scan"
        if self.is_explicit:
            said = f"as configured; {requests}"
        elif self.class_ is Class.SET_UP:
            said = f"set-up, promised within {written.lasting(self.promise)}; {requests}"
        else:
            said = f"{_rate(rates.all_per_hour(known.rate))}, {requests}"
        if known.scan_seconds + arithmetic.TICK_SECONDS >= told[Promise.UPDATED]:
            took = written.lasting(known.scan_seconds)
            said += f"; a scan takes {took}, longer than the promise of {written.lasting(told[Promise.UPDATED])}"
        if self.stretched > 1:
            share = f"{self.budget.requests_per_hour:,.0f} requests an hour"
            said += f"; {self.stretched:.1f} times as long as promised: the budget of {share} carries no more"
        return said + self._before(now)

    def _before(self, now: datetime) -> str:
        """What the interval was until it was changed."""
        present = self.known.present
        if present is None or present.interval_seconds is None or self.is_explicit:
            return ""
        if present.interval_seconds == self.interval:
            mark, _, before = present.why.rpartition(_WAS)
            return f"{_WAS}{before}" if mark else ""
        return f"{_WAS}{written.lasting(present.interval_seconds)} until {now:%A}"


_WAS = "; was "


def _choose_intervals(lines: Sequence[_Line], budget: Budget, allowed: float) -> None:
    """Those of the lines that are not explicit; `allowed` requests an hour are to be kept."""
    mine = [line for line in lines if not line.is_explicit]
    explicit = sum(line.full_per_hour for line in lines if line.is_explicit)
    explicit += sum(line.heads_per_hour for line in lines)
    left = max(allowed - explicit, LEAST_SHARE * budget.requests_per_second * 3600)
    _steady(mine)
    needed = sum(line.full_per_hour for line in mine)  # at the longest intervals that keep the promises
    with_heads = [line for line in lines if line.wants_heads]
    for_heads = max(0.0, HEADS_SHARE * (left - needed))
    eligible = [
        Eligible(
            rates.created_per_hour(line.known.rate),
            line.known.present.head_interval_seconds if line.known.present else None,
        )
        for line in with_heads
    ]
    for line, seconds in zip(with_heads, heads.chosen(eligible, for_heads), strict=True):
        line.head_interval = float(seconds)
    left -= sum(line.heads_per_hour for line in with_heads)
    factor = needed / left if left > 0 else float(len(mine) + 1)
    if factor > 1:
        for line in mine:
            line.stretched, line.interval = factor, _whole(line.interval * factor, is_up=True)
        return
    _share_the_rest([line for line in mine if line.class_ is Class.TRAFFIC], left - needed)


def _steady(lines: Sequence[_Line]) -> None:
    """The longest interval follows how long scans take, and that is never twice the same: small steps are left out."""
    for line in lines:
        before = line.known.present.interval_seconds if line.known.present else None
        if before is not None and line.interval * (1 - HYSTERESIS / 2) <= before <= line.interval:
            line.interval = before


def _share_the_rest(lines: Sequence[_Line], extra: float) -> None:
    """`extra` requests an hour, beyond what the promises need, to those by which most is seen."""
    wishes = []
    for line in lines:
        least = line.runs_per_hour
        shortest = max(SHORTEST_SECONDS, ROOM_FOR_SCAN * line.known.scan_seconds)
        most = min(3600 / shortest, MOST_SCANS_PER_CHANGE * line.rate)
        wishes.append(Wish(rate=line.rate, cost=line.cost, least=least, most=max(least, most)))
    budget = extra + sum(wish.least * wish.cost for wish in wishes)
    for line, per_hour in zip(lines, sharing.shared(wishes, budget), strict=True):
        line.interval = _stepped(_whole(3600 / per_hour), line)
    used = sum(line.full_per_hour for line in lines)
    if used > budget:  # what was kept as it was costs more than there is
        for line in lines:
            line.interval = min(line.longest, _whole(line.interval * used / budget, is_up=True))


def _stepped(wanted: float, line: _Line) -> float:
    before = line.known.present.interval_seconds if line.known.present else None
    if before is None:
        return wanted
    if abs(wanted - before) <= HYSTERESIS * before:
        wanted = before
    return min(line.longest, max(_whole(before / STEP), min(_whole(before * STEP), wanted)))


def _whole(seconds: float, *, is_up: bool = False) -> float:
    """Whole seconds; longer times in steps that can be read."""
    step = 1 if seconds < 60 else 5 if seconds < 600 else 60
    return float(max(1, (math.ceil(seconds / step) if is_up else int(seconds // step)) * step))


def _rate(per_hour: float) -> str:
    if per_hour >= 0.1:
        return f"{per_hour:,.1f} changes an hour"
    return f"{per_hour * 24:,.1f} changes a day"
