"""Moments and lengths of time on the command line."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from changes import written
from worker import output
from worker.commands import times
from worker.problems import UsageError

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-22", datetime(2026, 11, 22, tzinfo=UTC)),
        ("2026-11-22T10:30", datetime(2026, 11, 22, 10, 30, tzinfo=UTC)),
        ("2026-11-22T10:30:00.5Z", datetime(2026, 11, 22, 10, 30, 0, 500_000, tzinfo=UTC)),
        ("2026-11-22T10:30:00+02:00", datetime(2026, 11, 22, 8, 30, tzinfo=UTC)),
        ("2026-11-22 10:30:00Z", datetime(2026, 11, 22, 10, 30, tzinfo=UTC)),
        ("2h", datetime(2026, 11, 22, 10, tzinfo=UTC)),
        ("1d", datetime(2026, 11, 21, 12, tzinfo=UTC)),
        ("1w", datetime(2026, 11, 15, 12, tzinfo=UTC)),
        ("2h ago", datetime(2026, 11, 22, 10, tzinfo=UTC)),
        ("9mo", datetime(2026, 2, 22, 12, tzinfo=UTC)),
        ("1y", datetime(2025, 11, 22, 12, tzinfo=UTC)),
        ("now", NOW),
        ("today", datetime(2026, 11, 22, tzinfo=UTC)),
        ("Yesterday", datetime(2026, 11, 21, tzinfo=UTC)),
        ("monday", datetime(2026, 11, 16, tzinfo=UTC)),
        ("sun", datetime(2026, 11, 22, tzinfo=UTC)),
        ("10:00", datetime(2026, 11, 22, 10, tzinfo=UTC)),
        ("12:00", datetime(2026, 11, 22, 12, tzinfo=UTC)),
        ("22:10:30", datetime(2026, 11, 21, 22, 10, 30, tzinfo=UTC)),
    ],
)
def test_a_moment_is_a_stamp_or_how_long_ago(text: str, expected: datetime) -> None:
    assert times.moment(text, option="--since", now=NOW) == expected


@pytest.mark.parametrize("text", ["tomorrow", "", "d", "5", "99999mo", "99999999w", "2026-13-01", "25:00", "10:61"])
def test_what_is_no_moment_is_refused_with_examples(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        times.moment(text, option="--since", now=NOW)
    assert caught.value.message == f'--since "{text}" is no time'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-07-01", datetime(2026, 6, 30, 22, tzinfo=UTC)),
        ("2026-11-22T10:00Z", datetime(2026, 11, 22, 10, tzinfo=UTC)),
        ("yesterday", datetime(2026, 11, 20, 23, tzinfo=UTC)),
        ("12:30", datetime(2026, 11, 22, 11, 30, tzinfo=UTC)),
        ("13:30", datetime(2026, 11, 21, 12, 30, tzinfo=UTC)),
        ("4w", datetime(2026, 10, 25, 12, tzinfo=UTC)),  # twice two o'clock lies between
    ],
)
def test_in_another_zone_days_begin_at_its_midnight(text: str, expected: datetime) -> None:
    assert times.moment(text, option="--since", now=NOW, zone=ZoneInfo("Europe/Berlin")) == expected


def test_the_zone_of_this_machine_is_that_of_tz(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    with output.times_in(times.here()):
        assert output.moment(NOW) == "2026-11-22 21:00:00+09:00"
    assert output.moment(NOW) == "2026-11-22 12:00:00Z"


def test_the_day_of_a_month_that_is_shorter_is_its_last() -> None:
    at = datetime(2026, 3, 31, tzinfo=UTC)
    assert times.moment("1mo", option="--since", now=at) == datetime(2026, 2, 28, tzinfo=UTC)


def test_what_is_no_length_is_refused_with_examples() -> None:
    with pytest.raises(UsageError) as caught:
        times.length("long", option="--wait")
    assert caught.value.hint == "write 30s, 5m, 6h, 1d or 1w"


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0, "0 s"), (45.2, "45 s"), (200, "3 min 20 s"), (7500, "2 h 5 min"), (350_000, "4 d 1 h"), (None, "-")],
)
def test_a_length_is_told_in_its_two_greatest_units(seconds: float | None, expected: str) -> None:
    assert written.lasting(seconds) == expected


def test_json_writes_times_in_utc_and_integers_of_any_size() -> None:
    assert written.dumps({"at": NOW, "big": 2**70}) == '{"at": "2026-11-22T12:00:00Z", "big": 1180591620717411303424}'


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
