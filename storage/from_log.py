"""Which records exist by the change log, and how their rows in the mirror are to be: they are put back so.

Used by the scan step before it tells changes of records: what somebody else has written there, has removed or invented,
was never the source's.
"""

# ruff: noqa: S608  # values are parameters
from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import orjson

from changes import digests, fingerprint
from changes.records import Change, Id, Json, Kind
from changes.resources import Resource
from storage import history, mirror, mirror_sql, sql
from storage.history import Entry
from storage.mirror import MirrorRow
from storage.session import Session

#: Gives the fingerprint of a document by the rule that was in force at a change: of its number, the document and its
#: canonical form.
Stamp = Callable[[int, Json, bytes], str]
#: Gives that of a source's list.
Stamps = Callable[[Session, str, Resource], Stamp]
#: Records in one statement.
_CHUNK = 500
#: The records that are asked for, and what belongs to one of them.
WANTED = {
    "sqlite": "SELECT value ->> 0 AS of_parent, value ->> 1 AS of_key FROM json_each(:ids)",
    "postgresql": "SELECT one ->> 0 AS of_parent, one ->> 1 AS of_key FROM jsonb_array_elements(:ids::jsonb) AS one",
}
_OF_RECORD = "{0}.source = :source AND {0}.resource = :resource AND {0}.parent_key = of_parent AND {0}.key = of_key"
_NEWEST = f"FROM mirrorpoint_change AS n WHERE {_OF_RECORD.format('n')} ORDER BY version DESC LIMIT 1"
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


def unlike(session: Session, resource: Resource, source: str, ids: Sequence[Id]) -> list[Id]:
    """Those of the records whose rows are not, byte for byte, what their last changes say.

    Some may be right all the same: volatile members are refreshed without a change.
    """
    text, found = mirror_sql.texts_for(resource, session.dialect).unlike_log, list[Id]()
    for part in _chunks(ids):
        values = (*_pairs(session, part), source, source, resource.name)
        found += (Id(*row) for row in sql.fetch(session, text, values))
    return found


def living(session: Session, resource: Resource, source: str, ids: Sequence[Id]) -> set[Id]:
    """Those of the records that exist."""
    text = f"SELECT of_parent, of_key, (SELECT n.kind {_NEWEST}) FROM ({WANTED[session.dialect]}) AS wanted"
    rows = [
        row
        for part in _chunks(ids)
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


def put_back(session: Session, resource: Resource, source: str, ids: Sequence[Id], *, stamp: Stamp) -> list[Id]:
    """The records are afterwards as the log has left them; those that it does not know have no row. Returns which.

    Where the log's own content was altered, a row that has that version stays as it is.
    """
    texts = mirror_sql.texts_for(resource, session.dialect)
    columns_of, done = mirror.columns_of(resource, session.dialect), list[Id]()
    for part in _chunks(ids):
        lasts = _lasts(session, resource, source, part)
        versions = _versions(session, resource, source, part)
        rows, deletions = list[MirrorRow](), list[Change]()
        for id_, (first, last) in lasts.items():
            if versions.get(id_) == last.version and not _is_intact(last):
                del versions[id_]
                continue
            document = _document(last)
            form = fingerprint.canonical(document)
            mark = fingerprint.ERASED if document is None else stamp(last.seq, document, form)
            columns = columns_of({} if document is None else document)[0]
            rows.append(MirrorRow(id_, form, mark, last.version, columns, first, last.observed_at))
            if last.kind == Kind.DELETED:
                deletions.append(history.change_of(last))
        if versions:  # whole rows, since an update would keep when the record was first seen
            session.execute(texts.remove, [(source, *id_) for id_ in versions])
        mirror.put(session, resource, source, rows)
        mirror.mark_deleted(session, resource, source, deletions)
        done += dict.fromkeys([*versions, *(row.id for row in rows)])
    return done


def _chunks(ids: Sequence[Id]) -> Iterator[Sequence[Id]]:
    return (ids[start : start + _CHUNK] for start in range(0, len(ids), _CHUNK))


def _pairs(session: Session, ids: Sequence[Id]) -> tuple[object, ...]:
    if session.dialect == "sqlite":
        return (orjson.dumps([[*id_] for id_ in ids]).decode(),)
    return [each.parent_key for each in ids], [each.key for each in ids]


def _versions(session: Session, resource: Resource, source: str, ids: Sequence[Id]) -> dict[Id, Any]:
    """What stands in place of the version of those that have a row: a number, unless somebody has written there."""
    text = mirror_sql.texts_for(resource, session.dialect).known
    rows = sql.fetch_leniently(session, text, (source, *_pairs(session, ids)))
    return {Id(parent_key, key): version for parent_key, key, version, *_ in rows}


def _lasts(session: Session, resource: Resource, source: str, ids: Sequence[Id]) -> Mapping[Id, tuple[datetime, Entry]]:
    """When each record that the log knows was first seen, and its last change."""
    wanted = WANTED[session.dialect]
    if session.dialect == "sqlite":
        lasts = f"({wanted}) CROSS JOIN mirrorpoint_change ON seq = (SELECT n.seq {_NEWEST})"
    else:
        lasts = f"({wanted}) AS wanted JOIN LATERAL (SELECT * {_NEWEST}) AS last ON true"
    first = f"SELECT f.observed_at FROM mirrorpoint_change AS f WHERE {_OF_RECORD.format('f')} AND f.version = 1"
    text = f'SELECT {history.COLUMNS}, ({first}) AS "first [utc]" FROM {lasts}'
    found: dict[Id, tuple[datetime, Entry]] = {}
    for *row, first_seen_at in sql.rows(session, text, source=source, resource=resource.name, ids=[[*i] for i in ids]):
        last = Entry(*row)
        found[Id(last.parent_key, last.key)] = (first_seen_at or last.observed_at, last)
    return found


def _document(last: Entry) -> Json:
    """What the record was by its last change; None: its content is erased."""
    return last.previous.get("") if last.kind == Kind.DELETED else last.document


def _is_intact(last: Entry) -> bool:
    """Whether the change's digests are those of all that it says; erased content is in none of them."""
    try:
        return _of_row(last) == last.digest and (last.salt is None or _of_content(last, bytes.fromhex(last.salt)))
    except (ValueError, TypeError, AttributeError):  # what was written there is no salt, or no time
        return False


def _of_row(last: Entry) -> str:
    after, at = digests.stamp(last.observed_after), digests.stamp(last.observed_at)
    content = (last.changed, last.previous_digest, last.document_digest)
    return digests.of_change(*last[:8], *content, after, at, last.scan_id)


def _of_content(last: Entry, salt: bytes) -> bool:
    previous = digests.salted(salt, fingerprint.canonical(last.previous))
    document = None if last.document is None else digests.salted(salt, fingerprint.canonical(last.document))
    return (previous, document) == (last.previous_digest, last.document_digest)
