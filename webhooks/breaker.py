"""Says when a point is left alone for a while, and when it is tried again; called by the delivery step and `status`.

    closed --16 of the last 20 attempts failed--> open --the pause is over--> half-open: one delivery is attempted
    half-open --it failed--> open, for twice as long           open, half-open --one was taken--> closed

Pure: the clock is handed in. Whatever is not 2xx counts as a failure, also answers that end a delivery at once: a point
that refuses everything must not use up all that it is owed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from changes import clocks
from changes.pauses import doubled

#: So many of the last attempts are looked at; with fewer, nothing is said of the point.
LAST = 20
#: So many of them must have failed: a point that refuses most of its records may still serve the others.
FAILED = 16
#: After a break as long as this, earlier attempts say nothing of the point.
WINDOW_SECONDS = 600.0
LONGEST_PAUSE_SECONDS = 300.0

ANSWERED, FAILURE = "+", "-"


@dataclass(frozen=True, slots=True)
class Breaker:
    """What is known of a point."""

    recent: str = ""  #: the last attempts, the newest last
    last_at: datetime | None = None  #: when the newest attempt began
    pauses: int = 0  #: how many in a row
    paused_until: datetime | None = None  #: None: closed


@dataclass(frozen=True, slots=True)
class Pauses:
    """How long a point is left alone: first as long as a failed delivery waits, then twice as long each time."""

    first_seconds: float = 5.0
    longest_seconds: float = LONGEST_PAUSE_SECONDS

    def seconds(self, number: int) -> float:
        """Of the pause of this number; 1 is the first."""
        return doubled(self.first_seconds, number, self.longest_seconds)


def pauses(retries_seconds: tuple[float, ...]) -> Pauses:
    """The pauses of a point that fit these pauses of a delivery: never longer than the longest of them."""
    if not retries_seconds:
        return Pauses()
    longest = min(max(retries_seconds), LONGEST_PAUSE_SECONDS)
    return Pauses(min(retries_seconds[0], longest), longest)


def after(breaker: Breaker, *, is_failure: bool, began_at: datetime, ended_at: datetime, policy: Pauses) -> Breaker:
    """The breaker after an attempt."""
    if breaker.paused_until is not None:
        if not is_failure:
            return Breaker(ANSWERED, began_at)
        if is_open(breaker.paused_until, now=began_at):  # it was under way already when the breaker opened
            return replace(breaker, last_at=began_at)
        return _opened(breaker.pauses + 1, began_at, ended_at, policy)
    is_stale = breaker.last_at is None or (began_at - breaker.last_at).total_seconds() > WINDOW_SECONDS
    recent = (("" if is_stale else breaker.recent) + (FAILURE if is_failure else ANSWERED))[-LAST:]
    if is_failure and len(recent) == LAST and recent.count(FAILURE) >= FAILED:
        return _opened(1, began_at, ended_at, policy)
    return Breaker(recent, began_at)


def is_open(paused_until: datetime | None, *, now: datetime) -> bool:
    """Whether the point is left alone now."""
    if paused_until is None:
        return False
    return now < paused_until <= clocks.latest(now, timedelta(seconds=LONGEST_PAUSE_SECONDS))


def word(paused_until: datetime | None, *, now: datetime) -> str:
    """`closed`, `open` or `half-open`."""
    if paused_until is None:
        return "closed"
    return "open" if is_open(paused_until, now=now) else "half-open"


def _opened(number: int, began_at: datetime, ended_at: datetime, policy: Pauses) -> Breaker:
    return Breaker("", began_at, number, ended_at + timedelta(seconds=policy.seconds(number)))
