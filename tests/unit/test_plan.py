"""What a configuration costs and promises."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from worker import plan
from worker.plan import Line, Pace, Size

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (Size(0), 1),
        (Size(100), 2),
        (Size(101), 3),
        (Size(1000), 12),
        (Size(1000, has_total=False), 12),
        (Size(None), 1),
        (Size(None, lists=40), 40),
        (Size(300, lists=3), 4),
        (Size(5000, is_paged=False), 1),
        (Size(0, lists=0), 0),
    ],
)
def test_each_list_costs_its_pages(size: Size, expected: int) -> None:
    assert plan.requests_per_scan(size, page_size=100) == expected


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("5m", Pace(12.0, 300.0)),
        ("0 * * * *", Pace(1.0, 3600.0)),
        ("0 0 * * *", Pace(1 / 24, 86_400.0)),
        ("off", None),
    ],
)
def test_a_schedule_has_a_pace(schedule: str, expected: Pace | None) -> None:
    assert plan.pace_of(schedule, now=NOW) == expected


def test_a_cron_line_promises_its_longest_gap() -> None:
    pace = plan.pace_of("0 8-18 * * *", now=NOW)
    assert pace is not None
    assert pace.longest_gap_seconds == 14 * 3600


def test_a_change_is_seen_after_the_longest_gap_and_the_scan() -> None:
    found = plan.line(
        "s",
        "r",
        schedule="5m",
        pace=Pace(12, 300),
        size=Size(1000),
        page_size=100,
        requests_per_second=20,
        answer_seconds=0.2,
    )
    assert found == Line("s", "r", "5m", 1000, 12, 144.0, 302.4)


def test_schedules_that_want_more_than_the_limit_stretch_what_is_promised() -> None:
    lines = [Line("s", "r", "5m", 10, 10, 5400.0, 300.0), Line("s", "q", "5m", 10, 10, 1800.0, 100.0)]
    assert plan.load(lines, requests_per_second=1) == 2.0
    assert [line.staleness_seconds for line in plan.shared(lines, requests_per_second=1)] == [600.0, 200.0]
    assert plan.shared(lines, requests_per_second=10) == lines
