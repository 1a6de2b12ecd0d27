"""The plan keeps its order of claims within the budget, says why, and does not swing."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from changes import schedules
from changes.cadence import plan, rates, sharing
from changes.cadence.sharing import Wish
from changes.cadence.terms import Budget, Known, Pace, Plan, Planned, Promise, Rate
from changes.resources import Class

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)  # a Tuesday
WEEK = 7 * 86_400.0
BUDGET = Budget(requests_per_second=20)


def known(name: str, schedule: str = "auto", **more: Any) -> Known:
    timing = schedules.timing(schedule)
    pace = None
    if isinstance(timing.full, schedules.Every):
        pace = Pace(3600 / timing.full.seconds, float(timing.full.seconds))
    usual: dict[str, Any] = {"class_": Class.TRAFFIC, "requests_per_scan": 1, "scan_seconds": 0.2, "head_seconds": 0.1}
    return Known(name, timing, pace=pace, **(usual | more))


def set_up(name: str, **more: Any) -> Known:
    return known(name, class_=Class.SET_UP, **more)


def made(*lists: Known, budget: Budget = BUDGET, now: datetime = NOW) -> Plan:
    return plan.make(lists, budget, now=now)


def only(*lists: Known, **more: Any) -> Planned:
    return made(*lists, **more).lines[0]


def test_an_explicit_time_stays_what_it_is_and_promises_what_it_comes_to() -> None:
    line = only(known("clients", "4h, head 30s", requests_per_scan=500, scan_seconds=50, can_have_heads=True))
    assert (14_400, 30) == (line.interval_seconds, line.head_interval_seconds)
    assert {"created": 32.1, "updated": 14_452, "deleted": 14_452} == line.promises
    assert all(line.is_kept.values())
    assert line.spread_seconds == 0


def test_without_a_path_that_confirms_it_a_deletion_takes_two_scans() -> None:
    assert 604.4 == only(known("tags", "5m", is_confirmed=False)).promises[Promise.DELETED]
    assert 600 == only(set_up("tags", is_confirmed=False)).promises[Promise.DELETED]


def test_set_up_is_scanned_as_often_as_its_promise_needs_and_no_oftener() -> None:
    line = only(set_up("products", scan_seconds=8))
    assert (275, 300) == (line.interval_seconds, line.promises[Promise.UPDATED])
    assert "set-up, promised within 5 min; 1 request a scan" == line.why


def test_what_is_left_goes_by_the_square_root_of_what_a_request_brings() -> None:
    lists = [
        known("slow", requests_per_scan=2000, scan_seconds=60, rate=Rate(others=168 * 4, seconds=WEEK)),
        known("quick", requests_per_scan=2000, scan_seconds=60, rate=Rate(others=168 * 400, seconds=WEEK)),
    ]
    slow, quick = made(*lists).lines
    assert slow.interval_seconds is not None
    assert quick.interval_seconds is not None
    assert 8 < slow.interval_seconds / quick.interval_seconds < 11


def test_a_class_that_nobody_has_named_follows_from_the_cost() -> None:
    small, large = made(known("a", class_=None), known("b", class_=None, requests_per_scan=11)).lines
    assert (Class.SET_UP, Class.TRAFFIC) == (small.class_, large.class_)


def test_heads_are_given_where_they_are_possible_and_worth_it() -> None:
    lines = made(
        known("clients", can_have_heads=True, rate=Rate(created=168 * 30, seconds=WEEK)),
        known("archive", can_have_heads=True),
        known("files", can_have_heads=False),
        set_up("tags", can_have_heads=True),
        set_up("countries", can_have_heads=True, requests_per_scan=8),
        known("steady", "5m", can_have_heads=True),
    ).lines
    intervals = {line.resource: line.head_interval_seconds for line in lines}
    assert intervals.pop("clients") == 10
    assert intervals == {"archive": 180, "files": None, "tags": None, "countries": 180, "steady": None}


def test_by_heads_of_which_nobody_knows_yet_whether_they_work_nothing_is_promised_or_spared() -> None:
    busy = {"requests_per_scan": 40, "rate": Rate(created=168 * 30, others=168, seconds=WEEK)}
    sure = only(known("logs", can_have_heads=True, **busy))
    unsure = only(known("logs", can_have_heads=True, are_heads_sure=False, **busy))
    without = only(known("logs", **busy))
    assert sure.head_interval_seconds == unsure.head_interval_seconds == 10
    assert (12.1, 14_400) == (sure.promises[Promise.CREATED], unsure.promises[Promise.CREATED])
    assert unsure.promises == without.promises
    assert unsure.interval_seconds == without.interval_seconds
    assert all(unsure.is_kept.values())


def test_the_reason_has_rate_cost_and_what_it_was_before() -> None:
    busy = known("clients", requests_per_scan=40, rate=Rate(others=0.8 * 168 + 18.2, seconds=WEEK))
    first = only(busy)
    assert first.interval_seconds is not None
    assert "0.8 changes an hour, 40 requests a scan" == first.why
    present = replace(first, interval_seconds=first.interval_seconds * 2)
    second = only(replace(busy, present=present))
    assert second.why.startswith("0.8 changes an hour, 40 requests a scan; was ")
    assert second.why.endswith(" until Tuesday")
    settled = replace(second, interval_seconds=first.interval_seconds)
    third = only(replace(busy, present=settled), now=NOW + timedelta(days=1))
    assert third.interval_seconds == settled.interval_seconds
    assert third.why == second.why, "the day of the change is told, not that of the plan"
    assert third.changed_at == second.changed_at
    fourth = only(replace(busy, present=third), now=NOW + timedelta(days=7))
    assert "0.8 changes an hour, 40 requests a scan" == fourth.why, "a week later Tuesday would mean another day"


def test_a_list_that_is_scanned_often_enough_for_its_changes_says_so() -> None:
    line = only(known("archive", requests_per_scan=2))
    assert (line.interval_seconds, line.requests_per_hour) == (870, 8.28)
    assert (
        "1.0 changes a day, 2 requests a scan; no oftener than 100 times for each change that is expected" == line.why
    )


def test_a_plan_that_is_made_again_of_the_same_is_the_same() -> None:
    lists = [set_up("a"), known("b", requests_per_scan=300, scan_seconds=20), known("c", can_have_heads=True)]
    first = made(*lists)
    again = [replace(each, present=line) for each, line in zip(lists, first.lines, strict=True)]
    second = made(*again, now=NOW + timedelta(hours=1))
    assert first.lines == second.lines


def test_an_interval_changes_by_half_at_most_and_not_for_little() -> None:
    busy = known("clients", requests_per_scan=10, rate=Rate(others=168 * 50, seconds=WEEK))
    wanted = only(busy).interval_seconds
    assert wanted is not None
    for before, after in ((wanted * 4, wanted * 4 / 1.5), (wanted * 1.15, wanted * 1.15), (wanted * 1.4, wanted)):
        present = replace(only(busy), interval_seconds=before)
        found = only(replace(busy, present=present)).interval_seconds
        assert found == pytest.approx(after, rel=0.03)


def test_set_up_keeps_its_interval_while_scans_take_a_little_longer_or_shorter() -> None:
    first = only(set_up("rights", scan_seconds=20))
    for seconds, interval in ((15, 265), (25, 265), (45, 235)):
        again = only(set_up("rights", scan_seconds=seconds, present=first))
        assert interval - 5 <= (again.interval_seconds or 0) <= interval
        assert all(again.is_kept.values())


def test_what_is_kept_as_it_was_never_costs_more_than_the_budget() -> None:
    lists = [
        known(f"list{number}", requests_per_scan=1000, scan_seconds=10, rate=Rate(others=168 * 90, seconds=WEEK))
        for number in range(5)
    ]
    first = made(*lists)
    less = replace(BUDGET, share=0.45)
    again = [replace(each, present=line) for each, line in zip(lists, first.lines, strict=True)]
    assert made(*again, budget=less).planned_per_hour <= less.requests_per_hour
    assert first.planned_per_hour > less.requests_per_hour


def test_no_interval_is_longer_than_its_promise_allows() -> None:
    line = only(known("archive", requests_per_scan=5000, scan_seconds=333), budget=Budget(1, share=0.8))
    assert line.interval_seconds is not None
    assert line.interval_seconds + 333 + 2 + 0.05 * 14_400 <= 14_400


def test_claims_beyond_the_budget_are_cured_by_the_smallest_change() -> None:
    found = made(known("logs", "1m", requests_per_scan=900), set_up("tags"))
    assert not found.is_within
    assert found.cure is not None
    assert 'schedule.logs = "2m" in place of "1m"' == found.cure.text
    assert 27_000 == found.cure.saves_per_hour
    tags = found.lines[1]
    assert "set-up, promised within 5 min; 1 request a scan" == tags.why, "there is always a part for the others"


def test_without_one_change_that_is_enough_a_larger_share_is_named() -> None:
    lists = [known(f"logs{number}", "1m", requests_per_scan=60) for number in range(12)]
    found = made(*lists)
    assert found.cure is not None
    assert found.cure.text.startswith("budget.share = 0.63, ")


def test_a_head_interval_can_be_the_cheapest_cure() -> None:
    budget = Budget(requests_per_second=1)
    found = made(known("news", "4h, head 1s", can_have_heads=True), budget=budget)
    assert found.cure is not None
    assert 'schedule.news.head = "5s" in place of "1s"' == found.cure.text


def test_what_cannot_be_kept_is_stretched_alike_and_said() -> None:
    budget = Budget(requests_per_second=1, share=0.1)
    lists = [set_up(f"tags{number}", requests_per_scan=5) for number in range(20)]
    found = made(*lists, budget=budget)
    assert not found.is_within
    for line in found.lines:
        assert line.interval_seconds is not None
        assert line.interval_seconds > 300
        assert 300 == line.promises[Promise.UPDATED]
        assert not line.is_kept[Promise.UPDATED]
        assert "times as long as promised: the budget of 360 requests an hour carries no more" in line.why
    assert found.planned_per_hour <= budget.requests_per_hour * 1.01


def test_a_promise_shorter_than_a_scan_takes_is_not_kept_and_it_says_so() -> None:
    line = only(set_up("products", requests_per_scan=10, scan_seconds=400))
    assert not line.is_kept[Promise.UPDATED]
    assert "a scan takes 6 min 40 s, too long for the promise of 5 min" in line.why
    assert line.interval_seconds == 600, "it leaves the source some room"


def test_a_promise_below_a_minute_is_kept_by_an_interval_below_a_minute() -> None:
    line = only(set_up("rights"), budget=Budget(20, promise_seconds={Class.SET_UP: 30, Class.TRAFFIC: 14_400}))
    assert line.interval_seconds == 26
    assert line.is_kept[Promise.UPDATED]


def test_an_explicit_time_shorter_than_a_scan_is_not_kept_and_it_says_so() -> None:
    line = only(known("logs", "1m", requests_per_scan=400, scan_seconds=100))
    assert line.interval_seconds == 60
    assert not line.is_kept[Promise.UPDATED]
    assert "as configured; 400 requests a scan; a scan takes 1 min 40 s, longer than its interval" == line.why
    assert line.requests_per_hour == 14_400, "it comes no oftener than it ends"


def test_explicit_times_beyond_the_limits_come_later_and_it_says_so() -> None:
    found = made(known("logs", "1m", requests_per_scan=100), known("tags", "1m"), budget=Budget(requests_per_second=1))
    for line in found.lines:
        assert not any(line.is_kept.values())
        assert line.why.endswith("comes 1.7 times later: all schedules together ask for more than the limits allow")


def test_the_promises_of_set_up_come_before_those_of_traffic() -> None:
    budget = Budget(requests_per_second=1)
    tags, logs = made(
        set_up("tags", requests_per_scan=100, scan_seconds=100),
        known("logs", requests_per_scan=5000, scan_seconds=5000, can_have_heads=True),
        budget=budget,
    ).lines
    assert all(tags.is_kept.values()) is False, "a scan of 100 s each 5 min is more than half of what the source allows"
    tags, logs = made(
        set_up("tags", requests_per_scan=50, scan_seconds=50),
        known("logs", requests_per_scan=5000, scan_seconds=5000, can_have_heads=True),
        budget=budget,
    ).lines
    assert all(tags.is_kept.values())
    assert not logs.is_kept[Promise.UPDATED]
    assert logs.is_kept[Promise.CREATED], "heads come before the others' full scans"
    assert "times as long as promised: the budget of 1,800 requests an hour carries no more" in logs.why


def test_long_scans_are_spread_where_that_keeps_the_promise() -> None:
    spread = only(known("clients", requests_per_scan=400, scan_seconds=20))
    assert spread.interval_seconds is not None
    assert 40 < spread.spread_seconds <= 0.8 * spread.interval_seconds
    assert spread.is_kept[Promise.UPDATED]
    assert only(set_up("rights", requests_per_scan=30, scan_seconds=3)).spread_seconds == 0


LISTS = some.lists(
    some.builds(
        known,
        some.sampled_from(["a", "b", "c"]),
        some.sampled_from(["auto", "auto", "auto, head 30s", "10m", "1h, head 10s"]),
        class_=some.sampled_from([Class.SET_UP, Class.TRAFFIC, None]),
        requests_per_scan=some.integers(1, 3000),
        scan_seconds=some.floats(0.1, 200),
        can_have_heads=some.booleans(),
        is_confirmed=some.booleans(),
        rate=some.builds(
            Rate, created=some.floats(0, 1e5), others=some.floats(0, 1e5), seconds=some.floats(0, 2 * WEEK)
        ),
    ),
    max_size=20,
)
BUDGETS = some.builds(Budget, requests_per_second=some.floats(0.5, 500), share=some.floats(0.02, 1))


def explicit_per_hour(lists: list[Known], found: Plan) -> float:
    """Of explicit times and head intervals."""
    spent = 0.0
    for each, line in zip(lists, found.lines, strict=True):
        heads = 3600 / line.head_interval_seconds if line.head_interval_seconds else 0.0
        spent += line.requests_per_hour - heads if each.pace is not None else 0.0
        spent += heads if isinstance(each.timing.head, schedules.Every) else 0.0
    return spent


@given(LISTS, LISTS, BUDGETS)
def test_whatever_there_is_the_plan_keeps_its_bounds(lists: list[Known], past: list[Known], budget: Budget) -> None:
    before = made(*past, budget=budget).lines
    lists = [
        replace(each, present=before[number] if number < len(before) else None) for number, each in enumerate(lists)
    ]
    found = made(*lists, budget=budget)
    explicit = explicit_per_hour(lists, found)
    floor = min(plan.LEAST_SHARE * budget.requests_per_second * 3600, budget.requests_per_hour)
    assert found.planned_per_hour <= max(budget.requests_per_hour, explicit + floor) * 1.001 + 0.1
    for each, line in zip(lists, found.lines, strict=True):
        assert line.why
        assert line.interval_seconds is not None
        if each.pace is not None:
            assert line.interval_seconds == each.pace.longest_gap_seconds
            continue
        promise = budget.promise_seconds[line.class_]
        assert line.interval_seconds >= min(60, promise - each.scan_seconds - 2) - 1
        if line.is_kept[Promise.UPDATED]:
            assert line.interval_seconds + max(each.scan_seconds, line.spread_seconds) + 2 <= promise
        else:
            assert any(word in line.why for word in ("as long as promised", "too long for the promise", "times later"))


@given(LISTS, BUDGETS)
def test_a_plan_is_the_same_when_it_is_made_twice(lists: list[Known], budget: Budget) -> None:
    first = made(*lists, budget=budget)
    assert first == made(*lists, budget=budget)
    again = [replace(each, present=line) for each, line in zip(lists, first.lines, strict=True)]
    second = made(*again, budget=budget, now=NOW + timedelta(hours=1))
    for before, after in zip(first.lines, second.lines, strict=True):
        assert after.interval_seconds == pytest.approx(before.interval_seconds, rel=0.05)  # intervals are rounded


@given(LISTS, BUDGETS)
def test_set_up_keeps_its_promise_wherever_the_claims_fit(lists: list[Known], budget: Budget) -> None:
    found = made(*lists, budget=budget)
    for each, line in zip(lists, found.lines, strict=True):
        promise = budget.promise_seconds[line.class_]
        can_be_kept = promise - each.scan_seconds - 2 >= each.scan_seconds
        if found.is_within and line.class_ is Class.SET_UP and each.pace is None and can_be_kept:
            assert line.is_kept[Promise.UPDATED]
            assert line.interval_seconds is not None
            assert line.interval_seconds <= promise


def test_old_observations_count_less() -> None:
    rate = rates.observed(Rate(), created=0, others=100, seconds=86_400.0)
    later = rates.observed(rate, created=0, others=0, seconds=rates.HALF_LIFE_SECONDS)
    assert later.others == pytest.approx(50)
    assert rates.others_per_hour(later) < rates.others_per_hour(rate)
    assert rates.all_per_hour(Rate()) == pytest.approx(1 / 24)


def test_a_budget_is_shared_to_its_last_request_where_nobody_is_at_a_bound() -> None:
    wishes = [Wish(rate, cost, 0.0, 1e9) for rate, cost in ((1, 1), (4, 1), (1, 4))]
    scans = sharing.shared(wishes, 100)
    assert sum(each * wish.cost for each, wish in zip(scans, wishes, strict=True)) == pytest.approx(100)
    assert scans[1] / scans[0] == pytest.approx(2)
    assert scans[0] / scans[2] == pytest.approx(2)
