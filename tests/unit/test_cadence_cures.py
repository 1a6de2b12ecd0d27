"""The cure that is named where a budget is exceeded: it cures, and it is the cheapest."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as some

from changes import schedules
from changes.cadence.terms import Budget, Known, Plan
from changes.resources import Class
from tests.unit.test_cadence_plan import BUDGET, known, made, set_up


def mended(lists: list[Known], budget: Budget, text: str) -> Plan:
    """With what a cure says."""
    for name, head, time in re.findall(r'schedule\.(\w+?)(\.head)? = "(\w+)"', text):
        at = next(number for number, each in enumerate(lists) if each.resource == name)
        full = lists[at].timing.full
        before = f"{full.seconds}s" if isinstance(full, schedules.Every) else "auto"
        timing = f"{before}, head {time}" if head else time
        lists[at] = replace(known(name, timing), **{part: getattr(lists[at], part) for part in _KEPT})
    if share := re.search(r"share = ([\d.]+)", text):
        budget = replace(budget, share=float(share[1]))
    if promise := re.search(r'promise\.set-up = "(\w+)"', text):
        full = schedules.timing(promise[1]).full
        assert isinstance(full, schedules.Every)
        budget = replace(budget, promise_seconds={**budget.promise_seconds, Class.SET_UP: float(full.seconds)})
    return made(*lists, budget=budget)


_KEPT = ("class_", "requests_per_scan", "scan_seconds", "can_have_heads")


@given(
    some.lists(
        some.tuples(
            some.sampled_from(["auto", "3s", "10s", "1m", "5m", "1h", "4h, head 2s"]),
            some.sampled_from(list(Class)),
            some.integers(1, 60),
            some.floats(0, 20),
        ),
        min_size=1,
        max_size=12,
    ),
    some.floats(0.01, 0.9),
)
def test_the_cure_that_is_named_cures_even_where_scans_have_become_quicker(lists: list[Any], share: float) -> None:
    budget = Budget(requests_per_second=20, share=share)
    before = [
        known(f"list{at}", text, class_=class_, requests_per_scan=cost, scan_seconds=seconds, can_have_heads=True)
        for at, (text, class_, cost, seconds) in enumerate(lists)
    ]
    found = made(*before, budget=budget)
    if found.cure is None or found.cure.text.startswith("all schedules"):
        return
    assert mended(list(before), budget, found.cure.text).is_within, found.cure.text
    quicker = [replace(each, scan_seconds=0.1) if each.pace else each for each in before]
    assert mended(quicker, budget, found.cure.text).is_within, found.cure.text


def test_the_schedule_that_costs_more_than_all_others_is_named_before_the_share_is() -> None:
    lists = [
        known("currencies", "3s", requests_per_scan=24),
        *(set_up(f"tags{at}", requests_per_scan=4) for at in range(90)),
    ]
    found = made(*lists, budget=replace(BUDGET, share=0.012))
    assert found.cure is not None
    assert found.cure.text.startswith('schedule.currencies = "4h" in place of "3s", and budget.share = 0.0')


def test_how_many_times_as_long_as_promised_is_what_the_interval_comes_to() -> None:
    lists = [set_up(f"tags{at}", requests_per_scan=5) for at in range(20)]
    for line in made(*lists, budget=Budget(requests_per_second=1, share=0.2)).lines:
        assert line.interval_seconds is not None
        times = re.search(r"([\d.]+) times as long as promised", line.why)
        assert times is not None
        assert float(times[1]) - 0.1 <= (line.interval_seconds + 2.2) / 300 <= float(times[1])
    narrow = made(*lists, budget=Budget(requests_per_second=1, share=0.372)).lines[0]
    assert all(narrow.is_kept.values())
    assert "stretched within its promise: the budget of 1,339 requests an hour carries no more" in narrow.why


def test_of_two_changes_that_are_enough_the_one_that_leaves_out_fewer_requests_is_named() -> None:
    lists = [known("few", "1m", requests_per_scan=60), known("many", "10m", requests_per_scan=6000)]
    found = made(*lists, budget=replace(BUDGET, share=0.54))
    assert found.cure is not None
    assert found.cure.text == 'schedule.few = "5m" in place of "1m"'
