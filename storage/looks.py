"""Looks that follow a change: what they are decided by, and how many requests they were granted; used by the scan step.

They are rows of the plan's table, so where no plan stands there are none.
"""

# ruff: noqa: S608  # values are parameters
from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from storage import sql
from storage.cadence import SOURCE
from storage.session import Session


class Looked(NamedTuple):
    """How a resource is looked at."""

    interval_seconds: float | None
    head_interval_seconds: float | None
    requests_per_scan: float
    look_at: datetime | None  #: when the last look that followed a change was due


def of(session: Session, source: str, resources: Sequence[str]) -> dict[str, Looked]:
    """By resource; those without a plan are left out."""
    text = f"""
        SELECT resource, interval_seconds, head_interval_seconds, requests_per_scan, look_at AS "look_at [utc]"
        FROM mirrorpoint_cadence
        WHERE source = :source AND planned_at IS NOT NULL AND resource {sql.among(session, "resources")}
    """
    rows = sql.rows(session, text, source=source, resources=tuple(resources))
    return {resource: Looked(*looked) for resource, *looked in rows}


def grant(session: Session, source: str, *, requests: float, most_per_hour: float, now: datetime) -> bool:
    """Whether so many requests more fit into what looks of this source may cost within the hour of the clock."""
    if requests > most_per_hour:
        return False
    text = """
        UPDATE mirrorpoint_cadence
        SET looks = CASE WHEN looks_from = :hour THEN looks + :requests ELSE :requests END, looks_from = :hour
        WHERE source = :source AND resource = :whole
            AND (looks_from IS NULL OR looks_from <> :hour OR looks + :requests <= :most)
    """
    hour = now.replace(minute=0, second=0, microsecond=0)
    values = {"source": source, "whole": SOURCE, "hour": hour, "requests": requests, "most": most_per_hour}
    return sql.change(session, text, **values) == 1


def note(session: Session, source: str, resources: Sequence[str], *, at: datetime) -> None:
    """A look at each of them is due then."""
    text = f"""
        UPDATE mirrorpoint_cadence SET look_at = :at
        WHERE source = :source AND resource {sql.among(session, "resources")}
    """
    sql.change(session, text, source=source, resources=tuple(resources), at=at)
