"""A time of day where the clock is turned."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from worker.commands import times


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        # 2:10 for the second time: it was 2:30 forty minutes ago.
        (datetime(2026, 10, 25, 1, 10, tzinfo=UTC), datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),
        # 3:10, and there was no 2:30 in this night.
        (datetime(2026, 3, 29, 1, 10, tzinfo=UTC), datetime(2026, 3, 28, 1, 30, tzinfo=UTC)),
    ],
)
def test_a_time_of_day_is_the_last_one_that_was(now: datetime, expected: datetime) -> None:
    assert times.past_moment("2:30", option="--since", now=now, zone=ZoneInfo("Europe/Berlin")) == expected
