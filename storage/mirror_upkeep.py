"""Makes mirrored tables what the catalogue says: missing tables and columns, columns of another type, and their values.

Called by `prepare.py` and `mending.py` under their guard.
"""

# ruff: noqa: S608  # names come from the catalogue and are quoted; values are parameters
from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from changes import fingerprint, normalise
from changes.resources import FIXED_COLUMNS, ColumnType, Resource
from storage import generations, guards, mirror, mirror_columns, mirror_sql, sql
from storage.errors import ColumnMismatch
from storage.mirror_columns import Columns
from storage.mirror_sql import quoted
from storage.session import Session, cause_of, failures

#: All tables and their columns at once: asking for each table takes longer than everything else at a start.
_EXISTING = {
    "sqlite": "SELECT m.name, c.name, c.type FROM sqlite_master m JOIN pragma_table_info(m.name) c"
    " WHERE m.type = 'table'",
    "postgresql": "SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod) FROM pg_class c"
    " JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped"
    " WHERE c.relkind IN ('r', 'p') AND pg_table_is_visible(c.oid)",
}
#: Documents read at a time to fill columns.
_BATCH = 1_000


def bring_up(session: Session, tables: Mapping[str, Mapping[str, ColumnType]]) -> list[str]:
    """Each table is there with its columns afterwards; what stands in new ones, `fill` says. Which were not there."""
    existing, dialect = _existing(session), session.dialect
    if tables:
        generations.make_counting(session)
    for name, typed in tables.items():
        if name not in existing:
            _make(session, name, typed)
        else:
            for column, wanted in _missing(name, typed, existing[name], dialect=dialect):
                if column in existing[name]:
                    _drop(session, name, column, found=existing[name][column], wanted=wanted)
                session.execute(f"ALTER TABLE {quoted(name, dialect)} ADD COLUMN {quoted(column, dialect)} {wanted}")
            if dialect == "postgresql" and guards.gone(session, name, guards.OF_MIRRORED):  # SQLite lets nobody drop it
                _key(session, name)
        generations.watch(session, name)
    return [name for name in tables if name not in existing]


def fill(session: Session, source: str, resource: Resource) -> None:
    """The columns of the source's rows hold what its catalogue takes from their documents; null what does not convert.

    Only rows of which a column holds something else are written.
    """
    kinds = mirror_columns.typed_columns(resource)
    if not kinds:
        return
    written, text = mirror.columns_of(resource, session.dialect), mirror_sql.texts_for(resource, session.dialect).fill
    for rows in _batches(session, source, resource.name, tuple(kinds.items())):
        values = []
        for parent_key, key, document, *old in rows:
            new, _ = normalise.columns(resource, document)
            if any(_differs(was, new[name]) for was, name in zip(old, kinds, strict=True)):
                values.append((*written(document)[0], source, parent_key, key))
        if values:
            session.execute(text, values)


def lacking(session: Session, tables: Mapping[str, Mapping[str, ColumnType]]) -> list[str]:
    """Those of the tables that are not there, or not with all their columns."""
    existing = _existing(session)
    return [
        name
        for name, typed in tables.items()
        if name not in existing or _missing(name, typed, existing[name], dialect=session.dialect)
    ]


def unnamed(session: Session, tables: Mapping[str, Mapping[str, ColumnType]]) -> dict[str, Mapping[str, ColumnType]]:
    """Of each of the tables, which are there, the columns that it has not by name; without those that have all."""
    existing = _existing(session)
    lost = {
        name: {column: kind for column, kind in typed.items() if column not in existing[name]}
        for name, typed in tables.items()
    }
    return {name: typed for name, typed in lost.items() if typed}


def _existing(session: Session) -> dict[str, dict[str, str]]:
    """Table -> column -> its type as the database says it."""
    found: dict[str, dict[str, str]] = {}
    for table, column, kind in session.execute(_EXISTING[session.dialect]):
        found.setdefault(table, {})[column] = str(kind).upper()
    return found


def _missing(
    table: str, typed: Mapping[str, ColumnType], existing: Mapping[str, str], *, dialect: str
) -> list[tuple[str, str]]:
    """Names and types of columns to be made, also in place of one of another type; `ColumnMismatch` where the table is
    no mirror.

    All that stands in a typed column stands in the documents, so such a column is made anew as a new one is.
    """
    missing = []
    for column, kind in mirror_columns.all_columns(typed):
        wanted, found = mirror_columns.type_name(column, kind, dialect), existing.get(column)
        if found is None and column in FIXED_COLUMNS and column != "deleted_at":
            raise ColumnMismatch(
                f"the table {table} is there already and is not one of Mirrorpoint's: it has no {column}",
                "give storage.url a database of its own, or call the resource something else in the catalogue",
            )
        if found is not None and found != wanted and column in FIXED_COLUMNS:
            raise ColumnMismatch(
                f"the table {table} is not one of Mirrorpoint's: its column {column} is {found.lower()}",
                "give storage.url a database of its own, or call the resource something else in the catalogue",
            )
        if found != wanted:
            missing.append((column, wanted))
    return missing


def _make(session: Session, name: str, typed: Mapping[str, ColumnType]) -> None:
    from storage import mirror_tables

    table = mirror_tables.united_table(name, typed)
    for index in table.indexes:  # somebody may have renamed the table that was here: its index has kept the name
        session.execute(f"DROP INDEX IF EXISTS {quoted(str(index.name), session.dialect)}")
    table.create(session.sqlalchemy())


def _key(session: Session, name: str) -> None:
    """Nothing is there twice from now on; which of several rows stays, the log puts right (`generations.watch`)."""
    table, names = quoted(name, "postgresql"), [column for column, _ in mirror_columns.IDENTITY]
    same = " AND ".join(f"one.{column} = other.{column}" for column in names)
    session.execute(f"DELETE FROM {table} AS one USING {table} AS other WHERE one.ctid > other.ctid AND {same}")
    session.execute(f"ALTER TABLE {table} ADD PRIMARY KEY ({', '.join(names)})")


def _drop(session: Session, table: str, column: str, *, found: str, wanted: str) -> None:
    try:
        session.execute(f"ALTER TABLE {quoted(table, session.dialect)} DROP COLUMN {quoted(column, session.dialect)}")
    except failures() as error:
        said = (str(cause_of(error)).strip().splitlines() or [""])[0]
        raise ColumnMismatch(
            f"the column {table}.{column} is {found.lower()}, the catalogue says "
            f"{wanted.lower()}, and it cannot be made anew: {said}",
            "drop what depends on it (a view or an index of your own) and make that again afterwards, "
            "or change the type in the catalogue",
        ) from error


def _differs(old: Any, new: Any) -> bool:
    if isinstance(old, dict | list) and isinstance(new, dict | list):  # to Python 1 and true are equal
        return fingerprint.canonical(old) != fingerprint.canonical(new)
    return type(old) is not type(new) or bool(old != new)


def _batches(session: Session, source: str, table: str, typed: Columns) -> Iterator[Sequence[Sequence[Any]]]:
    """Parent, key, document and typed columns of all rows of the source."""
    columns: Columns = (*mirror_columns.IDENTITY[1:], ("document", ColumnType.JSON), *typed)
    every = f'SELECT {mirror_sql.selected(columns)} FROM "{table}" WHERE source = :source'
    order = "ORDER BY parent_key, key LIMIT :limit"
    rows = sql.rows(session, f"{every} {order}", source=source, limit=_BATCH)
    while rows:
        yield [mirror_sql.values_of(columns, row) for row in rows]
        parent_key, key, *_ = rows[-1]
        behind = f"{every} AND (parent_key, key) > (:parent_key, :key) {order}"
        rows = sql.rows(session, behind, source=source, parent_key=parent_key, key=key, limit=_BATCH)
