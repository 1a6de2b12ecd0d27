"""The plan at work in virtual time, in small; `make bench ONLY=cadence` has the figures for a whole broker."""

from __future__ import annotations

import statistics
from dataclasses import replace

from benchmarks import virtual_plan, virtual_source
from benchmarks.virtual_source import HOUR, Outcome, Planner, Table
from changes.cadence.terms import Budget
from changes.resources import Class

SET_UP, TRAFFIC = Class.SET_UP, Class.TRAFFIC
LISTS = (
    *(Table(f"set_up_{number}", SET_UP, 1, 0.1, 0.2) for number in range(4)),
    Table("clients", TRAFFIC, 100, 40, 60),
    Table("archive", TRAFFIC, 400, 0, 1, can_have_heads=False),
    Table("tickets", TRAFFIC, 10, 4, 12),
)
EVERY = {each.name: 300.0 for each in LISTS}
REQUESTS_PER_HOUR = sum(each.requests * 12 for each in LISTS)
BUDGET = Budget(requests_per_second=2 * REQUESTS_PER_HOUR / HOUR, share=0.5)


def simulated(hours: int, planner: Planner, lists: tuple[Table, ...] = LISTS) -> Outcome:
    return virtual_source.run(
        lists,
        seconds=hours * HOUR,
        limit_per_second=BUDGET.requests_per_second,
        intervals=EVERY,
        planner=planner,
    )


def test_every_change_is_seen_within_its_promise_at_half_the_delay_and_no_second_is_above_the_limit() -> None:
    planned = simulated(24, virtual_plan.automatic(BUDGET))
    assert len(planned.delays()) > 2500
    assert virtual_plan.broken(planned) == 0
    assert max(planned.requests) <= BUDGET.requests_per_second + 1e-6
    plain, learned = simulated(24, virtual_source.unplanned), 12 * HOUR
    assert statistics.fmean(planned.delays(since=learned)) < statistics.fmean(plain.delays(since=learned)) / 2


def test_the_requests_of_an_hour_are_those_of_its_plan() -> None:
    planned = simulated(24, virtual_plan.automatic(BUDGET))
    for hour in range(12, 24):
        made = planned.plans[hour]
        assert made is not None
        assert abs(sum(planned.requests[hour * HOUR : (hour + 1) * HOUR]) / made.planned_per_hour - 1) < 0.05


def test_a_list_that_gets_a_hundred_times_busier_is_scanned_oftener_within_two_hours() -> None:
    at = 24 * HOUR
    lists = tuple(replace(each, busier_from=at if each.name == "archive" else None) for each in LISTS)
    run = simulated(30, virtual_plan.automatic(BUDGET), lists)
    intervals = run.watched["archive"].intervals
    assert min(intervals[25:27]) < intervals[24]
    assert virtual_plan.broken(run) == 0
