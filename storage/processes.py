"""Clocks and workers, and when each last gave a sign of life; read by `status` and the health check."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime

from sqlalchemy import delete, select
from sqlmodel import col

from storage import sql
from storage.session import Session
from storage.tables import ProcessRow

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


_COLUMNS = [col(getattr(ProcessRow, field.name)) for field in fields(Process)]


def note_beat(session: Session, name: str, *, kind: str, host: str, now: datetime) -> None:
    """It is at work at this moment; a worker says so when something has reached it through the broker."""
    row = sql.insert(session, ProcessRow).values(name=name, kind=kind, host=host, started_at=now, beat_at=now)
    sql.run(session, row.on_conflict_do_update(index_elements=["name"], set_={"beat_at": now}))


def forget(session: Session, name: str) -> None:
    """It ends as it was asked to."""
    sql.run(session, delete(ProcessRow).where(col(ProcessRow.name) == name))


def forget_silent(session: Session, *, before: datetime) -> None:
    """Leave out those that have not been heard of since: they were killed, and others have taken their place."""
    sql.run(session, delete(ProcessRow).where(col(ProcessRow.beat_at) < before))


def list_all(session: Session) -> list[Process]:
    """Who was heard of last comes first."""
    statement = select(*_COLUMNS).order_by(col(ProcessRow.beat_at).desc(), col(ProcessRow.name))
    return [Process(*row) for row in sql.run(session, statement)]
