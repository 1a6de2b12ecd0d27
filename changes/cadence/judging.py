"""Whether promises are kept: how long ago the looks began by which changes are seen, against what is promised."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from changes.cadence.terms import Planned, Promise


def observed(
    *, has_heads: bool, full_started_at: datetime | None, head_started_at: datetime | None, now: datetime
) -> dict[Promise, float]:
    """A change that was not seen yet may have happened so many seconds ago.

    Judged by the starts of the last complete full scan and of the last head scan; empty before the first complete scan.
    """
    if full_started_at is None:
        return {}
    whole = max(0.0, (now - full_started_at).total_seconds())
    newest = whole
    if has_heads and head_started_at is not None:
        newest = max(0.0, min(whole, (now - head_started_at).total_seconds()))
    return {Promise.CREATED: newest, Promise.UPDATED: whole, Promise.DELETED: whole}


def late(planned: Planned, observed: Mapping[Promise, float]) -> dict[Promise, float]:
    """By how many seconds each promise that is broken is passed; the kept ones are left out."""
    over = {which: seconds - planned.promises[which] for which, seconds in observed.items()}
    return {which: seconds for which, seconds in over.items() if seconds > 0}
