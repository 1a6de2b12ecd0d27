"""What keeps points from being attempted: the breaker, a person, their rate; and what a clock that was ahead has left.

Read by the delivery step before each turn and by `outbox.next_due_at`: one small statement for all points.
"""

# ruff: noqa: S608  # values are parameters
from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from changes import clocks
from storage import point_rows, sql
from storage.session import Session


@dataclass(frozen=True, slots=True)
class Pauses:
    """Codes of active points."""

    until: Mapping[str, datetime]  #: the breaker is not closed; that over, one delivery may be attempted
    by_hand: Collection[str]  #: nothing is attempted before a person says so
    starts: Mapping[str, datetime]  #: of a point with a rate: no attempt is given a start before then
    ahead: Collection[str]  #: last attempted at a time that is still to come, so by a clock that was wrong


def read(session: Session, *, now: datetime | None = None) -> Pauses:
    """Of the points of which there is something to say; without `now`, times are taken as they are written."""
    until: dict[str, datetime] = {}
    starts: dict[str, datetime] = {}
    by_hand, ahead = set(), set()
    for code, paused_until, paused_at, next_start_at, last_attempt_at in sql.rows(session, _READ):
        is_ahead = now is not None and last_attempt_at is not None and last_attempt_at > clocks.latest(now)
        if is_ahead:
            ahead.add(code)
        for times, moment in ((until, paused_until), (starts, next_start_at)):
            if moment is not None:
                times[code] = now if is_ahead and now is not None else moment
        if paused_at is not None:
            by_hand.add(code)
    return Pauses(until, by_hand, starts, ahead)


def forget_wrong_times(session: Session, codes: Collection[str], *, now: datetime) -> None:
    """What a clock that was ahead has written of these points; an open breaker lets one delivery try them."""
    sql.change_each(session, _FORGET, [{"code": code, "now": now} for code in sorted(codes)])


def spacing(per_second: float) -> timedelta:
    """Between two starts at a point with that rate: with none of them later than LATE, no second sees more."""
    return timedelta(seconds=1 / per_second) + LATE / max(per_second, 1.0)


#: An attempt that could not begin so long after its start is given back, and gets another one.
LATE = timedelta(seconds=0.1)

_READ = f"""
    SELECT {point_rows.columns(("code", "paused_until", "paused_at", "next_start_at", "last_attempt_at"))}
    FROM mirrorpoint_point WHERE state = 'active'
"""
_FORGET = """
    UPDATE mirrorpoint_point
    SET paused_until = CASE WHEN paused_until IS NULL THEN NULL ELSE :now END, next_start_at = NULL,
        last_attempt_at = :now
    WHERE code = :code AND state = 'active'
"""
