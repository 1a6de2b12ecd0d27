"""The plan against simpler ones at the same budget, in virtual time: how long changes stay unseen."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from benchmarks import brokerage, virtual_plan, virtual_source
from benchmarks.bench import Bench, Row
from benchmarks.virtual_source import DAY, HOUR, Outcome, Planner, Table
from changes.cadence import sharing
from changes.cadence.sharing import Wish
from changes.cadence.terms import Budget
from changes.resources import Class

FIXED, PLAN = "every 5 minutes for all", "the plan"
#: What it comes to where the server is not as the catalogue assumes.
PLAN_ONE_OBEYED = "the plan, if of the assumed orders only that of the transactions is obeyed"
PLAN_NONE_OBEYED = "the plan, if all assumed orders are refused"
#: The list that gets busier.
BUSIER = "bonuses"
EVERY = 300.0
LONGEST = 14_400.0
#: Rates are learned in the first of these days, and only the others are judged.
DAYS, LEARNING_DAYS = 5, 2


def measure(given: Bench) -> list[Row]:
    """Mean delay of the plan and of simpler ones at one budget; promises, load and a list that gets busier."""
    days = given.size(DAYS, LEARNING_DAYS + 1)
    lists, assumed = brokerage.lists(), brokerage.assumed()
    set_up = [each for each in lists if each.class_ is Class.SET_UP]
    changes = sum(each.created_per_hour + each.others_per_hour for each in lists)
    per_hour = sum(each.requests * HOUR / EVERY for each in lists)
    budget = Budget(requests_per_second=2 * per_hour / HOUR, share=0.5)
    clients, transactions = (brokerage.TRAFFIC[name].rows for name in ("clients", "transactions"))
    given.note(
        f"A made-up broker: {len(lists)} resources that the built-in catalogue scans, {len(set_up)} of them set-up; "
        f"{clients:,} clients, {transactions:,} transactions, about {changes:,.0f} changes an hour at random. "
        "A second is one step. The plan is the product's own."
    )
    given.note(
        f"All have the same budget, {per_hour:,.0f} requests an hour: so many as every 5 minutes takes for all. "
        f"{LEARNING_DAYS} days of learning go before. The built-in catalogue only assumes of some lists that they can "
        f"be sorted by creation: {', '.join(assumed).replace('_', ' ')}. In the row of the plan all of these obey. "
        "Where one does not, it has no head scans, and the two rows below say what is lost by that."
    )
    every = dict.fromkeys((each.name for each in lists), EVERY)
    policies: dict[str, tuple[Sequence[Table], Mapping[str, float], Planner]] = {
        FIXED: (lists, every, virtual_source.unplanned),
        "in proportion to the changes": (lists, _shared(lists, per_hour, _in_proportion), virtual_source.unplanned),
        "by the square root": (lists, _shared(lists, per_hour, _by_square_root), virtual_source.unplanned),
        "by the square root, with promises: the plan without head scans": (
            lists,
            every,
            virtual_plan.automatic(budget, has_heads=False),
        ),
        PLAN: (lists, every, virtual_plan.automatic(budget)),
        PLAN_ONE_OBEYED: (
            brokerage.lists(refusing=[name for name in assumed if name != "transactions"]),
            every,
            virtual_plan.automatic(budget),
        ),
        PLAN_NONE_OBEYED: (brokerage.lists(refusing=assumed), every, virtual_plan.automatic(budget)),
    }
    runs: dict[str, Outcome] = {}
    for name, (tables, intervals, planner) in policies.items():
        given.tell(f"cadence: {name}")
        runs[name] = virtual_source.run(
            tables,
            seconds=days * DAY,
            limit_per_second=budget.requests_per_second,
            intervals=intervals,
            planner=planner,
        )
    since = LEARNING_DAYS * DAY
    means = {name: statistics.fmean(run.delays(since=since)) for name, run in runs.items()}
    rows = [Row(work=name, measure="mean delay", value=mean, unit="s") for name, mean in means.items()]
    rows += [
        Row(work=name, measure=f"of {FIXED}", value=means[name] / means[FIXED], target=target, is_most=True)
        for name, target in ((PLAN, 0.5), (PLAN_ONE_OBEYED, None), (PLAN_NONE_OBEYED, None))
    ]
    given.tell("cadence: a list that gets busier")
    return [*rows, *_kept(runs[PLAN], budget, since), *_busier(lists, every, budget, days)]


def _in_proportion(each: Table) -> Wish:
    """Its root by the cost is the rate itself."""
    return _by_square_root(each)._replace(rate=each.changes_per_hour**2 * each.requests)


def _by_square_root(each: Table) -> Wish:
    return Wish(each.changes_per_hour, each.requests, least=HOUR / LONGEST, most=60.0)


def _shared(lists: Sequence[Table], per_hour: float, wish: Callable[[Table], Wish]) -> dict[str, float]:
    """Intervals that share the requests, without promises."""
    scans = sharing.shared([wish(each) for each in lists], per_hour)
    return {each.name: HOUR / number for each, number in zip(lists, scans, strict=True)}


def _kept(run: Outcome, budget: Budget, since: int) -> list[Row]:
    hours = range(since // HOUR, len(run.plans))
    off = []
    for hour in hours:
        made = run.plans[hour]
        assert made is not None
        sent = sum(run.requests[hour * HOUR : (hour + 1) * HOUR])
        off.append(100 * abs(sent / made.planned_per_hour - 1))
    late, number = virtual_plan.broken(run, since=since), len(run.delays(since=since))
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


def _busier(lists: Sequence[Table], every: Mapping[str, float], budget: Budget, days: int) -> list[Row]:
    """One list gets a hundred times busier."""
    at = LEARNING_DAYS * DAY
    run = virtual_source.run(
        [replace(each, busier_from=at if each.name == BUSIER else None) for each in lists],
        seconds=days * DAY,
        limit_per_second=budget.requests_per_second,
        intervals=every,
        planner=virtual_plan.automatic(budget),
    )
    intervals = run.watched[BUSIER].intervals
    before, after = intervals[at // HOUR], intervals[at // HOUR :]
    falls = next((hour for hour, seconds in enumerate(after) if seconds < before), len(after))
    steps = [later - earlier for earlier, later in itertools.pairwise(after) if later != earlier]
    reversals = sum((one > 0) != (two > 0) for one, two in itertools.pairwise(steps))
    per_day = 24 * reversals / len(after)
    late = virtual_plan.broken(run, since=at)
    work = f"{BUSIER} get {virtual_source.BUSIER_TIMES} times busier"
    return [
        Row(work=work, measure="hours until it is scanned oftener", value=falls, unit="", target=2, is_most=True),
        Row(work=work, measure="reversals of its interval a day", value=per_day, unit="", target=3, is_most=True),
        Row(work=work, measure="changes of all lists later than promised", value=late, unit="", target=0, is_most=True),
    ]
