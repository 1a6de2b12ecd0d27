"""From when on, and up to when, the log speaks of a resource; called by the commands that are given a moment."""

# ruff: noqa: S608  # values are parameters
from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from storage import driver_values, sql
from storage.session import Session

#: SQLite takes at most 500 parts in one statement.
_PARTS = 200
_TIMES = ("baseline_at", "last_complete_started_at")
_COLUMNS = sql.columns("source", "resource", *_TIMES, utc=_TIMES)


class Reach(NamedTuple):
    """From when on, and up to when, the log speaks of a resource."""

    begins_at: datetime | None = None  #: its first record was seen, or its first scan had ended; None: it was not read
    read_at: datetime | None = None  #: when the last scan began that read its whole list; None: none has yet


def reaches(session: Session, named: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Reach]:
    """(source, resource) -> its reach."""
    begun = dict.fromkeys(named, None) | _first_changes(session, named)
    text = f"SELECT {_COLUMNS} FROM mirrorpoint_resource"
    states = {(source, name): (baseline, read) for source, name, baseline, read in sql.rows(session, text)}
    found = {}
    for each in named:
        baseline, read = states.get(each, (None, None))
        found[each] = Reach(min((at for at in (begun[each], baseline) if at is not None), default=None), read)
    return found


def _first_changes(session: Session, named: Sequence[tuple[str, str]]) -> dict[tuple[str, str], datetime | None]:
    mark = sql.mark(session.dialect)
    one = (
        "SELECT * FROM (SELECT source, resource, observed_at FROM mirrorpoint_change"
        f" WHERE source = {mark} AND resource = {mark} ORDER BY seq LIMIT 1) AS first"
    )
    found: dict[tuple[str, str], datetime | None] = {}
    for start in range(0, len(named), _PARTS):
        part = named[start : start + _PARTS]
        values = tuple(value for each in part for value in each)
        for source, resource, at in session.execute(" UNION ALL ".join([one] * len(part)), values):
            found[source, resource] = driver_values.from_driver_time(at)
    return found
