"""Rows as an export wants them: streamed in the order of their keys, values of Python, JSON as its canonical text.

Called by the command `export` within one snapshot. What is read of a moment in the past comes from the change log.
"""

# ruff: noqa: S608  # names of tables come from the catalogue, values are parameters
from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from changes import normalise
from changes.records import Json
from changes.resources import ColumnType, Resource
from storage import driver_values, history, mirror_columns, sql
from storage.mirror_columns import Columns
from storage.session import Session

Row = Sequence[Any]

#: Those of `mirrorpoint_change`.
CHANGE_COLUMNS: Columns = (
    ("seq", ColumnType.INTEGER),
    ("id", ColumnType.TEXT),
    ("source", ColumnType.TEXT),
    ("resource", ColumnType.TEXT),
    ("parent_key", ColumnType.TEXT),
    ("key", ColumnType.TEXT),
    ("version", ColumnType.INTEGER),
    ("kind", ColumnType.TEXT),
    ("changed", ColumnType.JSON),
    ("previous", ColumnType.JSON),
    ("document", ColumnType.JSON),
    ("observed_after", ColumnType.TIME),
    ("observed_at", ColumnType.TIME),
    ("scan_id", ColumnType.TEXT),
    ("digest", ColumnType.TEXT),
)
#: Rows that are in memory at a time: a document may be large.
_AT_A_TIME = 200


def record_columns(resources: Sequence[Resource]) -> Columns:
    """The columns of the table that the resources share, in its order; they are of different sources."""
    (typed,) = mirror_columns.united_columns(resources).values()
    return mirror_columns.all_columns(typed)


def records(
    session: Session, source: str, resource: Resource, *, columns: Columns, has_deleted: bool = False
) -> Iterator[Row]:
    """The records as the table has them, deleted ones too where they are wanted, by parent and key."""
    living = "" if has_deleted else " AND deleted_at IS NULL"
    mark = sql.mark(session.dialect)
    text = f'FROM "{resource.name}" WHERE source = {mark}{living} ORDER BY parent_key, key'
    return _stream(session, columns, text, (source,))


def changes(session: Session, source: str, resource: Resource, *, until: datetime | None) -> Iterator[Row]:
    """The change log of the resource in its order, up to that moment."""
    where, values = _changes_until(session, source, resource, until)
    return _stream(session, CHANGE_COLUMNS, f"FROM mirrorpoint_change {where} ORDER BY seq", values)


def records_at(
    session: Session,
    source: str,
    resource: Resource,
    *,
    at: datetime,
    columns: Columns,
    has_deleted: bool = False,
) -> Iterator[Row]:
    """The records as the log says that they were; their typed columns are taken from the documents.

    The fingerprint of that time is not kept, nor are volatile fields that changed without a change.
    """
    after = None
    while batch := history.standing(session, source, resource.name, at=at, after=after, limit=_AT_A_TIME):
        after = batch[-1].change.id
        for each in batch:
            if has_deleted or each.is_living:
                yield _as_row(each, resource, columns)


def count_records(session: Session, source: str, resource: Resource, *, has_deleted: bool = False) -> int:
    """How many rows `records` gives."""
    living = "" if has_deleted else " AND deleted_at IS NULL"
    mark = sql.mark(session.dialect)
    text = f'SELECT count(*) FROM "{resource.name}" WHERE source = {mark}{living}'
    return int(sql.value(session, text, (source,)))


def count_changes(session: Session, source: str, resource: Resource, *, until: datetime | None) -> int:
    """How many rows `changes` gives."""
    where, values = _changes_until(session, source, resource, until)
    return int(sql.value(session, f"SELECT count(*) FROM mirrorpoint_change {where}", values))


def count_records_at(session: Session, source: str, resource: Resource, *, at: datetime) -> int:
    """How many rows `records_at` gives with the deleted ones: each has one first version."""
    where, values = _changes_until(session, source, resource, at)
    text = f"SELECT count(*) FROM mirrorpoint_change {where} AND version = 1"
    return int(sql.value(session, text, values))


def _changes_until(
    session: Session, source: str, resource: Resource, until: datetime | None
) -> tuple[str, tuple[Any, ...]]:
    mark = sql.mark(session.dialect)
    where, values = f"WHERE source = {mark} AND resource = {mark}", (source, resource.name)
    if until is None:
        return where, values
    return f"{where} AND observed_at <= {mark}", (*values, driver_values.driver_time(session.dialect)(until))


def _stream(session: Session, columns: Columns, text: str, values: tuple[Any, ...]) -> Iterator[Row]:
    """Row by row past the library's types, which cost more than the reading."""
    dialect = session.dialect
    readers = _READERS[dialect]
    special = [(place, readers[kind]) for place, (_, kind) in enumerate(columns) if kind in readers]
    names = (f'"{name}"{_CASTS[dialect].get(kind, "")}' for name, kind in columns)
    for row in sql.stream(session, f"SELECT {', '.join(names)} {text}", values, at_a_time=_AT_A_TIME):
        found = list(row)
        for place, reader in special:
            if found[place] is not None:
                found[place] = reader(found[place])
        yield found


def _as_row(each: history.Standing, resource: Resource, columns: Columns) -> Row:
    change = each.change
    document = change.document if each.is_living else change.previous.get("")
    typed, _ = normalise.columns(resource, document)
    values: dict[str, Any] = {
        **typed,
        "source": change.source,
        "parent_key": change.id.parent_key,
        "key": change.id.key,
        "document": document,
        "version": change.version,
        "first_seen_at": each.first_seen_at,
        "changed_at": change.observed_at,
        "deleted_at": None if each.is_living else change.observed_at,
    }
    return [_text_of_json(values.get(name)) if kind is ColumnType.JSON else values.get(name) for name, kind in columns]


def _text_of_json(value: Json) -> str | None:
    return None if value is None else driver_values.json_text(value)


def _time_of_text(text: str) -> datetime:
    """As `driver_values.from_driver_time`, in a third of the time."""
    return datetime.fromisoformat(text + "+00:00")


def _canonical(text: str) -> str:
    """PostgreSQL writes spaces, and members in an order of its own."""
    return driver_values.json_text(driver_values.parse(text))


#: What the driver gives -> the value; kinds that are left out come as they should.
_READERS: Mapping[str, Mapping[ColumnType, Callable[[Any], Any]]] = {
    "sqlite": {ColumnType.BOOLEAN: bool, ColumnType.TIME: _time_of_text},
    "postgresql": {ColumnType.TIME: driver_values.from_driver_time, ColumnType.JSON: _canonical},
}
#: Else PostgreSQL's driver would parse it.
_CASTS: Mapping[str, Mapping[ColumnType, str]] = {"sqlite": {}, "postgresql": {ColumnType.JSON: "::text"}}
