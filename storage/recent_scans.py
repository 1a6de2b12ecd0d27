"""The last scans of one resource; told by the page."""

# ruff: noqa: S608  # values are parameters
from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from storage import sql
from storage.session import Session


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


_COLUMNS = sql.columns(*RecentScan._fields, utc=("started_at", "ended_at"))


def read(session: Session, source: str, resource: str, *, limit: int) -> list[RecentScan]:
    """The newest first."""
    text = f"""
        SELECT {_COLUMNS} FROM mirrorpoint_scan
        WHERE source = :source AND resource = :resource
        ORDER BY id DESC LIMIT :limit
    """
    return [RecentScan(*row) for row in sql.rows(session, text, source=source, resource=resource, limit=limit)]
