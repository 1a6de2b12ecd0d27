"""The product's own plan for a virtual source, and whether its promises were kept there."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from benchmarks.virtual_source import HOUR, MOST_OF_A_SCAN, Outcome, Planner, Watched
from changes import schedules
from changes.cadence import plan
from changes.cadence.terms import Budget, Known, Plan, Promise

BEGIN = datetime(2026, 1, 5, tzinfo=UTC)


def automatic(budget: Budget, *, has_heads: bool = True) -> Planner:
    """The plan of the product, made anew each hour."""

    def made(second: int, watched: Sequence[Watched]) -> Plan:
        known = [
            Known(
                resource=each.table.name,
                timing=schedules.timing("auto"),
                class_=each.table.class_,
                requests_per_scan=each.table.requests,
                scan_seconds=_usual(each),
                head_seconds=1.0,
                can_have_heads=has_heads and each.table.can_have_heads,
                are_heads_sure=not each.table.is_order_assumed or each.head_interval is not None,
                rate=each.rate,
                present=each.planned,
            )
            for each in watched
        ]
        return plan.make(known, budget, now=BEGIN + timedelta(seconds=second))

    return made


def _usual(each: Watched) -> float:
    """The 90th percentile; before the first scan an estimate."""
    if not each.seconds:
        return max(1.0, each.table.requests / MOST_OF_A_SCAN)
    ordered = sorted(each.seconds)
    return ordered[max(0, -(-len(ordered) * 9 // 10) - 1)]


def broken(outcome: Outcome, *, since: int = 0) -> int:
    """Changes that were seen later than was promised at that time, or not yet though their time is over."""
    end, late = len(outcome.requests), 0
    for each in outcome.watched.values():
        if each.planned is None:
            continue
        for event in each.events:
            promised = _promised(outcome, each, event.which, event.at)
            seen = event.seen_at if event.seen_at is not None else end
            late += event.at >= since and seen - event.at > promised
    return late


def _promised(outcome: Outcome, each: Watched, which: Promise, at: float) -> float:
    """The longer one of the hour's promise and the next one's, which may have replaced it."""
    found = 0.0
    for hour in (int(at // HOUR), min(int(at // HOUR) + 1, len(outcome.plans) - 1)):
        made = outcome.plans[hour]
        lines = made.lines if made else ()
        found = max(found, *(line.promises[which] for line in lines if line.resource == each.table.name))
    return found
