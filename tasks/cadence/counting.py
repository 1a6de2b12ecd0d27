"""How often a resource changes: differences of the tally over the time in which its complete scans have looked."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from changes.cadence import rates
from changes.records import Kind
from storage.cadence import Counted

#: What a change is called in the tally, and what it counts as. First sights are no changes.
_OTHERS = (Kind.UPDATED, Kind.DELETED, Kind.RESTORED)


def totals(counts: Mapping[tuple[str, ...], int], source: str, resource: str) -> tuple[int, int]:
    """Created, and all others, of the counters by (source, resource, kind)."""
    return (
        counts.get((source, resource, Kind.CREATED.value), 0),
        sum(counts.get((source, resource, kind.value), 0) for kind in _OTHERS),
    )


def counted(before: Counted, totals: tuple[int, int], *, looked_to: datetime | None) -> Counted:
    """With what has come since; `looked_to`: start of the last complete scan, up to which the resource is known.

    Before the first complete scan, and where none has come since, nothing is counted. What was seen before anybody
    counted belongs to no time that is known, so it is left out.
    """
    created, others = totals
    if looked_to is None:
        return before
    if before.to is None:
        return Counted(before.rate, created, others, looked_to)
    seconds = (looked_to - before.to).total_seconds()
    if seconds < 0:  # the machine's clock was ahead then
        return Counted(before.rate, created, others, looked_to)
    if seconds == 0:
        return before
    rate = rates.observed(
        before.rate,
        created=max(0, created - before.created),
        others=max(0, others - before.others),
        seconds=seconds,
    )
    return Counted(rate, created, others, looked_to)
