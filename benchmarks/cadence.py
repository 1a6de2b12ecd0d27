"""The plan against simpler ones at the same budget, in virtual time: how long changes stay unseen."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import replace

from benchmarks import virtual_source as virtual
from benchmarks.bench import Bench, Row
from benchmarks.virtual_source import DAY, HOUR, Outcome, Planner, Table
from changes.cadence import sharing
from changes.cadence.sharing import Wish
from changes.cadence.terms import Budget
from changes.resources import Class

SET_UP, TRAFFIC = Class.SET_UP, Class.TRAFFIC
#: The mix of the built-in catalogue: 100 lists of set-up, and what a broker of 50,000 clients has of traffic.
LISTS: Sequence[Table] = (
    *(Table(f"set_up_{n}", SET_UP, 1 + n % 3, 0.01, 0.02, can_have_heads=n % 2 == 0) for n in range(100)),
    Table("clients", TRAFFIC, 500, 20, 60),
    Table("transactions", TRAFFIC, 5000, 400, 20),
    Table("accounts", TRAFFIC, 800, 25, 150),
    Table("verifications", TRAFFIC, 120, 15, 30),
    Table("requests", TRAFFIC, 60, 12, 20),
    Table("phones", TRAFFIC, 500, 20, 2),
    Table("addresses", TRAFFIC, 500, 15, 2),
    Table("sessions", TRAFFIC, 200, 200, 0, can_have_heads=False),
    Table("mails", TRAFFIC, 900, 120, 0),
    Table("tickets", TRAFFIC, 40, 4, 12),
)
#: The list that gets busier.
BUSIER = "tickets"
EVERY = 300.0
LONGEST = 14_400.0
#: Rates are learned in the first of these days, and only the others are judged.
DAYS, LEARNING_DAYS = 5, 2


def measure(given: Bench) -> list[Row]:
    """Mean delay of the plan and of simpler ones at one budget; promises, load and a list that gets busier."""
    days = given.size(DAYS, LEARNING_DAYS + 1)
    given.tell("cadence: the plan in virtual time")
    per_hour = sum(each.requests * HOUR / EVERY for each in LISTS)
    budget = Budget(requests_per_second=2 * per_hour / HOUR, share=0.5)
    every = dict.fromkeys((each.name for each in LISTS), EVERY)
    policies: dict[str, tuple[Mapping[str, float], Planner]] = {
        "every 5 minutes for all": (every, virtual.unplanned),
        "in proportion to the changes": (_shared(per_hour, is_square_root=False), virtual.unplanned),
        "by the square root": (_shared(per_hour, is_square_root=True), virtual.unplanned),
        "the plan without head scans": (every, virtual.automatic(budget, has_heads=False)),
        "the plan": (every, virtual.automatic(budget)),
    }
    runs = {
        name: virtual.run(
            LISTS,
            seconds=days * DAY,
            limit_per_second=budget.requests_per_second,
            intervals=intervals,
            planner=planner,
        )
        for name, (intervals, planner) in policies.items()
    }
    since = LEARNING_DAYS * DAY
    means = {name: statistics.fmean(run.delays(since=since)) for name, run in runs.items()}
    rows = [
        Row(work=f"{name}, {per_hour:,.0f} requests an hour", measure="mean delay", value=mean, unit="s")
        for name, mean in means.items()
    ]
    ratio = means["the plan"] / means["every 5 minutes for all"]
    work = "the plan, of every 5 minutes for all"
    rows.append(Row(work=work, measure="mean delay", value=ratio, target=0.5, is_most=True))
    return [*rows, *_kept(runs["the plan"], budget, since), *_busier(budget, days)]


def _shared(per_hour: float, *, is_square_root: bool) -> dict[str, float]:
    """Intervals that share the same requests by the rate, or by its square root, without promises."""
    wishes = []
    for each in LISTS:
        rate = each.created_per_hour + each.others_per_hour
        if not is_square_root:
            rate = rate**2 * each.requests  # so that its root, by the cost, is the rate itself
        wishes.append(Wish(rate, each.requests, least=HOUR / LONGEST, most=60.0))
    scans = sharing.shared(wishes, per_hour)
    return {each.name: HOUR / number for each, number in zip(LISTS, scans, strict=True)}


def _kept(run: Outcome, budget: Budget, since: int) -> list[Row]:
    hours = range(since // HOUR, len(run.plans))
    off = []
    for hour in hours:
        made = run.plans[hour]
        assert made is not None
        sent = sum(run.requests[hour * HOUR : (hour + 1) * HOUR])
        off.append(100 * abs(sent / made.planned_per_hour - 1))
    late, number = virtual.broken(run, since=since), len(run.delays(since=since))
    seconds = max(run.requests) / budget.requests_per_second
    rows = [
        (f"the plan, {number:,} changes", "later than promised", late, "", 0.0),
        ("requests of an hour, off the plan", "at most", max(off), "%", 5.0),
        ("requests of a second, of the limit", "at most", seconds, "x", 1.0),
    ]
    return [
        Row(work=work, measure=measure, value=value, unit=unit, target=target, is_most=True)
        for work, measure, value, unit, target in rows
    ]


def _busier(budget: Budget, days: int) -> list[Row]:
    """One list gets a hundred times busier."""
    at = LEARNING_DAYS * DAY
    lists = [replace(each, busier_from=at if each.name == BUSIER else None) for each in LISTS]
    run = virtual.run(
        lists,
        seconds=days * DAY,
        limit_per_second=budget.requests_per_second,
        intervals=dict.fromkeys((each.name for each in lists), EVERY),
        planner=virtual.automatic(budget),
    )
    intervals = run.watched[BUSIER].intervals
    before, after = intervals[at // HOUR], intervals[at // HOUR :]
    falls = next((hour for hour, seconds in enumerate(after) if seconds < before), len(after))
    steps = [later - earlier for earlier, later in itertools.pairwise(after) if later != earlier]
    reversals = sum((one > 0) != (two > 0) for one, two in itertools.pairwise(steps))
    per_day = 24 * reversals / len(after)
    late = virtual.broken(run, since=at)
    work = "a list gets 100 times busier"
    return [
        Row(work=work, measure="hours until it is scanned oftener", value=falls, unit="", target=2, is_most=True),
        Row(work=work, measure="reversals of its interval a day", value=per_day, unit="", target=3, is_most=True),
        Row(work=work, measure="changes of all lists later than promised", value=late, unit="", target=0, is_most=True),
    ]
