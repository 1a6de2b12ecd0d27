"""Clocks and workers, and when each last gave a sign of life; read by `status` and the health check."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from storage import sql
from storage.session import Session

#: A process that was not heard of for so long counts as gone.
SILENT_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Process:
    """One that has not said that it ends."""

    name: str
    kind: str  #: clock, scan, deliver, scan+deliver
    host: str
    started_at: datetime
    beat_at: datetime


def note_beat(session: Session, name: str, *, kind: str, host: str, now: datetime) -> None:
    """It is at work at this moment; a worker says so when something has reached it through the broker."""
    text = """
        INSERT INTO mirrorpoint_process (name, kind, host, started_at, beat_at)
        VALUES (:name, :kind, :host, :now, :now)
        ON CONFLICT (name) DO UPDATE SET beat_at = :now
    """
    sql.change(session, text, name=name, kind=kind, host=host, now=now)


def forget(session: Session, name: str) -> None:
    """It ends as it was asked to."""
    sql.change(session, "DELETE FROM mirrorpoint_process WHERE name = :name", name=name)


def forget_silent(session: Session, *, before: datetime) -> None:
    """Leave out those that have not been heard of since: they were killed, and others have taken their place."""
    sql.change(session, "DELETE FROM mirrorpoint_process WHERE beat_at < :before", before=before)


def list_all(session: Session) -> list[Process]:
    """Who was heard of last comes first."""
    text = """
        SELECT name, kind, host, started_at AS "started_at [utc]", beat_at AS "beat_at [utc]"
        FROM mirrorpoint_process ORDER BY beat_at DESC, name
    """
    return [Process(*row) for row in sql.rows(session, text)]
