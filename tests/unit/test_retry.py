"""What comes after an attempt."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhooks import retry
from webhooks.retry import Again, Attempt, Dead, Decision, Delivered, PointGone
from worker.sending_tables import Delivery

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
DAY_SECONDS = 24 * 3600
STEADY = retry.Policy((5.0, 300.0), jitter=0)


def decide(
    *,
    status: int | None = None,
    attempts_made: int = 1,
    policy: retry.Policy = STEADY,
    retry_after_seconds: float | None = None,
    seed: int = 1,
) -> Decision:
    error = None if status == 200 else "it went wrong"
    attempt = Attempt(NOW, 12, status=status, error=error, retry_after_seconds=retry_after_seconds)
    return retry.decide(attempt, attempts_made=attempts_made, policy=policy, rng=random.Random(seed), now=NOW)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_any_2xx_is_success(status: int) -> None:
    assert decide(status=status) == Delivered()


def test_410_stops_the_point_whatever_the_number_of_the_attempt() -> None:
    assert decide(status=410) == PointGone("the receiver answered 410 Gone")
    assert decide(status=410, attempts_made=99) == PointGone("the receiver answered 410 Gone")


@pytest.mark.parametrize(
    "status", [None, 401, 402, 403, 404, 406, 407, 408, 409, 418, 423, 425, 426, 429, 451, 499, 500, 502, 503, 504, 599]
)
def test_what_may_pass_is_tried_again_after_the_pause(status: int | None) -> None:
    assert decide(status=status) == Again(NOW + timedelta(seconds=5))
    assert decide(status=status, attempts_made=2) == Again(NOW + timedelta(seconds=300))


@pytest.mark.parametrize("status", [400, 405, 413, 414, 415, 422])
def test_what_no_waiting_mends_is_final(status: int) -> None:
    assert decide(status=status) == Dead(f"the receiver answered {status}, which is final")


@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 307, 308])
def test_a_redirect_is_final(status: int) -> None:
    assert decide(status=status) == Dead(f"the receiver answered {status}, and redirects are not followed")
    assert isinstance(decide(status=status, policy=retry.Policy((5.0,), final=frozenset())), Dead)


def test_the_configuration_says_which_answers_are_final() -> None:
    policy = retry.Policy((5.0,), jitter=0, final=frozenset({404, 503}))
    assert decide(status=404, policy=policy) == Dead("the receiver answered 404, which is final")
    assert decide(status=503, policy=policy) == Dead("the receiver answered 503, which is final")
    assert decide(status=400, policy=policy) == Again(NOW + timedelta(seconds=5))


def test_what_is_final_by_itself_is_what_the_configuration_has_by_default() -> None:
    assert frozenset(Delivery().final) == retry.FINAL


@pytest.mark.parametrize("status", [None, 302, 400, 404, 410, 422, 429, 500])
def test_whatever_is_not_taken_is_a_failure(status: int | None) -> None:
    assert retry.is_failure(status)


@pytest.mark.parametrize("status", [200, 202, 204, 299])
def test_what_is_taken_is_none(status: int) -> None:
    assert not retry.is_failure(status)


@given(st.lists(st.floats(0.001, 1e6), min_size=1, max_size=9), st.integers(), st.floats(0, 1e9))
def test_nothing_is_due_later_than_the_longest_pause(retries: list[float], seed: int, asked_seconds: float) -> None:
    policy = retry.Policy(tuple(retries))
    longest = max(retry.LONGEST_RETRY_AFTER_SECONDS, max(retries) * (1 + policy.jitter))
    for number in range(1, len(retries) + 1):
        again = decide(policy=policy, attempts_made=number, seed=seed, status=503, retry_after_seconds=asked_seconds)
        assert isinstance(again, Again)
        assert (again.due_at - NOW).total_seconds() <= longest + 0.001


def test_after_the_last_pause_comes_one_more_attempt_and_then_the_delivery_is_dead() -> None:
    assert decide(status=503, attempts_made=3) == Dead("3 attempts failed, the last: it went wrong")


@given(st.integers(), st.floats(1, 100_000), st.integers(1, 3))
def test_a_pause_varies_by_no_more_than_a_fifth(seed: int, pause_seconds: float, attempts_made: int) -> None:
    decision = decide(policy=retry.Policy((pause_seconds,) * 3), attempts_made=attempts_made, seed=seed)
    assert isinstance(decision, Again)
    seconds = (decision.due_at - NOW).total_seconds()
    assert pause_seconds * 0.799 <= seconds <= pause_seconds * 1.201


def test_failures_of_one_moment_do_not_come_back_as_a_crowd() -> None:
    decisions = [decide(policy=retry.Policy((100.0,)), seed=seed) for seed in range(50)]
    seconds = [(each.due_at - NOW).total_seconds() for each in decisions if isinstance(each, Again)]
    assert len(set(seconds)) == 50
    assert max(seconds) - min(seconds) > 30


def test_the_pauses_of_the_configuration_last_about_three_days() -> None:
    """As Standard Webhooks advises; at the shortest, and at the longest."""
    policy = retry.Policy(Delivery().retries)
    for dice in (0.0, 0.5, 1.0):
        rng = random.Random()
        rng.random = lambda dice=dice: dice  # type: ignore[method-assign,misc]
        now, attempt = NOW, 0
        while True:
            attempt += 1
            decision = retry.decide(Attempt(now, 1, status=503), attempts_made=attempt, policy=policy, rng=rng, now=now)
            if not isinstance(decision, Again):
                break
            now = decision.due_at
        assert (attempt, isinstance(decision, Dead)) == (10, True)
        assert timedelta(days=2.5) < now - NOW < timedelta(days=3.8)


def test_retry_after_makes_a_pause_longer_and_never_shorter() -> None:
    assert decide(status=429, retry_after_seconds=60) == Again(NOW + timedelta(seconds=60))
    assert decide(status=429, retry_after_seconds=1) == Again(NOW + timedelta(seconds=5))


def test_retry_after_is_obeyed_for_a_day_at_most() -> None:
    assert decide(status=503, retry_after_seconds=1e9) == Again(NOW + timedelta(days=1))


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("٣", None),
        ("0", 0),
        (" 7 ", 7),
        ("120", 120),
        ("86401", DAY_SECONDS),
        ("9" * 5000, DAY_SECONDS),
        ("Sun, 22 Nov 2026 12:00:30 GMT", 30),
        ("Sunday, 22-Nov-26 12:00:30 GMT", 30),
        ("Sun Nov 22 12:00:30 2026", 30),
        ("Sun, 22 Nov 2026 14:00:30 +0200", 30),
        ("Sun, 22 Nov 2026 11:00:00 GMT", 0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", DAY_SECONDS),
        ("Sun, 99 Nov 2026 12:00:30 GMT", None),
        ("Sun, 22 Nov 99999 12:00:30 GMT", None),
    ],
)
def test_both_forms_of_retry_after_are_read(header: str | None, seconds: float | None) -> None:
    assert retry.parse_retry_after(header, now=NOW) == seconds


@given(st.text())
def test_no_retry_after_breaks_the_sender(header: str) -> None:
    seconds = retry.parse_retry_after(header, now=NOW)
    assert seconds is None or 0 <= seconds <= DAY_SECONDS
