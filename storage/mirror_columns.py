"""Which columns the tables of mirrored resources have, and what they are called in the databases.

Used by the files of this room that read and make these tables; `mirror_tables.py` says the same to SQLModel.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from changes.resources import ColumnType, Resource
from storage.errors import ColumnMismatch

Columns = tuple[tuple[str, ColumnType], ...]

#: Before the columns that the catalogue gives.
IDENTITY: Columns = (("source", ColumnType.TEXT), ("parent_key", ColumnType.TEXT), ("key", ColumnType.TEXT))
#: Behind them.
REST: Columns = (
    ("document", ColumnType.JSON),
    ("version", ColumnType.INTEGER),
    ("fingerprint", ColumnType.TEXT),
    ("first_seen_at", ColumnType.TIME),
    ("changed_at", ColumnType.TIME),
    ("deleted_at", ColumnType.TIME),
)
_TYPE_NAMES: Mapping[str, Mapping[ColumnType, str]] = {
    "sqlite": {
        ColumnType.TEXT: "TEXT",
        ColumnType.INTEGER: "BIGINT",
        ColumnType.NUMBER: "DOUBLE",
        ColumnType.BOOLEAN: "BOOLEAN",
        ColumnType.TIME: "DATETIME",
        ColumnType.JSON: "JSON TEXT",
    },
    "postgresql": {
        ColumnType.TEXT: "TEXT",
        ColumnType.INTEGER: "BIGINT",
        ColumnType.NUMBER: "DOUBLE PRECISION",
        ColumnType.BOOLEAN: "BOOLEAN",
        ColumnType.TIME: "TIMESTAMP WITH TIME ZONE",
        ColumnType.JSON: "JSONB",
    },
}


def typed_columns(resource: Resource) -> dict[str, ColumnType]:
    """SQL column -> type, in the catalogue's order."""
    names = resource.column_names()
    return {names[member]: kind for member, kind in resource.columns.items()}


def united_columns(resources: Iterable[Resource]) -> dict[str, dict[str, ColumnType]]:
    """Table -> its columns; resources of several catalogues that share a table have all their columns in it."""
    tables: dict[str, dict[str, ColumnType]] = {}
    for resource in {id(each): each for each in resources}.values():  # sources may share what a catalogue says
        columns = tables.setdefault(resource.name, {})
        for name, kind in typed_columns(resource).items():
            if columns.setdefault(name, kind) != kind:
                raise ColumnMismatch(
                    f"two catalogues disagree on {resource.name}.{name}: {columns[name]} and {kind}",
                    "give the column one type in both, or call one of the resources something else",
                )
    return tables


def all_columns(typed: Mapping[str, ColumnType]) -> Columns:
    """All columns of the table that has these typed ones, in its order."""
    return (*IDENTITY, *typed.items(), *REST)


def type_name(column: str, kind: ColumnType, dialect: str) -> str:
    """What the database calls the column's type, without its collation."""
    if column == "version":  # never as large as what a catalogue calls an integer
        return "INTEGER"
    return _TYPE_NAMES[dialect][kind]
