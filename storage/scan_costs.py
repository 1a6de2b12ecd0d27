"""Complete full scans of late: what they cost, and when they began; asked by the plan and by who judges it."""

# ruff: noqa: S608  # values are parameters
from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
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


def usual(session: Session, sources: Collection[str], *, since: datetime) -> dict[str, dict[str, Usual]]:
    """Source -> resource -> its usual scan; those without a complete one since then are left out.

    The database reckons: there are thousands.
    """
    text = f"""
WITH ended AS (
    SELECT source, resource, requests, {_SECONDS[session.dialect]} - coalesce(paused_seconds, 0) AS seconds
    FROM mirrorpoint_scan
    WHERE id > :first_id AND source {sql.among(session, "sources")}
        AND kind = '{FULL}' AND state = '{ScanState.COMPLETE}'
), ranked AS (
    SELECT source, resource, requests, seconds,
        row_number() OVER (PARTITION BY source, resource ORDER BY seconds) AS by_seconds,
        row_number() OVER (PARTITION BY source, resource ORDER BY requests) AS by_requests,
        count(*) OVER (PARTITION BY source, resource) AS number
    FROM ended
)
SELECT source, resource, number,
    min(CASE WHEN by_requests * 2 >= number THEN requests END),
    min(CASE WHEN by_seconds * 10 >= number * 9 THEN seconds END)
FROM ranked GROUP BY source, resource, number
"""
    found: dict[str, dict[str, Usual]] = defaultdict(dict)
    rows = sql.rows(session, text, first_id=scans.first_id(since), sources=tuple(sources))
    for source, resource, number, requests, seconds in rows:
        found[source][resource] = Usual(number, requests, max(0.0, seconds))
    return dict(found)


def last(session: Session, sources: Collection[str]) -> dict[str, dict[str, Last]]:
    """Source -> resource -> its last scan; those without a complete one, or whose last is forgotten, are left out."""
    text = f"""
        SELECT known.source, known.resource, requests, rows,
            started_at AS "started_at [utc]", ended_at AS "ended_at [utc]", paused_seconds
        FROM mirrorpoint_resource AS known JOIN mirrorpoint_scan AS scan ON scan.id = known.last_complete_id
        WHERE known.source {sql.among(session, "sources")}
    """
    found: dict[str, dict[str, Last]] = defaultdict(dict)
    scanned = sql.rows(session, text, sources=tuple(sources))
    for source, resource, requests, rows, started_at, ended_at, paused in scanned:
        seconds = ((ended_at or started_at) - started_at).total_seconds() - (paused or 0.0)
        found[source][resource] = Last(requests, rows, max(0.0, seconds))
    return dict(found)


def looks(session: Session, source: str, resource: str, *, last: int) -> list[Look]:
    """The last complete full scans of a resource, the latest first."""
    text = """
        SELECT started_at AS "started_at [utc]", ended_at AS "ended_at [utc]" FROM mirrorpoint_scan
        WHERE source = :source AND resource = :resource AND kind = :full AND state = :complete
        ORDER BY id DESC LIMIT :last
    """
    values = {"source": source, "resource": resource, "full": FULL, "complete": ScanState.COMPLETE, "last": last}
    return [Look(started_at, ended_at or started_at) for started_at, ended_at in sql.rows(session, text, **values)]
