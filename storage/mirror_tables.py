"""The mirrored resources as tables: a SQLModel class for each, built from the catalogue when it is first used.

Used where a table is made, and by people who want to query the mirror from Python. What else is to be known of these
tables is in `mirror_columns.py`, which loads no library.
"""

from __future__ import annotations

import keyword
import threading
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, Double, Index, Integer, MetaData, Table, Text, text
from sqlalchemy.orm import registry
from sqlalchemy.sql import quoted_name
from sqlmodel import Field, SQLModel
from sqlmodel.main import SQLModelMetaclass

from changes.resources import ColumnType, Resource
from storage.mirror_columns import typed_columns
from storage.types import JsonColumn, KeyText, UtcDateTime

#: A catalogue's type -> the column's, and what Python gets.
SQL_TYPES: Mapping[ColumnType, Any] = {
    ColumnType.TEXT: Text,
    ColumnType.INTEGER: BigInteger,
    ColumnType.NUMBER: Double,
    ColumnType.BOOLEAN: Boolean,
    ColumnType.TIME: UtcDateTime,
    ColumnType.JSON: JsonColumn,
}
_PYTHON_TYPES: Mapping[ColumnType, Any] = {
    ColumnType.TEXT: str,
    ColumnType.INTEGER: int,
    ColumnType.NUMBER: float,
    ColumnType.BOOLEAN: bool,
    ColumnType.TIME: datetime,
    ColumnType.JSON: object,
}
_FIXED_TYPES: Mapping[str, Any] = {
    "source": str,
    "parent_key": str,
    "key": str,
    "document": Any,
    "version": int,
    "fingerprint": str,
    "first_seen_at": datetime,
    "changed_at": datetime,
    "deleted_at": datetime,
}

_made: dict[tuple[object, ...], type[SQLModel]] = {}
_lock = threading.Lock()


def model_for(resource: Resource) -> type[SQLModel]:
    """The class of the resource's table, with the columns that its catalogue gives."""
    return _model(resource.name, typed_columns(resource))


def table_for(resource: Resource) -> Table:
    """The table of the resource, with the columns that its catalogue gives."""
    table: Table = model_for(resource).__table__  # type: ignore[attr-defined]  # made by the metaclass
    return table


def united_table(name: str, columns: Mapping[str, ColumnType]) -> Table:
    """The table that `united_columns` speaks of."""
    return Table(quoted_name(name, quote=True), MetaData(), *_columns(columns), _deleted_index())


def _model(name: str, columns: Mapping[str, ColumnType]) -> type[SQLModel]:
    definition = (name, *columns.items())
    with _lock:
        if definition not in _made:
            _made[definition] = _make(name, columns)
        return _made[definition]


def _columns(typed: Mapping[str, ColumnType]) -> list[Column[Any]]:
    return [
        Column("source", KeyText, primary_key=True),
        Column("parent_key", KeyText, primary_key=True),
        Column("key", KeyText, primary_key=True),
        *(Column(quoted_name(name, quote=True), SQL_TYPES[kind], nullable=True) for name, kind in typed.items()),
        Column("document", JsonColumn, nullable=False),
        Column("version", Integer, nullable=False),
        Column("fingerprint", Text, nullable=False),
        Column("first_seen_at", UtcDateTime, nullable=False),
        Column("changed_at", UtcDateTime, nullable=False),
        Column("deleted_at", UtcDateTime, nullable=True),
    ]


def _deleted_index() -> Index:
    # Deleted rows are few: with them in an index of their own, the live ones are counted and listed from the primary
    # key's index alone, without reading a document.
    gone = text("deleted_at IS NOT NULL")
    return Index(None, "source", "parent_key", "key", "deleted_at", sqlite_where=gone, postgresql_where=gone)


def _make(name: str, typed: Mapping[str, ColumnType]) -> type[SQLModel]:
    namespace: dict[str, Any] = {
        "__module__": __name__,
        "__doc__": f"A record of {name}.",
        "__tablename__": quoted_name(name, quote=True),
        "__table_args__": (_deleted_index(),),
        "__annotations__": {},
    }
    for column in _columns(typed):
        member = attribute(column.name)
        python_type = _PYTHON_TYPES[typed[column.name]] if column.name in typed else _FIXED_TYPES[column.name]
        namespace["__annotations__"][member] = python_type | None if column.nullable else python_type
        namespace[member] = Field(sa_column=column)
    # A registry of its own: the bookkeeping tables' metadata is what the migrations are compared with, and two
    # catalogues may define a table of the same name.
    base: Any = SQLModelMetaclass("MirrorBase", (SQLModel,), {"__module__": __name__}, registry=registry())
    class_name = "".join(word.capitalize() for word in name.split("_")) or name
    made: Any = SQLModelMetaclass(class_name, (base,), namespace, table=True)
    model: type[SQLModel] = made
    return model


def attribute(column: str) -> str:
    """What the column is called in the class: its name, unless that means something to the class already."""
    taken = column.startswith(("_", "model_")) or keyword.iskeyword(column) or hasattr(SQLModel, column)
    return f"column_{column}" if taken or column == "registry" else column
