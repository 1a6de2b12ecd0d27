"""The statements on mirrored tables, as text for the driver: Python is what a mirror waits for, and the library's way
from a statement to the driver takes longer than the database.

Used by `mirror.py`; built once for each table and database.
"""

# ruff: noqa: S608  # names are quoted and come from the catalogue; values are parameters
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from changes.resources import ColumnType, Resource
from storage import mirror_columns
from storage.mirror_columns import Columns

_IDENTITY = ("source", "parent_key", "key")
#: What `put` and `refresh` set beside the typed columns.
_PUT = ("document", "version", "fingerprint", "first_seen_at", "changed_at")
_KNOWN = "parent_key, key, version, fingerprint, deleted_at"
_STORED = "parent_key, key, version, fingerprint, document, first_seen_at, changed_at, deleted_at"

_LABELS: Mapping[ColumnType, str] = {ColumnType.TIME: ' AS "{} [utc]"', ColumnType.JSON: ' AS "{} [json]"'}


@dataclass(frozen=True, slots=True)
class Texts:
    """Placeholders stand in the order in which `mirror.py` gives the values."""

    typed: tuple[tuple[str, ColumnType], ...]  #: the columns between the identity and the document
    known_under: str  #: source, parent_key, keys
    known: str  #: source, pairs
    living_under: str  #: source, parent_key, keys
    living: str  #: source, pairs
    changed_under: str  #: source, parent_key, keys
    changed: str  #: source, pairs
    fingerprints: str  #: source, keys
    matching: str  #: an object of keys and fingerprints, source; for SQLite
    stored_under: str
    stored: str
    table: str  #: quoted
    columns: Mapping[str, str]  #: quoted, and what PostgreSQL calls their types; in the order of the values of `put`
    put: str  #: source, parent_key, key, typed columns, document, version, fingerprint, first_seen_at, changed_at
    refresh: str  #: typed columns, document, fingerprint, source, parent_key, key
    fill: str  #: typed columns, source, parent_key, key; where there are such columns
    mark_deleted: str  #: version, deleted_at, changed_at, source, parent_key, key
    count: str  #: source, source
    keys: str  #: source; to be continued
    gone: str  #: source; to be continued
    namesakes: str  #: source, keys
    rows: str  #: source; to be continued
    descendants: str  #: source, parent_key, parent_key + "/", parent_key + "0", limit
    remove: str  #: source, parent_key, key
    unlike_log: str  #: pairs, source, source, resource


def texts_for(resource: Resource, dialect: str) -> Texts:
    """The statements for the resource's table."""
    return _texts(resource.name, tuple(mirror_columns.typed_columns(resource).items()), dialect)


@lru_cache(maxsize=4096)
def _texts(name: str, typed: tuple[tuple[str, ColumnType], ...], dialect: str) -> Texts:
    table, mark = quoted(name, dialect), "?" if dialect == "sqlite" else "%s"
    json_mark = mark if dialect == "sqlite" else "%s::jsonb"
    marks = [json_mark if kind is ColumnType.JSON else mark for _, kind in typed]
    names = [quoted(column, dialect) for column, _ in typed]
    written = [*names, *_PUT]
    kept = [f"{column} = excluded.{column}" for column in written if column != "first_seen_at"]
    set_typed = [f"{column} = {its_mark}" for column, its_mark in zip(names, marks, strict=True)]
    identity = " AND ".join(f"{column} = {mark}" for column in _IDENTITY)
    if dialect == "sqlite":
        # One parameter whatever the number of keys, so that the statement stays the same and prepared.
        keys = "(SELECT value FROM json_each(?))"
        pairs = "(SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]') FROM json_each(?))"
        among_keys = f"IN {keys}"
        under, among = f"parent_key = ? AND key {among_keys}", f"(parent_key, key) IN {pairs}"
    else:
        among_keys = "= ANY(%s::text[])"
        under = f"parent_key = %s AND key {among_keys}"
        among = "(parent_key, key) IN (SELECT * FROM unnest(%s::text[], %s::text[]))"
    return Texts(
        typed=typed,
        known_under=f"SELECT {_KNOWN} FROM {table} WHERE source = {mark} AND {under}",
        known=f"SELECT {_KNOWN} FROM {table} WHERE source = {mark} AND {among}",
        living_under=f"SELECT parent_key, key FROM {table} WHERE source = {mark} AND {under} AND deleted_at IS NULL",
        living=f"SELECT parent_key, key FROM {table} WHERE source = {mark} AND {among} AND deleted_at IS NULL",
        changed_under=f"SELECT parent_key, key, changed_at FROM {table} WHERE source = {mark} AND {under}",
        changed=f"SELECT parent_key, key, changed_at FROM {table} WHERE source = {mark} AND {among}",
        matching=(
            f"SELECT count(*) FROM json_each(?) AS told CROSS JOIN {table} AS row WHERE row.source = ?"
            " AND row.parent_key = '' AND row.key = told.key AND row.fingerprint = told.value"
            " AND row.deleted_at IS NULL"
        ),
        fingerprints=(
            f"SELECT key, fingerprint FROM {table}"
            f" WHERE source = {mark} AND parent_key = '' AND key {among_keys} AND deleted_at IS NULL"
        ),
        stored_under=f"SELECT {_STORED} FROM {table} WHERE source = {mark} AND {under}",
        stored=f"SELECT {_STORED} FROM {table} WHERE source = {mark} AND {among}",
        table=table.replace("%%", "%"),
        columns={
            quoted(column, dialect).replace("%%", "%"): mirror_columns.type_name(column, kind, "postgresql").lower()
            for column, kind in mirror_columns.all_columns(dict(typed))
            if column != "deleted_at"
        },
        put=(
            f"INSERT INTO {table} ({', '.join([*_IDENTITY, *written])}) VALUES "
            f"({', '.join([mark] * 3 + marks + [json_mark] + [mark] * 4)}) "
            f"ON CONFLICT (source, parent_key, key) DO UPDATE SET {', '.join(kept)}, deleted_at = NULL"
        ),
        refresh=(
            f"UPDATE {table} SET {', '.join([*set_typed, f'document = {json_mark}', f'fingerprint = {mark}'])} "
            f"WHERE {identity}"
        ),
        fill=f"UPDATE {table} SET {', '.join(set_typed)} WHERE {identity}",
        mark_deleted=f"UPDATE {table} SET version = {mark}, deleted_at = {mark}, changed_at = {mark} WHERE {identity}",
        count=(
            f"SELECT (SELECT count(*) FROM {table} WHERE source = {mark})"
            f" - (SELECT count(*) FROM {table} WHERE source = {mark} AND deleted_at IS NOT NULL)"
        ),
        keys=f"SELECT parent_key, key FROM {table} WHERE source = {mark}",
        gone=f"SELECT parent_key, key FROM {table} WHERE source = {mark} AND deleted_at IS NOT NULL",
        namesakes=(
            f"SELECT parent_key, key FROM {table} WHERE source = {mark} AND key {among_keys} AND deleted_at IS NULL"
        ),
        rows=f"SELECT {_STORED} FROM {table} WHERE source = {mark}",
        descendants=(
            f"SELECT parent_key, key FROM {table} WHERE source = {mark} AND deleted_at IS NULL"
            f" AND (parent_key = {mark} OR (parent_key >= {mark} AND parent_key < {mark}))"
            f" ORDER BY parent_key, key LIMIT {mark}"
        ),
        remove=f"DELETE FROM {table} WHERE {identity}",
        unlike_log=_unlike_log(table, dialect),
    )


def _unlike_log(table: str, dialect: str) -> str:
    """Those of the records whose rows are not what their last changes say, byte for byte; their times, too."""
    row = (
        "SELECT version, changed_at, deleted_at, document FROM {}"
        " WHERE source = {} AND parent_key = w.parent_key AND key = w.key"
    )
    last = (
        "FROM mirrorpoint_change WHERE source = {0} AND resource = {0} AND parent_key = w.parent_key AND key = w.key"
        " ORDER BY version DESC LIMIT 1"
    )
    if dialect == "sqlite":
        return (
            "SELECT w.parent_key, w.key"
            " FROM (SELECT value ->> 0 AS parent_key, value ->> 1 AS key FROM json_each(?)) AS w"
            f" LEFT JOIN {table} AS t ON t.source = ? AND t.parent_key = w.parent_key AND t.key = w.key"
            f" LEFT JOIN mirrorpoint_change AS c ON c.seq = (SELECT seq {last.format('?')})"
            " WHERE t.version IS NOT c.version OR t.changed_at IS NOT c.observed_at"
            " OR t.deleted_at IS NOT CASE c.kind WHEN 'deleted' THEN c.observed_at END"
            """ OR CASE c.kind WHEN 'deleted' THEN '{"":' || t.document || '}' IS NOT c.previous"""
            " ELSE t.document IS NOT c.document END"
        )
    # LATERAL with a limit: else it might read all of the log, where it does not know yet how large that is.
    return (
        "SELECT w.parent_key, w.key FROM unnest(%s::text[], %s::text[]) AS w(parent_key, key)"
        f" LEFT JOIN LATERAL ({row.format(table, '%s')} LIMIT 1) AS t ON true"
        f" LEFT JOIN LATERAL (SELECT version, kind, observed_at, previous, document {last.format('%s')}) AS c ON true"
        " WHERE t.version IS DISTINCT FROM c.version OR t.changed_at IS DISTINCT FROM c.observed_at"
        " OR t.deleted_at IS DISTINCT FROM CASE c.kind WHEN 'deleted' THEN c.observed_at END"
        " OR CASE c.kind WHEN 'deleted' THEN jsonb_build_object('', t.document) ELSE t.document END"
        " IS DISTINCT FROM CASE c.kind WHEN 'deleted' THEN c.previous ELSE c.document END"
    )


def counted(name: str, *, number: int, only: str = "") -> str:
    """For `sql.rows`: `number`, a source and how many records it has in this table, to be added up by source.

    `only`, such as `WHERE source = :source`, narrows it. All is read from indexes alone.
    """
    table, narrowed = '"' + name.replace('"', '""') + '"', f"{only} AND" if only else "WHERE"
    return (
        f"SELECT {number}, source, count(*) FROM {table} {only} GROUP BY source UNION ALL"
        f" SELECT {number}, source, -count(*) FROM {table} {narrowed} deleted_at IS NOT NULL GROUP BY source"
    )


def selected(columns: Columns) -> str:
    """Those columns for `sql.rows`; `values_of` makes values of each row."""
    return ", ".join(f'"{name}"' + _LABELS.get(kind, "").format(name) for name, kind in columns)


def values_of(columns: Columns, row: Sequence[Any]) -> Sequence[Any]:
    """A row of `selected`: SQLite gives numbers for booleans."""
    return [
        value if kind is not ColumnType.BOOLEAN or value is None else bool(value)
        for (_, kind), value in zip(columns, row, strict=True)
    ]


def quoted(name: str, dialect: str) -> str:
    """The name as it stands in a statement for the driver."""
    quoted = '"' + name.replace('"', '""') + '"'
    # The PostgreSQL driver reads a lone % as a placeholder.
    return quoted if dialect == "sqlite" else quoted.replace("%", "%%")
