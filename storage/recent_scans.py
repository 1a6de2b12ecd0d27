"""The last scans of one resource; told by the page."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import select
from sqlmodel import col

from storage import sql
from storage.session import Session
from storage.tables import ScanRow


class RecentScan(NamedTuple):
    """A scan as people look at it: columns of `mirrorpoint_scan`."""

    id: str
    kind: str
    state: str
    reason: str | None
    started_at: datetime
    ended_at: datetime | None
    requests: int
    rows: int
    created: int
    updated: int
    deleted: int
    restored: int
    held: int
    skipped: int


_COLUMNS = [col(getattr(ScanRow, name)) for name in RecentScan._fields]


def read(session: Session, source: str, resource: str, *, limit: int) -> list[RecentScan]:
    """The newest first."""
    which = (col(ScanRow.source) == source, col(ScanRow.resource) == resource)
    statement = select(*_COLUMNS).where(*which).order_by(col(ScanRow.id).desc()).limit(limit)
    return [RecentScan(*row) for row in sql.run(session, statement)]
