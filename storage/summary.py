"""What was done since a moment, in a few figures; asked once a minute by the clock, for its log line.

Nothing is counted from the beginning: numbers and ids grow with time, so only what is new is looked at.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from storage import deliveries, scans, sql
from storage.session import Session
from storage.slots import FULL
from storage.states import ScanState

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
    last_seq = sql.value(session, "SELECT max(seq) FROM mirrorpoint_change") or 0
    last_attempt_id = sql.value(session, "SELECT max(id) FROM mirrorpoint_attempt") or 0
    if since is None:
        return Counted(now, last_seq, last_attempt_id)
    ended, incomplete = _scans(session, since.at, now)
    attempts, delivered = _attempts(session, since.last_attempt_id)
    counts = deliveries.counts(session).values()
    return Counted(
        now,
        last_seq,
        last_attempt_id,
        scans=ended,
        incomplete=incomplete,
        changes=_changes(session, since.last_seq),
        delivered=delivered,
        failed_attempts=attempts - delivered,
        owed=sum(each.due for each in counts),
        dead=sum(each.dead for each in counts),
    )


def _scans(session: Session, since: datetime, now: datetime) -> tuple[int, int]:
    """How many have ended, and how many of them were not complete."""
    # Ids begin with the time, so the primary key leads to the few that may have ended since.
    text = """
        SELECT count(*), sum(CASE WHEN state <> :complete THEN 1 ELSE 0 END) FROM mirrorpoint_scan
        WHERE id > :first_id AND ended_at > :since AND kind = :full
    """
    values = {"first_id": scans.first_id(now - _LONGEST_SCAN), "since": since}
    ((ended, incomplete),) = sql.rows(session, text, **values, full=FULL, complete=ScanState.COMPLETE)
    return int(ended), int(incomplete or 0)


def _changes(session: Session, after_seq: int) -> int:
    ((number,),) = sql.rows(session, "SELECT count(*) FROM mirrorpoint_change WHERE seq > :after", after=after_seq)
    return int(number)


def _attempts(session: Session, after_id: int) -> tuple[int, int]:
    """How many there were, and how many of them arrived."""
    text = """
        SELECT count(*), sum(CASE WHEN status BETWEEN 200 AND 299 THEN 1 ELSE 0 END) FROM mirrorpoint_attempt
        WHERE id > :after
    """
    ((attempts, delivered),) = sql.rows(session, text, after=after_id)
    return int(attempts), int(delivered or 0)
