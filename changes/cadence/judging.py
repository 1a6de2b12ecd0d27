"""Whether promises are kept: judged by when the looks began that see a change of each kind."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from changes.cadence.terms import Planned, Promise


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


def late(planned: Planned, observed: Mapping[Promise, float]) -> dict[Promise, float]:
    """By how many seconds each promise that is broken is passed; the kept ones are left out."""
    over = {which: seconds - planned.promises[which] for which, seconds in observed.items()}
    return {which: seconds for which, seconds in over.items() if seconds > 0}
