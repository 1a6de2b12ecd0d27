"""Moments and lengths of time on the command line."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from worker.commands import output, times
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
    ],
)
def test_a_moment_is_a_stamp_or_how_long_ago(text: str, expected: datetime) -> None:
    assert times.moment(text, option="--since", now=NOW) == expected


def test_what_is_no_moment_is_refused_with_examples() -> None:
    with pytest.raises(UsageError) as caught:
        times.moment("yesterday", option="--since", now=NOW)
    assert caught.value.message == '--since "yesterday" is no time'


def test_what_is_no_length_is_refused_with_examples() -> None:
    with pytest.raises(UsageError) as caught:
        times.length("long", option="--wait")
    assert caught.value.hint == "write 30s, 5m, 6h or 1d"


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0, "0 s"), (45.2, "45 s"), (200, "3 min 20 s"), (7500, "2 h 5 min"), (350_000, "4 d 1 h"), (None, "-")],
)
def test_a_length_is_told_in_its_two_greatest_units(seconds: float | None, expected: str) -> None:
    assert output.lasting(seconds) == expected


def test_json_writes_times_in_utc_and_integers_of_any_size() -> None:
    assert output.dumps({"at": NOW, "big": 2**70}) == '{"at": "2026-11-22T12:00:00Z", "big": 1180591620717411303424}'
