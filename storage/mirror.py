"""The mirrored records: what is known of a page's ids, and the writing of what has changed.

Called by the scan step inside the page's transaction, and by the commands that show records.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import orjson

from changes import normalise
from changes.records import Change, Id, Known, Stored
from changes.resources import ColumnType, Resource
from storage import driver_values, mirror_sql, sql
from storage.session import Session

#: Ids in one statement.
_CHUNK = 500
#: What the drivers take for times and JSON.
_FORMS: Mapping[str, normalise.Forms] = {
    "sqlite": ((ColumnType.TIME, driver_values.sqlite_time), (ColumnType.JSON, driver_values.part_text)),
    "postgresql": ((ColumnType.JSON, driver_values.part_text),),
}
#: Keys read at a time when all records of a resource are walked.
_WALK = 5_000


class MirrorRow(NamedTuple):
    """A record as it is to be written to its table."""

    id: Id
    canonical: bytes  #: the document
    fingerprint: str
    version: int
    columns: Sequence[object]  #: the typed columns, as `columns_of` gives them
    first_seen_at: datetime  #: a record that has a row already keeps that of the row
    changed_at: datetime


def known(session: Session, resource: Resource, source: str, ids: Sequence[Id]) -> dict[Id, Known]:
    """What the mirror holds of these ids, deleted ones too; ids that it has never had are left out."""
    texts = mirror_sql.texts_for(resource, session.dialect)
    from_time = driver_values.from_driver_time
    return {
        Id(parent_key, key): Known(version, fingerprint, from_time(deleted_at))
        for parent_key, key, version, fingerprint, deleted_at in _of_ids(
            session, source, ids, under=texts.known_under, among=texts.known
        )
    }


def has_all(session: Session, resource: Resource, source: str, expected: Mapping[str, str]) -> bool:
    """Whether a flat list has records with all these keys and exactly these fingerprints (key -> fingerprint)."""
    dialect = session.dialect
    if dialect != "sqlite":  # PostgreSQL may not know the table's size yet, and would read all of it for a join
        return fingerprints(session, resource, source, list(expected)) == expected
    text, pairs = mirror_sql.texts_for(resource, dialect).matching, list(expected.items())
    for start in range(0, len(pairs), _CHUNK):
        part = dict(pairs[start : start + _CHUNK])
        # The database compares: that takes a third of the time, and other threads go on meanwhile.
        if sql.fetch(session, text, (orjson.dumps(part).decode(), source)) != [(len(part),)]:
            return False
    return True


def fingerprints(session: Session, resource: Resource, source: str, keys: Sequence[str]) -> dict[str, str]:
    """Key -> fingerprint of those records that exist in a flat list."""
    dialect, found = session.dialect, dict[str, str]()
    text = mirror_sql.texts_for(resource, dialect).fingerprints
    for start in range(0, len(keys), _CHUNK):
        part = keys[start : start + _CHUNK]
        found.update(sql.fetch(session, text, (source, orjson.dumps(part).decode() if dialect == "sqlite" else part)))
    return found


def namesakes(session: Session, resource: Resource, source: str, keys: Sequence[str]) -> list[Id]:
    """The existing records with these keys, below any parent."""
    dialect = session.dialect
    value = orjson.dumps(list(keys)).decode() if dialect == "sqlite" else list(keys)
    return [Id(*row) for row in sql.fetch(session, mirror_sql.texts_for(resource, dialect).namesakes, (source, value))]


def living(session: Session, resource: Resource, source: str, ids: Sequence[Id]) -> set[Id]:
    """Those of the ids that exist; nobody can delete these records until this transaction ends."""
    texts = mirror_sql.texts_for(resource, session.dialect)
    lock = "" if session.dialect == "sqlite" else " FOR SHARE"  # SQLite has one writer, and this session is it
    return {
        Id(*row) for row in _of_ids(session, source, ids, under=texts.living_under + lock, among=texts.living + lock)
    }


def changed_since(session: Session, resource: Resource, source: str, ids: Sequence[Id], *, since: datetime) -> set[Id]:
    """Those of the ids whose rows were written with a change at that moment or later."""
    texts = mirror_sql.texts_for(resource, session.dialect)
    rows = _of_ids(session, source, ids, under=texts.changed_under, among=texts.changed)
    found = ((Id(parent_key, key), driver_values.from_driver_time(at)) for parent_key, key, at in rows)
    return {id_ for id_, at in found if at is not None and at >= since}


def stored(session: Session, resource: Resource, source: str, ids: Sequence[Id]) -> dict[Id, Stored]:
    """What the mirror holds of these ids, with documents and times."""
    dialect = session.dialect
    texts = mirror_sql.texts_for(resource, dialect)
    rows = _of_ids(session, source, ids, under=texts.stored_under, among=texts.stored)
    return {found.id: found for found in (_stored(row, dialect) for row in rows)}


def add(session: Session, resource: Resource, source: str, rows: Sequence[MirrorRow]) -> None:
    """Write records that the mirror has never had."""
    if rows:
        texts = mirror_sql.texts_for(resource, session.dialect)
        sql.add_rows(session, texts.table, texts.columns, _values(session, source, rows))


def put(session: Session, resource: Resource, source: str, rows: Sequence[MirrorRow]) -> None:
    """Write records as they are here; one that was deleted exists again."""
    if rows:
        texts = mirror_sql.texts_for(resource, session.dialect)
        session.execute(texts.put, _values(session, source, rows))


def _values(session: Session, source: str, rows: Sequence[MirrorRow]) -> list[tuple[object, ...]]:
    of_time = driver_values.driver_time(session.dialect)
    return [
        (
            source,
            *row.id,
            *row.columns,
            row.canonical.decode(),
            row.version,
            row.fingerprint,
            of_time(row.first_seen_at),
            of_time(row.changed_at),
        )
        for row in rows
    ]


def refresh(session: Session, resource: Resource, source: str, rows: Sequence[MirrorRow]) -> None:
    """Write only what is no change: document, fingerprint and columns; version, times and deletion stay."""
    if not rows:
        return
    texts = mirror_sql.texts_for(resource, session.dialect)
    values = [(*row.columns, row.canonical.decode(), row.fingerprint, source, *row.id) for row in rows]
    session.execute(texts.refresh, values)


def mark_deleted(session: Session, resource: Resource, source: str, changes: Sequence[Change]) -> None:
    """Mark these records deleted, as their changes say; their last documents stay."""
    if not changes:
        return
    dialect = session.dialect
    of_time = driver_values.driver_time(dialect)
    values = [
        (change.version, of_time(change.observed_at), of_time(change.observed_at), source, *change.id)
        for change in changes
    ]
    session.execute(mirror_sql.texts_for(resource, dialect).mark_deleted, values)


def note_size(session: Session, resource: Resource) -> None:
    """Tell PostgreSQL that the table was filled: until it looks by itself, it would plan as for an empty one."""
    if session.dialect == "postgresql":
        table = mirror_sql.texts_for(resource, "postgresql").table
        # Only the columns that our own queries need, and few rows; the server will look at all by itself later.
        session.execute("SET LOCAL default_statistics_target = 10")
        mine = f"{table} (source, parent_key, key), mirrorpoint_change (source, resource, parent_key, key)"
        session.execute(f"ANALYZE {mine}")


def live_count(session: Session, resource: Resource, source: str) -> int:
    """How many records exist."""
    text = mirror_sql.texts_for(resource, session.dialect).count
    return int(sql.value(session, text, (source, source)))


def live_ids(
    session: Session,
    resource: Resource,
    source: str,
    *,
    limit: int,
    after: Id | None = None,
    parent_key: str | None = None,
) -> list[Id]:
    """The next existing records, by parent and key in the order of their bytes; those of one parent if it is given."""
    found: list[Id] = []
    while len(found) < limit:
        ids, last = _live_part(session, resource, source, after, limit - len(found), parent_key)
        found += ids
        if last is None:
            break
        after = last
    return found


def walk_live(session: Session, resource: Resource, source: str) -> Iterator[Id]:
    """All records that exist, in the same order; other statements may come in between."""
    after: Id | None = None
    while True:
        ids, after = _live_part(session, resource, source, after, _WALK, None)
        yield from ids
        if after is None:
            return


def descendants(session: Session, resource: Resource, source: str, *, parent_key: str, limit: int) -> list[Id]:
    """Existing records below the parent, at any depth: `parent_key` is theirs or that of a record above them."""
    text = mirror_sql.texts_for(resource, session.dialect).descendants
    # "0" follows "/" in the order of bytes: all that begins with the parent and a slash lies between the two.
    bounds = (parent_key, parent_key + "/", parent_key + "0")
    return [Id(*row) for row in session.execute(text, (source, *bounds, limit))]


def find(session: Session, resource: Resource, source: str, *, key: str, parent_key: str | None = None) -> list[Stored]:
    """Records with this key, deleted ones too; several if the parent is left out and the key is not unique."""
    dialect = session.dialect
    mark = sql.mark(dialect)
    text = mirror_sql.texts_for(resource, dialect).rows + f" AND key = {mark}"
    if parent_key is None:
        rows = session.execute(text + " ORDER BY parent_key", (source, key))
    else:
        rows = session.execute(text + f" AND parent_key = {mark}", (source, key, parent_key))
    return [_stored(row, dialect) for row in rows]


def _of_ids(session: Session, source: str, ids: Sequence[Id], *, under: str, among: str) -> Iterator[Any]:
    """Rows of these ids: one statement for up to 500, and a simpler one if all have the same parent."""
    is_sqlite = session.dialect == "sqlite"
    for start in range(0, len(ids), _CHUNK):
        part = ids[start : start + _CHUNK]
        parents = [id.parent_key for id in part]  # noqa: A001
        keys = [id.key for id in part]  # noqa: A001
        one_parent = parents.count(parents[0]) == len(parents)
        parameters: tuple[object, ...]
        if one_parent:
            parameters = (source, parents[0], orjson.dumps(keys).decode() if is_sqlite else keys)
        elif is_sqlite:
            parameters = (source, orjson.dumps([[id.parent_key, id.key] for id in part]).decode())  # noqa: A001
        else:
            parameters = (source, parents, keys)
        yield from session.execute(under if one_parent else among, parameters)


def _live_part(
    session: Session, resource: Resource, source: str, after: Id | None, limit: int, parent_key: str | None
) -> tuple[list[Id], Id | None]:
    """Those of the next `limit` rows that exist, and the last of these rows; None if there are no more.

    Two walks are put together here. Each reads an index alone, and no document.
    """
    dialect = session.dialect
    texts, mark = mirror_sql.texts_for(resource, dialect), sql.mark(dialect)
    where, values = "", [source]
    if parent_key is not None:
        where, values = f" AND parent_key = {mark}", [source, parent_key]
    beyond, start = ("", []) if after is None else (f" AND (parent_key, key) > ({mark}, {mark})", [*after])
    order = f" ORDER BY parent_key, key LIMIT {mark}"
    rows = [Id(*row) for row in session.execute(texts.keys + where + beyond + order, (*values, *start, limit))]
    if not rows:
        return [], None
    within = f" AND (parent_key, key) >= ({mark}, {mark}) AND (parent_key, key) <= ({mark}, {mark})"
    gone = {tuple(row) for row in session.execute(texts.gone + within, (source, *rows[0], *rows[-1]))}
    live = [row for row in rows if row not in gone] if gone else rows
    return live, rows[-1] if len(rows) == limit else None


def columns_of(resource: Resource, dialect: str) -> normalise.Converter:
    """Gives the typed columns of the resource's documents as they are written into its table."""
    return normalise.converter(resource, _FORMS[dialect])


def _stored(row: Any, dialect: str) -> Stored:
    parent_key, key, version, fingerprint, document, *times = row
    first_seen_at, changed_at, deleted_at = (driver_values.from_driver_time(moment) for moment in times)
    if first_seen_at is None or changed_at is None:
        raise ValueError(f"the mirror's row of {key!r} has no times")
    return Stored(
        id=Id(parent_key, key),
        version=version,
        fingerprint=fingerprint,
        # PostgreSQL's driver has parsed it already (see `engine`); a document may well be a string.
        document=driver_values.parse(document) if dialect == "sqlite" else document,
        first_seen_at=first_seen_at,
        changed_at=changed_at,
        deleted_at=deleted_at,
    )
