"""Whether promises are kept: judged by when the looks began that see a change of each kind."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from changes.cadence.terms import Planned, Promise

#: A promise is broken when it is passed by more than this: by a twentieth of it, within these bounds. Without it a
#: machine that is busy for a moment would break every short promise, and keep it again with the next look.
_GRACE_SHARE, _LEAST_GRACE_SECONDS, _MOST_GRACE_SECONDS = 0.05, 10.0, 60.0
#: One look in time keeps a promise again if nothing was late for so long since; else it takes two in a row.
CALM_SECONDS = 600.0


def seen_until(
    which: Promise,
    *,
    has_heads: bool,
    full_started_at: datetime | None,
    head_started_at: datetime | None,
) -> datetime | None:
    """Up to when it is known what has happened: the start of the last scan that would have seen it.

    None before the first complete scan: nothing is promised of a list that was never read.
    """
    if full_started_at is None:
        return None
    if which is Promise.CREATED and has_heads and head_started_at is not None:
        return max(full_started_at, head_started_at)
    return full_started_at


def is_broken(promised_seconds: float, age_seconds: float, *, promised_at: datetime | None, now: datetime) -> bool:
    """Of a promise, since when it is one, and of how long ago the last look began.

    A look that was early enough for the plan of before breaks no promise of a new one.
    """
    if promised_at is not None and promised_at <= now:  # a moment to come is one of a clock that was ahead
        age_seconds = min(age_seconds, (now - promised_at).total_seconds())
    return age_seconds > broken_after_seconds(promised_seconds)


def broken_after_seconds(promised_seconds: float) -> float:
    """The greatest age of the last look at which a promise is not broken yet."""
    share = _GRACE_SHARE * promised_seconds
    return promised_seconds + min(max(share, _LEAST_GRACE_SECONDS), _MOST_GRACE_SECONDS)


def is_kept_again(promised_seconds: float, age_seconds: float, between_seconds: float | None) -> bool:
    """Of a promise that was broken; `between_seconds`: from the start of the look before to that of the last one.

    A list whose every look comes a little late stays broken, instead of being told broken and kept again and again.
    """
    if age_seconds > promised_seconds:
        return False
    return age_seconds >= CALM_SECONDS or (between_seconds is not None and between_seconds <= promised_seconds)


def late(planned: Planned, observed: Mapping[Promise, float], *, now: datetime) -> dict[Promise, float]:
    """By how many seconds each promise that is broken is passed; the kept ones are left out."""
    promised, since = planned.promises, planned.promised_at
    return {
        which: age - promised[which]
        for which, age in observed.items()
        if is_broken(promised[which], age, promised_at=since, now=now)
    }
