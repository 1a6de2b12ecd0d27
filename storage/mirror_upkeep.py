"""Makes mirrored tables what the catalogue says: missing tables and columns, columns of another type, and their values.

Called by `prepare.py` under its guard.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Column, Connection, Table, bindparam, select, tuple_, update

from changes import fingerprint, normalise
from changes.resources import FIXED_COLUMNS, ColumnType, Resource
from storage import mirror_columns, mirror_tables
from storage.errors import ColumnMismatch
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


def bring_up(session: Session, tables: Mapping[str, Mapping[str, ColumnType]]) -> None:
    """Each table is there with its columns afterwards; what stands in new ones, `fill` says."""
    connection = session.sqlalchemy()
    existing = _existing(session)
    for name, columns in tables.items():
        table = mirror_tables.united_table(name, columns)
        if name not in existing:
            table.create(connection)
            continue
        for column in _missing(connection, table, existing[name]):
            if column.name in existing[name]:
                _drop(session, column, existing[name][column.name])
            _add(connection, column)


def fill(session: Session, source: str, resource: Resource) -> None:
    """The columns of the source's rows hold what its catalogue takes from their documents; null what does not convert.

    Only rows of which a column holds something else are written.
    """
    kinds = mirror_columns.typed_columns(resource)
    if not kinds:
        return
    table = mirror_tables.united_table(resource.name, kinds)
    identity = [table.c.source, table.c.parent_key, table.c.key]
    statement = (
        update(table)
        .where(*(column == bindparam(f"its_{column.name}") for column in identity))
        .values({name: bindparam(f"new_{name}") for name in kinds})
    )
    for rows in _batches(session, table, source, list(kinds)):
        values = []
        for parent_key, key, document, *old in rows:
            new, _ = normalise.columns(resource, document)
            if any(_differs(was, new[name]) for was, name in zip(old, kinds, strict=True)):
                row = {"its_source": source, "its_parent_key": parent_key, "its_key": key}
                values.append(row | {f"new_{name}": new[name] for name in kinds})
        if values:
            session.sqlalchemy().execute(statement, values)


def lacking(session: Session, tables: Mapping[str, Mapping[str, ColumnType]]) -> list[str]:
    """Those of the tables that are not there, or not with all their columns."""
    existing, connection = _existing(session), session.sqlalchemy()
    return [
        name
        for name, columns in tables.items()
        if name not in existing or _missing(connection, mirror_tables.united_table(name, columns), existing[name])
    ]


def _existing(session: Session) -> dict[str, dict[str, str]]:
    """Table -> column -> its type as the database says it."""
    found: dict[str, dict[str, str]] = {}
    for table, column, kind in session.execute(_EXISTING[session.dialect]):
        found.setdefault(table, {})[column] = str(kind).upper()
    return found


def _missing(connection: Connection, table: Table, existing: Mapping[str, str]) -> list[Column[Any]]:
    """The columns to be made, also in place of one of another type; `ColumnMismatch` where the table is no mirror.

    All that stands in a typed column stands in the documents, so such a column is made anew as a new one is.
    """
    missing = []
    for column in table.columns:
        wanted = _type_name(connection, column)
        found = existing.get(column.name)
        if found is None and not column.nullable:
            raise ColumnMismatch(
                f"the table {table.name} is there already and is not one of Mirrorpoint's: it has no {column.name}",
                "give storage.url a database of its own, or call the resource something else in the catalogue",
            )
        if found is not None and found != wanted and column.name in FIXED_COLUMNS:
            raise ColumnMismatch(
                f"the table {table.name} is not one of Mirrorpoint's: its column {column.name} is {found.lower()}",
                "give storage.url a database of its own, or call the resource something else in the catalogue",
            )
        if found != wanted:
            missing.append(column)
    return missing


def _type_name(connection: Connection, column: Column[Any]) -> str:
    name = column.type.compile(connection.dialect)
    return str(name).partition(" COLLATE ")[0].upper()


def _drop(session: Session, column: Column[Any], found: str) -> None:
    connection = session.sqlalchemy()
    preparer = connection.dialect.identifier_preparer
    table, name = preparer.format_table(column.table), preparer.format_column(column)
    try:
        session.execute(f"ALTER TABLE {table} DROP COLUMN {name}")
    except failures() as error:
        said = (str(cause_of(error)).strip().splitlines() or [""])[0]
        raise ColumnMismatch(
            f"the column {column.table.name}.{column.name} is {found.lower()}, the catalogue says "
            f"{_type_name(connection, column).lower()}, and it cannot be made anew: {said}",
            "drop what depends on it (a view or an index of your own) and make that again afterwards, "
            "or change the type in the catalogue",
        ) from error


def _add(connection: Connection, column: Column[Any]) -> None:
    preparer = connection.dialect.identifier_preparer
    table, name = preparer.format_table(column.table), preparer.format_column(column)
    connection.exec_driver_sql(f"ALTER TABLE {table} ADD COLUMN {name} {column.type.compile(connection.dialect)}")


def _differs(old: Any, new: Any) -> bool:
    if isinstance(old, dict | list) and isinstance(new, dict | list):  # to Python 1 and true are equal
        return fingerprint.canonical(old) != fingerprint.canonical(new)
    return type(old) is not type(new) or bool(old != new)


def _batches(session: Session, table: Table, source: str, names: Sequence[str]) -> Iterator[Sequence[Any]]:
    identity = tuple_(table.c.parent_key, table.c.key)
    every = (
        select(table.c.parent_key, table.c.key, table.c.document, *(table.c[name] for name in names))
        .where(table.c.source == source)
        .order_by(table.c.parent_key, table.c.key)
    )
    rows = session.sqlalchemy().execute(every.limit(_BATCH)).all()
    while rows:
        yield rows
        rows = session.sqlalchemy().execute(every.where(identity > tuple_(*rows[-1][:2])).limit(_BATCH)).all()
