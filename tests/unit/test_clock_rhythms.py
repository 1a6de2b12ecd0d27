"""When a resource's turn comes: pure arithmetic on the clock's side."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker import rhythms as clock


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@given(
    now=st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)),  # noqa: DTZ001  # hypothesis wants naive bounds
    seconds=st.integers(1, 10 * 86_400),
    resource=st.text(min_size=1, max_size=10),
)
def test_the_latest_slot_of_an_interval_has_come_and_the_next_one_has_not(
    now: datetime, seconds: int, resource: str
) -> None:
    moment = now.replace(tzinfo=UTC)
    beat = clock.rhythm(f"{seconds}s", source="s", resource=resource)
    assert beat is not None
    latest, following = beat.latest(moment), beat.next(moment)
    assert latest is not None
    assert following is not None
    assert latest <= moment < following
    assert following - latest == timedelta(seconds=seconds)
    assert beat.latest(latest) == latest
    assert beat.next(latest) == following


def test_two_clocks_compute_the_same_slots() -> None:
    now = at("2026-11-22T10:00:07")
    first, second = (clock.rhythm("5m", source="s", resource="products") for _ in range(2))
    assert first == second
    assert first is not None
    assert first.latest(now) == first.latest(now + timedelta(seconds=1))


def test_resources_of_one_interval_do_not_all_come_at_once() -> None:
    now = at("2026-11-22T10:00:00")
    beats = [clock.rhythm("5m", source="s", resource=f"resource_{number}") for number in range(50)]
    assert len({beat.latest(now) for beat in beats if beat}) > 30


def test_off_has_no_rhythm() -> None:
    assert clock.rhythm("off", source="s", resource="products") is None


@pytest.mark.parametrize(
    ("line", "now", "latest", "following"),
    [
        ("0 2 * * *", "2026-11-22T10:00:00", "2026-11-22T02:00:00", "2026-11-23T02:00:00"),
        ("0 2 * * *", "2026-11-22T02:00:00", "2026-11-22T02:00:00", "2026-11-23T02:00:00"),
        ("*/15 * * * *", "2026-11-22T10:14:59", "2026-11-22T10:00:00", "2026-11-22T10:15:00"),
        # 2026-11-22 is a Sunday: 0 and 7 in cron, 6 for APScheduler.
        ("0 0 * * 0", "2026-11-22T10:00:00", "2026-11-22T00:00:00", "2026-11-29T00:00:00"),
        ("0 0 * * 7", "2026-11-22T10:00:00", "2026-11-22T00:00:00", "2026-11-29T00:00:00"),
        ("0 0 * * 1-5", "2026-11-22T10:00:00", "2026-11-20T00:00:00", "2026-11-23T00:00:00"),
        ("0 0 * * 6,0", "2026-11-22T10:00:00", "2026-11-22T00:00:00", "2026-11-28T00:00:00"),
        # Day of month and weekday: either.
        ("0 0 13 * 5", "2026-11-22T10:00:00", "2026-11-20T00:00:00", "2026-11-27T00:00:00"),
        ("0 0 29 2 *", "2026-11-22T10:00:00", "2024-02-29T00:00:00", "2028-02-29T00:00:00"),
        ("0 0 1 jan *", "2026-11-22T10:00:00", "2026-01-01T00:00:00", "2027-01-01T00:00:00"),
    ],
)
def test_a_cron_line_means_what_cron_means(line: str, now: str, latest: str, following: str) -> None:
    beat = clock.rhythm(line, source="s", resource="products")
    assert beat is not None
    assert beat.latest(at(now)) == at(latest)
    assert beat.next(at(now)) == at(following)


def test_a_day_that_never_comes_is_no_slot() -> None:
    beat = clock.rhythm("0 0 31 2 *", source="s", resource="products")
    assert beat is not None
    assert beat.latest(at("2026-11-22T10:00:00")) is None
    assert beat.next(at("2026-11-22T10:00:00")) is None
