"""What was done since a moment, in a few figures; asked once a minute by the clock, for its log line.

Nothing is counted from the beginning: numbers and ids grow with time, so only what is new is looked at.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import case, func, select
from sqlmodel import col

from storage import deliveries, scans, sql
from storage.session import Session
from storage.slots import FULL
from storage.states import ScanState
from storage.tables import AttemptRow, ChangeRow, ScanRow

#: Scans that began longer ago are not looked for; none takes so long.
_LONGEST_SCAN = timedelta(hours=6)


@dataclass(frozen=True, slots=True)
class Counted:
    """At one moment: how far log and attempts have come, and what was done since the moment before."""

    at: datetime
    last_seq: int
    last_attempt_id: int
    scans: int = 0  #: full ones that ended
    incomplete: int = 0  #: of these
    changes: int = 0
    delivered: int = 0
    failed_attempts: int = 0
    owed: int = 0  #: now, to all points
    dead: int = 0  #: now


def count(session: Session, *, since: Counted | None, now: datetime) -> Counted:
    """None: only how far things have come."""
    last_seq = sql.run(session, select(func.max(ChangeRow.seq))).scalar() or 0
    last_attempt_id = sql.run(session, select(func.max(AttemptRow.id))).scalar() or 0
    if since is None:
        return Counted(now, last_seq, last_attempt_id)
    ended, incomplete = _scans(session, since.at, now)
    new_changes = select(func.count()).select_from(ChangeRow).where(col(ChangeRow.seq) > since.last_seq)
    arrived = func.sum(case((col(AttemptRow.status).between(200, 299), 1), else_=0))
    new_attempts = select(func.count(), arrived).where(col(AttemptRow.id) > since.last_attempt_id)
    attempts, delivered = sql.run(session, new_attempts).one()
    counts = deliveries.counts(session).values()
    return Counted(
        now,
        last_seq,
        last_attempt_id,
        scans=ended,
        incomplete=incomplete,
        changes=sql.run(session, new_changes).scalar() or 0,
        delivered=delivered or 0,
        failed_attempts=attempts - (delivered or 0),
        owed=sum(each.due for each in counts),
        dead=sum(each.dead for each in counts),
    )


def _scans(session: Session, since: datetime, now: datetime) -> tuple[int, int]:
    """How many have ended, and how many of them were not complete."""
    incomplete = func.sum(case((col(ScanRow.state) != ScanState.COMPLETE, 1), else_=0))
    # Ids begin with the time, so the primary key leads to the few that may have ended since.
    chosen = select(func.count(), incomplete).where(
        col(ScanRow.id) > scans.first_id(now - _LONGEST_SCAN), col(ScanRow.ended_at) > since, col(ScanRow.kind) == FULL
    )
    ended, not_complete = sql.run(session, chosen).one()
    return ended, not_complete or 0
