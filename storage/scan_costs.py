"""Complete full scans of late: what they cost, and when they began; asked by the plan and by who judges it."""

# ruff: noqa: S608  # values are parameters
from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from storage import scans, sql
from storage.session import Session
from storage.slots import FULL
from storage.states import ScanState


class Usual(NamedTuple):
    """Of the complete scans of a resource since a moment."""

    scans: int
    requests: int  #: the median
    seconds: float  #: the 90th percentile, without the time in which a scan waited because its requests are spread


class Last(NamedTuple):
    """Of the last complete scan of a resource."""

    requests: int
    rows: int
    seconds: float


class Look(NamedTuple):
    """A scan, by its times."""

    started_at: datetime
    ended_at: datetime


#: Seconds from the start of a scan to its end, as each database says it.
_SECONDS = {
    "sqlite": "(julianday(ended_at) - julianday(started_at)) * 86400",
    "postgresql": "CAST(extract(epoch FROM ended_at - started_at) AS double precision)",
}


def usual(session: Session, source: str, *, since: datetime) -> dict[str, Usual]:
    """By resource; those without a complete scan since then are left out. The database reckons: there are thousands."""
    dialect = session.dialect
    mark = sql.mark(dialect)
    text = f"""
WITH ended AS (
    SELECT resource, requests, {_SECONDS[dialect]} - coalesce(paused_seconds, 0) AS seconds
    FROM mirrorpoint_scan
    WHERE id > {mark} AND source = {mark} AND kind = '{FULL}' AND state = '{ScanState.COMPLETE}'
), ranked AS (
    SELECT resource, requests, seconds,
        row_number() OVER (PARTITION BY resource ORDER BY seconds) AS by_seconds,
        row_number() OVER (PARTITION BY resource ORDER BY requests) AS by_requests,
        count(*) OVER (PARTITION BY resource) AS number
    FROM ended
)
SELECT resource, number,
    min(CASE WHEN by_requests * 2 >= number THEN requests END),
    min(CASE WHEN by_seconds * 10 >= number * 9 THEN seconds END)
FROM ranked GROUP BY resource, number
"""
    rows = sql.fetch(session, text, (scans.first_id(since), source))
    return {resource: Usual(number, requests, max(0.0, seconds)) for resource, number, requests, seconds in rows}


def last(session: Session, source: str) -> dict[str, Last]:
    """By resource; those without a complete scan, or whose last one is forgotten, are left out."""
    text = """
        SELECT known.resource, requests, rows, started_at AS "started_at [utc]", ended_at AS "ended_at [utc]",
            paused_seconds
        FROM mirrorpoint_resource AS known JOIN mirrorpoint_scan AS scan ON scan.id = known.last_complete_id
        WHERE known.source = :source
    """
    found: dict[str, Last] = {}
    for resource, requests, rows, started_at, ended_at, paused in sql.rows(session, text, source=source):
        seconds = ((ended_at or started_at) - started_at).total_seconds() - (paused or 0.0)
        found[resource] = Last(requests, rows, max(0.0, seconds))
    return found


def looks(session: Session, source: str, resource: str, *, last: int) -> list[Look]:
    """The last complete full scans of a resource, the latest first."""
    text = """
        SELECT started_at AS "started_at [utc]", ended_at AS "ended_at [utc]" FROM mirrorpoint_scan
        WHERE source = :source AND resource = :resource AND kind = :full AND state = :complete
        ORDER BY id DESC LIMIT :last
    """
    values = {"source": source, "resource": resource, "full": FULL, "complete": ScanState.COMPLETE, "last": last}
    return [Look(started_at, ended_at or started_at) for started_at, ended_at in sql.rows(session, text, **values)]
