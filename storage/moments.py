"""What is known of a resource at a moment of the past: when its record begins, and which records are uncertain then.

Called by the command `export`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, func, or_, select
from sqlmodel import col

from storage import sql
from storage.session import Session
from storage.tables import ChangeRow, ResourceRow, ScanRow


class Uncertain(NamedTuple):
    """A change that was between two looks at a moment: the record may have been so already, or still as before."""

    source: str
    resource: str
    parent_key: str
    key: str
    version: int
    kind: str
    observed_after: datetime | None
    observed_at: datetime


def first_look(session: Session, source: str, resource: str) -> datetime | None:
    """When the resource was looked at first; of earlier moments nothing is known. None: it never was."""
    scan = _first(session, ScanRow.started_at, of=ScanRow, by=ScanRow.id, where=(source, resource))
    change = _first(session, ChangeRow.observed_at, of=ChangeRow, by=ChangeRow.seq, where=(source, resource))
    baseline = _of_resource(session, ResourceRow.baseline_at, source, resource)
    return min((at for at in (scan, change, baseline) if at is not None), default=None)


def last_complete_scan_began_at(session: Session, source: str, resource: str) -> datetime | None:
    """What is in the mirror was there at that moment or later; None before the first complete scan."""
    return _of_resource(session, ResourceRow.last_complete_started_at, source, resource)


def count_uncertain(session: Session, source: str, resource: str, *, at: datetime) -> int:
    """How many records changed between two looks of which one was before that moment and the other after it."""
    return int(sql.run(session, select(func.count()).where(*_around(source, resource, at))).scalar_one())


def uncertain(session: Session, source: str, resource: str, *, at: datetime, limit: int) -> list[Uncertain]:
    """Those changes, at most `limit`.

    What was seen first after that moment is among them where nobody knows since when it was there.
    """
    columns = [col(getattr(ChangeRow, name)) for name in Uncertain._fields]
    statement = select(*columns).where(*_around(source, resource, at)).order_by(col(ChangeRow.seq)).limit(limit)
    return [Uncertain(*row) for row in sql.run(session, statement)]


def _around(source: str, resource: str, at: datetime) -> tuple[ColumnElement[bool], ...]:
    return (
        col(ChangeRow.source) == source,
        col(ChangeRow.resource) == resource,
        col(ChangeRow.observed_at) > at,
        or_(col(ChangeRow.observed_after).is_(None), col(ChangeRow.observed_after) < at),
    )


def _first(session: Session, column: Any, *, of: Any, by: Any, where: tuple[str, str]) -> datetime | None:
    """By the order in which they were written: an index leads there."""
    source, resource = where
    which = (col(of.source) == source, col(of.resource) == resource)
    found: datetime | None = sql.run(session, select(col(column)).where(*which).order_by(col(by)).limit(1)).scalar()
    return found


def _of_resource(session: Session, column: Any, source: str, resource: str) -> datetime | None:
    which = (col(ResourceRow.source) == source, col(ResourceRow.resource) == resource)
    found: datetime | None = sql.run(session, select(col(column)).where(*which)).scalar()
    return found
