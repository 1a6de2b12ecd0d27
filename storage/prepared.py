"""What is kept of how tables were brought up, and whether they still are so; for prepare.py and mending.py."""

# ruff: noqa: S608  # no values in the texts
from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from changes import fingerprint
from changes.resources import ColumnType, Resource
from storage import mirror_columns, sql
from storage.session import Session

VERSION_TABLE = "mirrorpoint_version"
#: Raised when mirrored tables get other columns, indexes or triggers than before, so that all are looked at again.
_TABLES_RULE = 2
#: Raised when more values convert than before, so that the columns of rows that stay as they are get theirs too.
_COLUMNS_RULE = 1

_STATE = f"SELECT '{VERSION_TABLE}', version_num, NULL FROM {VERSION_TABLE} UNION ALL SELECT p.name, p.digest, "
_STATES = {
    # Joined with the tables that are there, so that what was dropped, or has lost columns, triggers or its key, is
    # brought up again. The last column has a line for each of its columns, with its type.
    "sqlite": _STATE
    + """CASE WHEN p.name = m.name AND m.type = 'table' THEN (
            SELECT group_concat(name || ' ' || upper(type), char(10)) FROM pragma_table_info(m.name)) END
        FROM mirrorpoint_prepared p JOIN sqlite_master m
        ON m.type IN ('table', 'view') AND m.name = substr(p.name, 1, instr(p.name || '/', '/') - 1)
        WHERE m.type = 'view' OR m.name IN (
            SELECT tbl_name FROM sqlite_master
            WHERE type = 'trigger' AND name IN ('mirrorpoint_update_' || tbl_name, 'mirrorpoint_delete_' || tbl_name)
            GROUP BY tbl_name HAVING count(*) = 2)
    """,
    "postgresql": _STATE
    + """CASE WHEN p.name = c.relname AND c.relkind <> 'v' THEN (
            SELECT string_agg(a.attname || ' ' || upper(format_type(a.atttypid, a.atttypmod)), chr(10))
            FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) END
        FROM mirrorpoint_prepared p JOIN pg_class c
        ON c.relname = split_part(p.name, '/', 1) AND c.relkind IN ('r', 'p', 'v') AND pg_table_is_visible(c.oid)
        WHERE c.relkind = 'v' OR 3 = (
            SELECT count(*) FROM pg_trigger t WHERE t.tgrelid = c.oid AND t.tgenabled IN ('O', 'A')
                AND t.tgname IN ('mirrorpoint_update', 'mirrorpoint_delete', 'mirrorpoint_truncate'))
        AND EXISTS (
            SELECT 1 FROM pg_index i WHERE i.indrelid = c.oid AND i.indisunique AND i.indisvalid AND i.indimmediate
                AND i.indpred IS NULL AND i.indnkeyatts = 3 AND 3 = (
                SELECT count(*) FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum = ANY (i.indkey)
                    AND a.attname IN ('source', 'parent_key', 'key')))
    """,
}


def state(session: Session, united: Mapping[str, Mapping[str, ColumnType]]) -> dict[str, str]:
    """The version table's revision and each mirrored table's digest, by table; without those that are not whole."""
    type_name, dialect = mirror_columns.type_name, session.dialect
    found: dict[str, str] = {}
    for name, noted, lines in session.execute(_STATES[dialect]):
        typed = united.get(name) if lines is not None else None
        wanted = () if typed is None else mirror_columns.all_columns(typed)
        there = frozenset() if lines is None else frozenset(lines.split("\n"))
        if there.issuperset(f"{column} {type_name(column, kind, dialect)}" for column, kind in wanted):
            found[name] = noted
    return found


def digest(name: str, columns: Mapping[str, ColumnType]) -> str:
    """Of a table that has these columns."""
    return hashlib.sha256(fingerprint.canonical([_TABLES_RULE, name, dict(columns)])).hexdigest()[:32]


class Filled(NamedTuple):
    """A source's rows that have their columns from the documents."""

    source: str
    resource: Resource
    digest: str  #: from which members


def filled(resources: Mapping[str, Iterable[Resource]]) -> dict[str, Filled]:
    """What is to be kept of these resources when they are filled, by its name; `resources` by their source."""
    return {
        f"{each.name}/{source}": Filled(source, each, _filled_digest(each))
        for source, of_source in resources.items()
        for each in of_source
    }


def _filled_digest(resource: Resource) -> str:
    return hashlib.sha256(fingerprint.canonical([_COLUMNS_RULE, dict(resource.columns)])).hexdigest()[:32]


def note(session: Session, digests: Mapping[str, str]) -> None:
    """What these names stand for is brought up as their digests say: a table, a source's rows of it, or a view."""
    mark = sql.mark(session.dialect)
    text = f"""
        INSERT INTO mirrorpoint_prepared (name, digest) VALUES ({mark}, {mark})
        ON CONFLICT (name) DO UPDATE SET digest = excluded.digest
    """
    session.execute(text, list(digests.items()))
