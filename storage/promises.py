"""What is promised of each resource by its plan, and which promises are broken; called by who judges them.

They are columns of the plan's table: `cadence.py` writes what is promised, this file since when it is broken.
"""

# ruff: noqa: S608  # values are parameters
from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from changes.cadence.terms import Promise
from changes.records import Json
from storage import sql
from storage.session import Session

#: Of the rows that have a plan; the one whose resource is empty stands for its source alone.
IS_PLANNED = "resource <> '' AND planned_at IS NOT NULL"
_OF_RESOURCE = "source = :source AND resource = :resource"


class Promised(NamedTuple):
    """What of a row tells of its promises."""

    source: str
    resource: str
    interval_seconds: float | None
    head_interval_seconds: float | None
    created_seconds: float | None
    updated_seconds: float | None
    deleted_seconds: float | None
    promised_at: datetime | None
    created_broken_at: datetime | None
    updated_broken_at: datetime | None
    deleted_broken_at: datetime | None

    @property
    def seconds(self) -> dict[Promise, float]:
        """What is promised; what is not is left out."""
        found = {which: getattr(self, f"{which}_seconds") for which in Promise}
        return {which: value for which, value in found.items() if value is not None}

    @property
    def broken_at(self) -> dict[Promise, datetime]:
        """Since when a promise is broken; those that are kept are left out."""
        found = {which: getattr(self, f"{which}_broken_at") for which in Promise}
        return {which: at for which, at in found.items() if at is not None}


PROMISED = sql.columns(
    *Promised._fields, utc=("promised_at", "created_broken_at", "updated_broken_at", "deleted_broken_at")
)
_OF_STATE = sql.columns("last_complete_started_at", "head", utc=("last_complete_started_at",), json=("head",))


class Standing(NamedTuple):
    """What is promised of a resource, and what its promises are judged by."""

    source: str
    resource: str
    promises: Mapping[Promise, float]  #: seconds; empty where it is off
    has_heads: bool
    promised_at: datetime | None  #: since when the promises are as short as they are
    broken_at: Mapping[Promise, datetime]
    last_complete_started_at: datetime | None  #: None before the first one
    head: Mapping[str, Json] | None  #: in the words of the scan step


def standings(session: Session) -> list[Standing]:
    """Of all resources that have a plan, in one statement."""
    text = f"""
        SELECT {PROMISED}, {_OF_STATE}
        FROM mirrorpoint_cadence LEFT JOIN mirrorpoint_resource USING (source, resource)
        WHERE {IS_PLANNED}
    """
    return [_standing(Promised(*promised), began, head) for *promised, began, head in sql.rows(session, text)]


def note_broken(session: Session, source: str, resource: str, which: Promise, *, since: datetime) -> bool:
    """False where somebody has written it down already."""
    column = f"{which}_broken_at"
    text = f"UPDATE mirrorpoint_cadence SET {column} = :since WHERE {_OF_RESOURCE} AND {column} IS NULL"
    return sql.change(session, text, source=source, resource=resource, since=since) == 1


def note_kept(session: Session, source: str, resource: str, which: Promise) -> bool:
    """The promise is kept again; False where somebody has written it down already."""
    column = f"{which}_broken_at"
    text = f"UPDATE mirrorpoint_cadence SET {column} = NULL WHERE {_OF_RESOURCE} AND {column} IS NOT NULL"
    return sql.change(session, text, source=source, resource=resource) == 1


def _standing(row: Promised, last_complete_started_at: datetime | None, head: Mapping[str, Json] | None) -> Standing:
    return Standing(
        row.source,
        row.resource,
        {} if row.interval_seconds is None else row.seconds,
        row.head_interval_seconds is not None,
        row.promised_at,
        row.broken_at,
        last_complete_started_at,
        head,
    )
