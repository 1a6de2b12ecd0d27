"""Why a resource has the interval that it has, in one sentence for people."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime, timedelta

from changes import written
from changes.cadence import arithmetic, intervals, rates
from changes.cadence.lines import Line
from changes.cadence.terms import Promise
from changes.resources import Class

#: What the interval was before is told for so long: then the name of the day would mean another one.
TOLD_FOR = timedelta(days=6)
_WAS = "; was "
_BOUND = f"no oftener than {intervals.MOST_SCANS_PER_CHANGE} times for each change that is expected"


def why(line: Line, told: Mapping[Promise, float], *, overload: float, now: datetime) -> str:
    """`told`: the promises; `overload`: how many times more all resources ask for than the source's limits allow."""
    return _what(line) + "".join(f"; {each}" for each in _hindrances(line, told, overload)) + _before(line, now)


def _what(line: Line) -> str:
    requests = f"{line.cost:,.0f} request{'s' * (round(line.cost) != 1)} a scan"
    if line.is_explicit:
        return f"as configured; {requests}"
    if line.class_ is Class.SET_UP:
        return f"set-up, promised within {written.lasting(line.promise)}; {requests}"
    told = f"{_rate(rates.all_per_hour(line.known.rate))}, {requests}"
    return f"{told}; {_BOUND}" if _is_often_enough(line) else told


def _is_often_enough(line: Line) -> bool:
    """Whether it is how seldom it changes that keeps it from being scanned oftener, and no budget or promise."""
    enough = intervals.MOST_SCANS_PER_CHANGE * line.rate * (1 - intervals.HYSTERESIS)
    return line.stretched == 1 and line.shortest < line.interval < line.longest and 3600 / line.interval >= enough


def _hindrances(line: Line, told: Mapping[Promise, float], overload: float) -> list[str]:
    found, scan = [], line.known.scan_seconds
    if line.is_explicit and scan > line.interval:
        found.append(f"a scan takes {written.lasting(scan)}, longer than its interval")
    elif not line.is_explicit and arithmetic.longest_interval(told[Promise.UPDATED], scan_seconds=scan) < scan:
        promise = written.lasting(told[Promise.UPDATED])
        found.append(f"a scan takes {written.lasting(scan)}, too long for the promise of {promise}")
    if line.stretched > 1:
        times = (line.interval + scan + arithmetic.TICK_SECONDS) / line.promise
        stretched = f"{_tenths(times)} times as long as promised" if times > 1 else "stretched within its promise"
        share = f"{line.budget.requests_per_hour:,.0f} requests an hour"
        found.append(f"{stretched}: the budget of {share} carries no more")
    if overload > 1:
        found.append(
            f"comes {_tenths(overload)} times later: all schedules together ask for more than the limits allow"
        )
    return found


def _before(line: Line, now: datetime) -> str:
    """What the interval was until it was changed."""
    present = line.known.present
    if present is None or present.interval_seconds is None or line.is_explicit:
        return ""
    if present.interval_seconds != line.interval:
        return f"{_WAS}{written.lasting(present.interval_seconds)} until {_DAYS[now.weekday()]}"
    mark, _, before = present.why.rpartition(_WAS)
    is_recent = present.changed_at is not None and now - present.changed_at < TOLD_FOR
    return f"{_WAS}{before}" if mark and is_recent else ""


_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def _tenths(times: float) -> str:
    """Rounded up: "1.0 times as long" would say nothing."""
    return f"{math.ceil(times * 10 - 1e-6) / 10:.1f}"


def _rate(per_hour: float) -> str:
    if per_hour >= 0.1:
        return f"{per_hour:,.1f} changes an hour"
    return f"{per_hour * 24:,.1f} changes a day"
