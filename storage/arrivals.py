"""When records came last, by the change log: for the first time, or again after they were gone.

Used by the scan step: of what is below a record, nothing is known from before it came.
"""

# ruff: noqa: S608  # values are parameters
from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from changes.records import Id
from storage import log_sql, sql
from storage.session import Session

_CAME = f"""
    SELECT {{0}} FROM mirrorpoint_change AS c
    WHERE {log_sql.OF_WANTED.format("c")} AND c.kind IN ('snapshot', 'created', 'restored')
    ORDER BY c.version DESC LIMIT 1
"""


class Arrival(NamedTuple):
    """The two looks between which a record came."""

    after: datetime | None
    at: datetime


def of_ids(session: Session, source: str, resource: str, ids: Iterable[Id]) -> dict[Id, Arrival]:
    """Of those that the log knows."""
    text = (
        f'SELECT of_parent, of_key, ({_CAME.format("c.observed_after")}) AS "after [utc]",'
        f' ({_CAME.format("c.observed_at")}) AS "at [utc]" FROM ({log_sql.WANTED[session.dialect]}) AS wanted'
    )
    found = dict[Id, Arrival]()
    for part in log_sql.chunks([*ids]):
        rows = sql.rows(session, text, source=source, resource=resource, ids=[[*id_] for id_ in part])
        found.update({Id(parent_key, key): Arrival(after, at) for parent_key, key, after, at in rows if at is not None})
    return found
