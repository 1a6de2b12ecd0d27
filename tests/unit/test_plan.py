"""What a scan costs, and how often a schedule comes."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from changes.cadence import costs
from changes.cadence.costs import Size
from changes.cadence.terms import Pace
from worker import rhythms

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
    assert costs.requests_per_scan(size, page_size=100) == expected


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
    assert rhythms.pace_of(schedule, NOW) == expected


def test_a_cron_line_promises_its_longest_gap() -> None:
    pace = rhythms.pace_of("0 8-18 * * *", NOW)
    assert pace is not None
    assert pace.longest_gap_seconds == 14 * 3600
