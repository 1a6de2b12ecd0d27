"""How long ago a resource was looked at, in the words of its promises; for whatever tells whether they are kept."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from changes.cadence import judging
from changes.cadence.terms import Planned, Promise
from storage.scans import ResourceState
from tasks.scan.head_state import HeadState


def of(planned: Planned, state: ResourceState, *, now: datetime) -> dict[Promise, float]:
    """What happened so many seconds ago, or less, may be unseen; empty before the first complete scan."""
    return ages(until(planned, state), now=now)


def ages(seen: Mapping[Promise, datetime], *, now: datetime) -> dict[Promise, float]:
    """The same of what `until` has found."""
    return {which: max(0.0, (now - at).total_seconds()) for which, at in seen.items()}


def until(planned: Planned, state: ResourceState) -> dict[Promise, datetime]:
    """Up to when it is known what has happened; empty before the first complete scan."""
    if state.last_complete_started_at is None:
        return {}
    found, head = dict[Promise, datetime](), HeadState.from_json(state.head)
    for which in planned.promises:
        at = judging.seen_until(
            which,
            has_heads=planned.head_interval_seconds is not None,
            full_started_at=state.last_complete_started_at,
            head_started_at=head.started_at,
        )
        if at is not None:
            found[which] = at
    return found
