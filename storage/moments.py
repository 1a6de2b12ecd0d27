"""What is known of a resource at a moment of the past: when its record begins, and which records are uncertain then.

Called by the command `export`.
"""

# ruff: noqa: S608  # values are parameters
from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from storage import sql
from storage.session import Session


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


_COLUMNS = sql.columns(*Uncertain._fields, utc=("observed_after", "observed_at"))
_OF_RESOURCE = "source = :source AND resource = :resource"
#: The changes that were between two looks of which one was before the moment and the other after it.
_AROUND = f"{_OF_RESOURCE} AND observed_at > :at AND (observed_after IS NULL OR observed_after < :at)"


def first_look(session: Session, source: str, resource: str) -> datetime | None:
    """When the resource was looked at first; of earlier moments nothing is known. None: it never was."""
    # The first that were written: an index leads there.
    scan = f"""
        SELECT started_at AS "started_at [utc]" FROM mirrorpoint_scan WHERE {_OF_RESOURCE} ORDER BY id LIMIT 1
    """
    change = f"""
        SELECT observed_at AS "observed_at [utc]" FROM mirrorpoint_change WHERE {_OF_RESOURCE} ORDER BY seq LIMIT 1
    """
    baseline = f'SELECT baseline_at AS "baseline_at [utc]" FROM mirrorpoint_resource WHERE {_OF_RESOURCE}'
    found = [_time(session, text, source, resource) for text in (scan, change, baseline)]
    return min((at for at in found if at is not None), default=None)


def last_complete_scan_began_at(session: Session, source: str, resource: str) -> datetime | None:
    """What is in the mirror was there at that moment or later; None before the first complete scan."""
    text = f"""
        SELECT last_complete_started_at AS "last_complete_started_at [utc]"
        FROM mirrorpoint_resource WHERE {_OF_RESOURCE}
    """
    return _time(session, text, source, resource)


def count_uncertain(session: Session, source: str, resource: str, *, at: datetime) -> int:
    """How many records changed between two looks of which one was before that moment and the other after it."""
    text = f"SELECT count(*) FROM mirrorpoint_change WHERE {_AROUND}"
    ((number,),) = sql.rows(session, text, source=source, resource=resource, at=at)
    return int(number)


def uncertain(session: Session, source: str, resource: str, *, at: datetime, limit: int) -> list[Uncertain]:
    """Those changes, at most `limit`.

    What was seen first after that moment is among them where nobody knows since when it was there.
    """
    text = f"SELECT {_COLUMNS} FROM mirrorpoint_change WHERE {_AROUND} ORDER BY seq LIMIT :limit"
    rows = sql.rows(session, text, source=source, resource=resource, at=at, limit=limit)
    return [Uncertain(*row) for row in rows]


def _time(session: Session, text: str, source: str, resource: str) -> datetime | None:
    found = sql.first(session, text, source=source, resource=resource)
    return found[0] if found else None
