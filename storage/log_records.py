"""Which records exist by the change log, whatever rows somebody has for them in the mirror; asked by the scan step."""

# ruff: noqa: S608  # values are parameters
from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from changes.records import Id, Kind
from changes.resources import Resource
from storage import log_sql, mirror_sql, sql
from storage.session import Session

#: From record to record, so it takes no longer for those that have changed often. The next one is looked for in two
#: steps, since SQLite takes its index for a pair only where what it is compared with is no column.
_FOLLOWING = """
    WITH RECURSIVE record (seq, place) AS (
        SELECT * FROM (
            SELECT seq, 1 FROM mirrorpoint_change WHERE source = :source AND resource = :resource {behind}
            ORDER BY parent_key, key, version LIMIT 1
        ) AS one
        UNION ALL
        SELECT coalesce((
            SELECT n.seq FROM mirrorpoint_change AS n
            WHERE n.source = :source AND n.resource = :resource AND n.parent_key = c.parent_key AND n.key > c.key
            ORDER BY n.key, n.version LIMIT 1
        ), (
            SELECT n.seq FROM mirrorpoint_change AS n
            WHERE n.source = :source AND n.resource = :resource AND n.parent_key > c.parent_key
            ORDER BY n.parent_key, n.key, n.version LIMIT 1
        )), place + 1
        FROM record JOIN mirrorpoint_change AS c ON c.seq = record.seq WHERE place < :limit
    )
    SELECT c.parent_key, c.key, (
        SELECT kind FROM mirrorpoint_change AS l
        WHERE l.source = c.source AND l.resource = c.resource AND l.parent_key = c.parent_key AND l.key = c.key
        ORDER BY l.version DESC LIMIT 1
    ), EXISTS (
        SELECT 1 FROM {table} AS t
        WHERE t.source = c.source AND t.parent_key = c.parent_key AND t.key = c.key AND t.deleted_at IS NULL
    )
    FROM record JOIN mirrorpoint_change AS c ON c.seq = record.seq ORDER BY place
"""


def living(session: Session, resource: Resource, source: str, ids: Sequence[Id]) -> set[Id]:
    """Those of the records that exist."""
    wanted = log_sql.WANTED[session.dialect]
    text = f"SELECT of_parent, of_key, (SELECT n.kind {log_sql.NEWEST}) FROM ({wanted}) AS wanted"
    rows = [
        row
        for part in log_sql.chunks(ids)
        for row in sql.rows(session, text, source=source, resource=resource.name, ids=[[*id_] for id_ in part])
    ]
    return {Id(parent_key, key) for parent_key, key, kind in rows if kind not in (None, Kind.DELETED)}


class Existence(NamedTuple):
    """Of a record that the log knows."""

    id: Id
    is_living: bool  #: by its last change
    has_living_row: bool


def following(session: Session, resource: Resource, source: str, *, after: Id | None, limit: int) -> list[Existence]:
    """The next records by parent and key."""
    table = mirror_sql.quoted(resource.name, "sqlite")  # as `sql.rows` takes names of either database
    text = _FOLLOWING.format(table=table, behind="" if after is None else "AND (parent_key, key) > (:parent_key, :key)")
    bound = {} if after is None else {"parent_key": after.parent_key, "key": after.key}
    rows = sql.rows(session, text, source=source, resource=resource.name, limit=limit, **bound)
    return [Existence(Id(parent_key, key), kind != Kind.DELETED, bool(has)) for parent_key, key, kind, has in rows]
