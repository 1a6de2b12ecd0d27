"""Start times of a point that has a rate, for all processes together: reserved while deliveries are leased.

Called by `outbox.lease_due`, which holds the outbox's lock: nobody else reserves meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from changes import clocks
from storage import point_backoff, sql
from storage.session import Session

#: Starts are reserved so far ahead: longer than a turn takes, and nothing beside the length of a lease.
AHEAD = timedelta(seconds=1)


class _AtPoint(Protocol):
    @property
    def point(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Free:
    """Starts that may be given out now."""

    first_at: datetime
    spacing: timedelta
    count: int


def free(session: Session, rates: Mapping[str, float], *, now: datetime) -> dict[str, Free]:
    """Of each point with a rate (starts a second)."""
    found: dict[str, Free] = {}
    if rates:
        for code, next_at in sql.rows(session, _READ):
            if code in rates:
                found[code] = _free(next_at, rates[code], now)
    return found


def _free(next_at: datetime | None, rate: float, now: datetime) -> Free:
    spacing = point_backoff.spacing(rate)
    if next_at is None or next_at > clocks.latest(now, AHEAD + spacing):
        next_at = now
    first_at = max(now, next_at)
    return Free(first_at, spacing, max((now + AHEAD - first_at) // spacing + 1, 0))


def reserve(session: Session, leased: Sequence[_AtPoint], starts: Mapping[str, Free]) -> list[datetime | None]:
    """The start of each, in their order; None where its point has no rate."""
    given: list[datetime | None] = []
    used: dict[str, int] = {}
    for item in leased:
        start = starts.get(item.point)
        if start is not None:
            number = used[item.point] = used.get(item.point, -1) + 1
        given.append(None if start is None else start.first_at + start.spacing * number)
    _note(session, ((code, starts[code], number + 1) for code, number in used.items()))
    return given


def _note(session: Session, used: Iterable[tuple[str, Free, int]]) -> None:
    rows = [{"code": code, "at": start.first_at + start.spacing * count} for code, start, count in used]
    sql.change_each(session, _WRITE, rows)


_READ = """
    SELECT code, next_start_at AS "next_start_at [utc]" FROM mirrorpoint_point WHERE state = 'active'
"""
_WRITE = "UPDATE mirrorpoint_point SET next_start_at = :at WHERE code = :code AND state = 'active'"
