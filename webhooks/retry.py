"""Decides what comes after an attempt: done, again later, dead, or the point is gone; called by the delivery step.

Pure: the clock and the dice are handed in.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

GONE = 410
#: Refusals where waiting does not help: the same request would be refused again. All others may pass: 401, 403 and 404
#: come and go with deployments, and an attempt in vain costs less than an event that nobody gets.
FINAL = frozenset({400, 405, 413, 414, 415, 422})
LONGEST_RETRY_AFTER_SECONDS = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Attempt:
    """What came of one try: an HTTP status, or the error that kept an answer away."""

    started_at: datetime
    duration_ms: int
    status: int | None = None
    error: str | None = None  #: one line without secrets; None if the answer was 2xx
    retry_after_seconds: float | None = None
    answer: str | None = None  #: the first 2 KB of a refusing answer, secrets cut out
    is_ours: bool = False  #: nothing was sent because this machine lacks something: it says nothing of the point


@dataclass(frozen=True, slots=True)
class Policy:
    """When to try again."""

    retries_seconds: tuple[float, ...]  #: pauses before the 2nd, 3rd, ... attempt; after the last attempt it is dead
    jitter: float = 0.2  #: share by which a pause varies, so that failures do not come back as a crowd
    final: frozenset[int] = FINAL  #: answers that end a delivery at once; redirects do so too


@dataclass(frozen=True, slots=True)
class Delivered:
    """The receiver has it."""


@dataclass(frozen=True, slots=True)
class Again:
    """It is to be tried again."""

    due_at: datetime


@dataclass(frozen=True, slots=True)
class Dead:
    """It is not to be tried again, unless a person says so."""

    reason: str


@dataclass(frozen=True, slots=True)
class PointGone:
    """The receiver wants no more events, not even this one."""

    reason: str


Decision = Delivered | Again | Dead | PointGone


def decide(attempt: Attempt, *, attempts_made: int, policy: Policy, rng: random.Random, now: datetime) -> Decision:
    """What comes after the attempt; `attempts_made` counts this one too."""
    status = attempt.status
    if status is not None and 200 <= status < 300:
        return Delivered()
    if status == GONE:
        return PointGone("the receiver answered 410 Gone")
    if status is not None and status < 400:
        return Dead(f"the receiver answered {status}, and redirects are not followed")
    if status in policy.final:
        return Dead(f"the receiver answered {status}, which is final")
    if attempts_made > len(policy.retries_seconds):
        return Dead(f"{attempts_made} attempts failed, the last: {attempt.error or status}")
    pause_seconds = policy.retries_seconds[attempts_made - 1]
    pause_seconds *= 1 + policy.jitter * (2 * rng.random() - 1)
    asked_seconds = min(max(attempt.retry_after_seconds or 0.0, 0.0), LONGEST_RETRY_AFTER_SECONDS)
    return Again(now + timedelta(seconds=max(pause_seconds, asked_seconds)))


def is_failure(status: int | None) -> bool:
    """Whether the event was not taken, for whatever reason; None: no answer came."""
    return status is None or not 200 <= status < 300


def parse_retry_after(text: str | None, *, now: datetime) -> float | None:
    """Seconds from now, between 0 and a day; None if the header is missing or means nothing."""
    if not text:
        return None
    text = text.strip()
    if text.isascii() and text.isdigit():
        # Absurdly long numbers are a wish for "much later", and int() refuses more than some thousand digits.
        return min(float(text[:12]), LONGEST_RETRY_AFTER_SECONDS)
    try:
        moment = parsedate_to_datetime(text)
        seconds = ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - now).total_seconds()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return min(max(seconds, 0.0), LONGEST_RETRY_AFTER_SECONDS)
