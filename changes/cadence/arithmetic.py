"""What intervals promise, and which interval keeps a promise."""

from __future__ import annotations

from collections.abc import Mapping

from changes.cadence.terms import Promise

#: The clock's tick, and the way through the queue.
TICK_SECONDS = 2.0
#: Without an own path that confirms it, a record is gone when two complete scans did not have it.
UNCONFIRMED_SCANS = 2


def promised(
    *,
    interval_seconds: float,
    scan_seconds: float,
    head_interval_seconds: float | None,
    head_seconds: float,
    is_confirmed: bool,
) -> Mapping[Promise, float]:
    """How long after it happened a change is seen at the latest, in seconds, while the source answers."""
    whole = interval_seconds + scan_seconds + TICK_SECONDS
    return {
        Promise.CREATED: min(whole, _of_heads(head_interval_seconds, head_seconds, whole)),
        Promise.UPDATED: whole,
        Promise.DELETED: of_deletions(whole, is_confirmed=is_confirmed),
    }


def of_class(
    promise_seconds: float, *, head_interval_seconds: float | None, head_seconds: float, is_confirmed: bool
) -> Mapping[Promise, float]:
    """The same where the plan chooses: it is what the class is promised, whichever interval the plan has just now."""
    return {
        Promise.CREATED: min(promise_seconds, _of_heads(head_interval_seconds, head_seconds, promise_seconds)),
        Promise.UPDATED: promise_seconds,
        Promise.DELETED: of_deletions(promise_seconds, is_confirmed=is_confirmed),
    }


def of_deletions(seconds: float, *, is_confirmed: bool) -> float:
    """For deletions, where updates are promised within `seconds`."""
    return seconds if is_confirmed else UNCONFIRMED_SCANS * seconds


def longest_interval(promise_seconds: float, *, scan_seconds: float) -> float:
    """The interval that just keeps the promise; nothing or less where a scan alone takes longer."""
    return promise_seconds - scan_seconds - TICK_SECONDS


def _of_heads(interval_seconds: float | None, seconds: float, otherwise: float) -> float:
    return otherwise if interval_seconds is None else interval_seconds + seconds + TICK_SECONDS
