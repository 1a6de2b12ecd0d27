"""The plan of a source: how often each resource is scanned, within a budget, and what that promises.

Explicit times claim first; intervals.py shares the rest. Pure: two clocks that know the same plan the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from changes.cadence import arithmetic, cures, heads, intervals, reasons
from changes.cadence.lines import MARGIN_SHARE, Line, whole
from changes.cadence.terms import Budget, Known, Plan, Planned, Promise
from changes.resources import Class

#: This share of the budget is left to looks that follow a change.
FOLLOW_UP_SHARE = 0.04
#: Whatever is claimed by explicit times, this share of the source's limits is left to what the plan chooses.
LEAST_SHARE = 0.1
#: Whatever is claimed by `set-up` and head scans, this share of the budget is left to the others.
LEAST_TRAFFIC_SHARE = FOLLOW_UP_SHARE / 2
#: Full scans of so many requests or more are spread, over at most this part of their interval.
SPREAD_REQUESTS, SPREAD_SHARE = 20, 0.8
#: A scan that waits for its pace is woken again after so long.
WAKE_SECONDS = 15.0
#: Promises are told to the tenth of a second, so one that is kept may be off by half of that.
_ROUNDED = 0.05


def make(known: Sequence[Known], budget: Budget, *, now: datetime) -> Plan:
    """The plan for all resources of a source that are not off."""
    lines = [Line(each, budget) for each in known]
    limit = budget.requests_per_second * 3600
    allowed = budget.requests_per_hour * (1 - FOLLOW_UP_SHARE)
    claims = [claim for line in lines if (claim := line.claim())]
    rare_heads = heads.LEAST_PER_HOUR * sum(line.wants_heads for line in lines)
    explicit = sum(line.full_per_hour for line in lines if line.is_explicit)
    explicit += sum(line.heads_per_hour for line in lines if line.has_explicit_heads)
    of_set_up = sum(line.full_per_hour for line in lines if not line.is_explicit and line.class_ is Class.SET_UP)
    claimed = explicit + of_set_up + rare_heads
    # A cure has to hold as well once scans that take longer than their interval have become quicker.
    asked = sum(each.full_per_hour + each.heads_per_hour for each in claims) + rare_heads
    left = max(allowed - explicit, min(allowed, LEAST_SHARE * limit))
    intervals.choose(lines, left, least_of_traffic=LEAST_TRAFFIC_SHARE * budget.requests_per_hour)
    planned = sum(line.requests_per_hour for line in lines)
    chosen_heads = sum(line.heads_per_hour for line in lines if line.wants_heads)
    is_over = claimed > allowed
    return Plan(
        lines=tuple(_planned(line, now, overload=max(1.0, planned / limit)) for line in lines),
        budget=budget,
        claimed_per_hour=claimed - rare_heads + chosen_heads,
        planned_per_hour=planned,
        cure=cures.cheapest(claims, budget, claimed_per_hour=asked, allowed_per_hour=allowed) if is_over else None,
    )


def _planned(line: Line, now: datetime, *, overload: float) -> Planned:
    known, spread = line.known, _spread(line)
    scan_seconds, heads_at = max(known.scan_seconds, spread), line.promised_head_interval
    told = arithmetic.promised(
        interval_seconds=line.interval,
        scan_seconds=scan_seconds,
        head_interval_seconds=heads_at,
        head_seconds=known.head_seconds,
        is_confirmed=known.is_confirmed,
    )
    if not line.is_explicit:
        told = arithmetic.of_class(
            line.promise,
            head_interval_seconds=heads_at,
            head_seconds=known.head_seconds,
            is_confirmed=known.is_confirmed,
        )
    comes_to = arithmetic.promised(
        interval_seconds=max(line.interval, scan_seconds) * overload,
        scan_seconds=scan_seconds,
        head_interval_seconds=heads_at and max(heads_at, known.head_seconds) * overload,
        head_seconds=known.head_seconds,
        is_confirmed=known.is_confirmed,
    )
    present = known.present
    is_as_before = present is not None and present.interval_seconds == line.interval
    return Planned(
        resource=known.resource,
        class_=line.class_,
        interval_seconds=line.interval,
        head_interval_seconds=line.head_interval,
        requests_per_scan=line.cost,
        requests_per_hour=round(line.requests_per_hour, 2),
        promises={which: round(told[which], 1) for which in Promise},
        is_kept={which: comes_to[which] <= told[which] + _ROUNDED for which in Promise},
        why=reasons.why(line, told, overload=overload, now=now),
        changed_at=present.changed_at if present is not None and is_as_before else now,
        spread_seconds=spread,
    )


def _spread(line: Line) -> float:
    """Over how long the requests of a full scan are spread, so that its promise is kept all the same."""
    if line.is_explicit or line.cost < SPREAD_REQUESTS or line.stretched > 1:
        return 0.0
    slack = arithmetic.TICK_SECONDS + WAKE_SECONDS + MARGIN_SHARE / 2 * line.promise
    spread = whole(min(SPREAD_SHARE * line.interval, max(0.0, line.promise - line.interval - slack)))
    return spread if spread > 2 * line.known.scan_seconds else 0.0
