"""Versions of records out of the log: named ones of many records, or those of one record in their order.

Called by the commands that say what was when. Documents are read apart where most are not needed.
"""

# ruff: noqa: S608  # values are parameters
from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC
from typing import Any

import orjson
from sqlalchemy import select
from sqlmodel import col

from changes.records import Id, Json, Kind
from changes.versions import Version
from storage import driver_values, history, sql
from storage.session import Session
from storage.tables import ChangeRow

#: Versions of one record read at a time.
_BATCH = 500

_HEAD = "c.parent_key, c.key, c.seq, c.version, c.kind, c.observed_after, c.observed_at, c.scan_id"


def heads(
    session: Session, source: str, resource: str, wanted: Sequence[tuple[Id, int]]
) -> dict[tuple[Id, int], Version]:
    """These versions without documents and fields; those that are not there are left out."""
    dialect = session.dialect
    same = "c.parent_key = w.parent_key AND c.key = w.key AND c.version = w.version"
    of_resource = f"c.source = {sql.mark(dialect)} AND c.resource = {sql.mark(dialect)}"
    values: tuple[object, ...]
    if dialect == "sqlite":
        parts = "value ->> 0 AS parent_key, value ->> 1 AS key, value ->> 2 AS version"
        # CROSS JOIN: it begins with what is wanted.
        text = f"SELECT {_HEAD} FROM (SELECT {parts} FROM json_each(?)) AS w CROSS JOIN mirrorpoint_change AS c"
        values = (orjson.dumps([[*id_, version] for id_, version in wanted]).decode(),)
    else:
        parts = "unnest(%s::text[], %s::text[], %s::int[]) AS w(parent_key, key, version)"
        text = f"SELECT {_HEAD} FROM {parts} JOIN mirrorpoint_change AS c ON true"
        values = ([id_.parent_key for id_, _ in wanted], [id_.key for id_, _ in wanted], [each for _, each in wanted])
    rows = sql.fetch(session, f"{text} WHERE {of_resource} AND {same}", (*values, source, resource))
    return {(Id(*row[:2]), row[3]): _head(*row[2:]) for row in rows}


def _head(seq: int, number: int, kind: str, after: Any, at: Any, scan_id: str) -> Version:
    seen = driver_values.from_driver_time(at)
    assert seen is not None  # noqa: S101  # the column is not null
    after = driver_values.from_driver_time(after)
    return Version(seq, number, Kind(kind), after, seen, is_retired=scan_id == history.RETIRED)


def documents(session: Session, seqs: Iterable[int]) -> dict[int, Json]:
    """Their documents, by their numbers in the log; null where there is none, or none any more."""
    found: dict[int, Json] = {}
    wanted = sorted(set(seqs))
    for start in range(0, len(wanted), _BATCH):
        chosen = col(ChangeRow.seq).in_(wanted[start : start + _BATCH])
        rows = sql.run(session, select(col(ChangeRow.seq), col(ChangeRow.document)).where(chosen))
        found |= {seq: document for seq, document in rows}  # noqa: C416  # rows are no pairs to the type checker
    return found


def of_record(
    session: Session,
    source: str,
    resource: str,
    id: Id,  # noqa: A002
    *,
    first: int = 1,
    last: int | None = None,
) -> Iterator[Version]:
    """The record's versions from `first` on, the oldest first, up to `last`; a few at a time."""
    which = [
        col(ChangeRow.source) == source,
        col(ChangeRow.resource) == resource,
        col(ChangeRow.parent_key) == id.parent_key,
        col(ChangeRow.key) == id.key,
    ]
    if last is not None:
        which.append(col(ChangeRow.version) <= last)
    while True:
        later = select(*_columns()).where(*which, col(ChangeRow.version) >= first)
        rows = sql.run(session, later.order_by(col(ChangeRow.version)).limit(_BATCH)).all()
        yield from map(of_row, rows)
        if len(rows) < _BATCH:
            return
        first = rows[-1].version + 1


def of_row(row: Any) -> Version:
    """What a row of the log says."""
    return Version(
        seq=row.seq,
        number=row.version,
        kind=Kind(row.kind),
        observed_after=row.observed_after,
        observed_at=row.observed_at.astimezone(UTC),
        changed=tuple(row.changed),
        previous=row.previous,
        document=row.document,
        is_retired=row.scan_id == history.RETIRED,
    )


def _columns() -> list[Any]:
    names = ("seq", "version", "kind", "changed", "previous", "document", "observed_after", "observed_at", "scan_id")
    return [col(getattr(ChangeRow, name)) for name in names]
