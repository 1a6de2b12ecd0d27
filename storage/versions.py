"""Versions of records out of the log: named ones of many records, or those of one record in their order.

Called by the commands that say what was when. Documents are read apart where most are not needed.
"""

# ruff: noqa: S608  # values are parameters
from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import orjson

from changes.records import Id, Json, Kind
from changes.versions import Version
from storage import driver_values, history, log_sql, sql
from storage.session import Session

#: Versions of one record read at a time.
_BATCH = 500


class _Row(NamedTuple):
    """What of a row makes a version."""

    seq: int
    version: int
    kind: str
    changed: Sequence[str]
    previous: Mapping[str, Json]
    document: Json
    observed_after: datetime | None
    observed_at: datetime
    scan_id: str


_COLUMNS = sql.columns(*_Row._fields, utc=("observed_after", "observed_at"), json=("changed", "previous", "document"))
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
    columns = sql.columns("seq", "document", json=("document",))
    text = f"SELECT {columns} FROM mirrorpoint_change WHERE seq {sql.among(session, 'seqs')}"
    for start in range(0, len(wanted), _BATCH):
        found |= dict(sql.rows(session, text, seqs=tuple(wanted[start : start + _BATCH])))
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
    until = "" if last is None else "AND version <= :last"
    text = f"""
        SELECT {_COLUMNS} FROM mirrorpoint_change
        WHERE {log_sql.OF_RECORD} AND version >= :first {until}
        ORDER BY version LIMIT :limit
    """
    record = log_sql.of_record(source, resource, id)
    while True:
        rows = [_Row(*row) for row in sql.rows(session, text, **record, first=first, last=last, limit=_BATCH)]
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
