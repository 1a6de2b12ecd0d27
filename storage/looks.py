"""Looks that follow a change: what they are decided by, and how many requests they were granted; used by the scan step.

They are rows of the plan's table, so where no plan stands there are none.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import case, or_, select, update
from sqlmodel import col

from storage import sql
from storage.cadence import SOURCE
from storage.session import Session
from storage.tables import CadenceRow


class Looked(NamedTuple):
    """How a resource is looked at."""

    interval_seconds: float | None
    head_interval_seconds: float | None
    requests_per_scan: float
    look_at: datetime | None  #: when the last look that followed a change was due


def of(session: Session, source: str, resources: Sequence[str]) -> dict[str, Looked]:
    """By resource; those without a plan are left out."""
    columns = [col(getattr(CadenceRow, name)) for name in Looked._fields]
    which = (
        col(CadenceRow.source) == source,
        col(CadenceRow.resource).in_(resources),
        col(CadenceRow.planned_at).is_not(None),
    )
    rows = sql.run(session, select(col(CadenceRow.resource), *columns).where(*which))
    return {resource: Looked(*looked) for resource, *looked in rows}


def grant(session: Session, source: str, *, requests: float, most_per_hour: float, now: datetime) -> bool:
    """Whether so many requests more fit into what looks of this source may cost within the hour of the clock."""
    if requests > most_per_hour:
        return False
    hour = now.replace(minute=0, second=0, microsecond=0)
    is_same = col(CadenceRow.looks_from) == hour
    has_room = or_(col(CadenceRow.looks_from).is_(None), ~is_same, col(CadenceRow.looks) + requests <= most_per_hour)
    which = (col(CadenceRow.source) == source, col(CadenceRow.resource) == SOURCE, has_room)
    values = {"looks": case((is_same, col(CadenceRow.looks) + requests), else_=requests), "looks_from": hour}
    return sql.count_run(session, update(CadenceRow).where(*which).values(values)) == 1


def note(session: Session, source: str, resources: Sequence[str], *, at: datetime) -> None:
    """A look at each of them is due then."""
    which = (col(CadenceRow.source) == source, col(CadenceRow.resource).in_(resources))
    sql.run(session, update(CadenceRow).where(*which).values(look_at=at))
