"""The records of mirrored tables that somebody has dropped, put back as the change log has them.

An empty table would say that all of them are gone: their children would be taken for records without a parent. Used by
prepare.py and mending.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

from changes.records import Id
from changes.resources import Resource
from storage import actions, from_log, sql
from storage.from_log import Stamps
from storage.session import Session

#: What the action is called.
MADE_ANEW = "made anew"
#: Records that are put back at a time.
_BATCH = 500


def refill(session: Session, table: str, resources: Mapping[str, Sequence[Resource]], *, stamps: Stamps) -> int:
    """Fill the table, which was just made; `resources` by their source. How many records the log knows of.

    Where it knows of any, somebody has dropped the table, and that is put on record.
    """
    by_source = {source: each for source, of_source in resources.items() for each in of_source if each.name == table}
    count = 0
    for source in _sources(session, table):
        # A source that is not configured any more has left its rows in the table, too.
        resource = by_source.get(source) or next(iter(by_source.values()))
        stamp = stamps(session, source, resource)
        for ids in _batches(session, source, table):
            count += len(from_log.put_back(session, resource, source, ids, stamp=stamp))
    if count:
        _note(session, table, count)
    return count


def _note(session: Session, table: str, records: int) -> None:
    arguments = {"table": table, "records": records}
    why = "the table was gone, and the change log had its records"
    actions.note_own(session, what=MADE_ANEW, target=table, arguments=arguments, outcome=why, now=datetime.now(UTC))


def _sources(session: Session, table: str) -> list[str]:
    """All that the log may have records of."""
    rows = sql.rows(session, "SELECT source FROM mirrorpoint_resource WHERE resource = :resource", resource=table)
    return [source for (source,) in rows]


def _batches(session: Session, source: str, resource: str) -> Iterator[list[Id]]:
    """The records that the log has."""
    every = "SELECT DISTINCT parent_key, key FROM mirrorpoint_change WHERE source = :source AND resource = :resource"
    order = "ORDER BY parent_key, key LIMIT :limit"
    rows = sql.rows(session, f"{every} {order}", source=source, resource=resource, limit=_BATCH)
    while rows:
        yield [Id(*row) for row in rows]
        parent_key, key = rows[-1]
        behind = f"{every} AND (parent_key, key) > (:parent_key, :key) {order}"
        rows = sql.rows(session, behind, source=source, resource=resource, parent_key=parent_key, key=key, limit=_BATCH)
