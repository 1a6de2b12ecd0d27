"""When a point is left alone, and when it is tried again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from webhooks import breaker
from webhooks.breaker import Breaker, Pauses

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
STEADY = Pauses(first_seconds=5, longest_seconds=60)


def later(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def after(told: str, *, known: Breaker | None = None, at: datetime = NOON, every_seconds: float = 1) -> Breaker:
    """What attempts make of it, one after the other: + answered, - failed."""
    found = known or Breaker()
    for number, sign in enumerate(told):
        began_at = at + timedelta(seconds=number * every_seconds)
        found = breaker.after(found, is_failure=sign == "-", began_at=began_at, ended_at=began_at, policy=STEADY)
    return found


def is_open(told: str, *, every_seconds: float = 1) -> bool:
    return after(told, every_seconds=every_seconds).paused_until is not None


def test_a_few_failures_say_nothing() -> None:
    assert not is_open("-" * 19)
    assert is_open("-" * 20)


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ("+" * 4 + "-" * 16, True),
        ("-" * 16 + "+" * 4, False),  # they stand for an answer that came after the failures
        ("+" * 5 + "-" * 15, False),
        ("-+" * 200, False),
        ("--+" * 200, False),
        ("----+" * 4 + "-", True),
        ("+" * 1000 + "-" * 16, True),
    ],
)
def test_it_opens_on_a_share_of_the_last_attempts(told: str, expected: bool) -> None:
    assert is_open(told) is expected


def test_what_was_long_ago_does_not_count() -> None:
    assert is_open("-" * 20, every_seconds=599)
    assert not is_open("-" * 100, every_seconds=601)
    assert after("-" * 19 + "-", every_seconds=601).recent == "-"


def test_it_is_half_open_when_the_pause_is_over() -> None:
    paused_until = after("-" * 20).paused_until
    assert paused_until == later(19 + 5)
    assert breaker.word(paused_until, now=later(23.9)) == "open"
    assert breaker.word(paused_until, now=later(24)) == "half-open"
    assert breaker.word(None, now=later(24)) == "closed"


def test_a_pause_that_a_wrong_clock_has_written_does_not_outlast_it() -> None:
    """It was a day ahead while the point failed; now it is right again."""
    opened = after("-" * 20, at=later(86400))
    assert opened.paused_until is not None
    for seconds in (0, 60, 80000):
        assert not breaker.is_open(opened.paused_until, now=later(seconds))
        assert breaker.word(opened.paused_until, now=later(seconds)) == "half-open"

    again = after("-", known=opened, at=later(60))
    assert again.paused_until == later(60 + 10)  # it was tried, and the next pause is by the right clock
    assert after("+", known=opened, at=later(60)).paused_until is None


def test_every_pause_that_is_made_is_kept_to() -> None:
    for number in range(1, 100):
        pause = timedelta(seconds=Pauses().seconds(number))
        assert breaker.is_open(NOON + pause, now=NOON)
        assert not breaker.is_open(NOON + pause, now=NOON + pause)


def test_pauses_grow_up_to_a_bound_while_nothing_answers() -> None:
    found, seconds = after("-" * 20), []
    for _ in range(7):
        assert found.paused_until is not None
        probed_at = found.paused_until
        found = after("-", known=found, at=probed_at)
        assert found.paused_until is not None
        seconds.append((found.paused_until - probed_at).total_seconds())
    assert seconds == [10, 20, 40, 60, 60, 60, 60]


def test_what_was_under_way_when_it_opened_makes_the_pause_no_longer() -> None:
    opened = after("-" * 20)
    assert after("---", known=opened, at=later(20)).paused_until == opened.paused_until


def test_a_success_closes_it_and_forgets_the_failures() -> None:
    opened = after("-" * 21)
    for known in (opened, after("-", known=opened, at=later(600))):
        closed = after("+", known=known, at=later(900))
        assert (closed.paused_until, closed.pauses, closed.recent) == (None, 0, "+")
        assert after("-" * 15, known=closed, at=later(901)).paused_until is None


@pytest.mark.parametrize(
    ("retries_seconds", "expected"),
    [
        ((5.0, 300.0, 86400.0), Pauses(5, 300)),
        ((1.0, 2.0), Pauses(1, 2)),
        ((0.3,), Pauses(0.3, 0.3)),
        ((3600.0,), Pauses(300, 300)),
        ((), Pauses(5, 300)),
    ],
)
def test_pauses_go_with_those_of_the_deliveries(retries_seconds: tuple[float, ...], expected: Pauses) -> None:
    assert breaker.pauses(retries_seconds) == expected


def test_no_number_of_pauses_is_too_large() -> None:
    assert Pauses(5, 300).seconds(100_000) == 300
