"""The module that `mirrorpoint models` writes: a SQLModel class for each mirrored table, and one for the change log.

What it writes needs only sqlmodel where it runs, so the few types that both databases need are written out in it.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping

from changes.resources import ColumnType, Resource
from storage import mirror_columns, mirror_tables

#: The first line of what is written; a file that begins so may be written again.
MARK = '"""Written by `mirrorpoint models`'

#: Names that the written module uses itself; neither a class nor a member may take them.
_TAKEN = frozenset(
    [
        *(
            "Any",
            "Base",
            "BigInteger",
            "Boolean",
            "Change",
            "Column",
            "DateTime",
            "Dialect",
            "Decimal",
            "Double",
            "Field",
            "JSONB",
        ),
        *(
            "JsonValue",
            "SQLModel",
            "Text",
            "TypeDecorator",
            "UTC",
            "UtcTime",
            "annotations",
            "bool",
            "cast",
            "datetime",
            "dict",
        ),
        *("float", "int", "json", "list", "number", "optional", "registry", "required", "str", "type_coerce"),
    ]
)

_ANNOTATIONS: Mapping[ColumnType, tuple[str, str]] = {
    ColumnType.TEXT: ("str | None", "Text"),
    ColumnType.INTEGER: ("int | None", "BigInteger"),
    ColumnType.NUMBER: ("float | None", "Double"),
    ColumnType.BOOLEAN: ("bool | None", "Boolean"),
    ColumnType.TIME: ("datetime | None", "UtcTime"),
    ColumnType.JSON: ("Any", "JsonValue"),
}

#: Of SQLAlchemy's names, those that every written module uses.
_ALWAYS = frozenset({"BigInteger", "Column", "DateTime", "Dialect", "Text", "cast", "type_coerce"})

_HEAD = '''{mark} {version}. Do not edit it: write it again after an upgrade or a change of a catalogue.

The tables of a mirror, to be read. Needs sqlmodel, and psycopg for PostgreSQL; nothing of Mirrorpoint.
Times are aware and in UTC on both databases. A column is None where a record does not have the member or its value
does not convert; `document` has the whole record.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

{imports}
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import registry
from sqlalchemy.types import TypeDecorator
from sqlmodel import Field, SQLModel


class UtcTime(TypeDecorator[datetime]):
    """An aware time in UTC; SQLite keeps it as a text without a zone."""

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        return DateTime(timezone=dialect.name == "postgresql")

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        if value is None or value.tzinfo is not None:
            return None if value is None else value.astimezone(UTC)
        return value.replace(tzinfo=UTC)


def number(digits: str) -> float | Decimal:
    return value if Decimal(digits) == Decimal(repr(value := float(digits))) else Decimal(digits)


class JsonValue(TypeDecorator[Any]):
    """JSON: JSONB on PostgreSQL, text on SQLite. A fraction that no float holds exactly is a Decimal."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        return JSONB(none_as_null=True) if dialect.name == "postgresql" else Text()

    def column_expression(self, column: Any) -> Any:
        return type_coerce(cast(column, Text), self)  # drivers would round

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        is_kept = value is None or dialect.name == "postgresql"
        return value if is_kept else json.dumps(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        return None if value is None else json.loads(value, parse_float=number)


def required(name: str, kind: Any, *, is_key: bool = False) -> Any:
    return Field(sa_column=Column(name, kind, primary_key=is_key, nullable=False))


def optional(name: str, kind: Any) -> Any:
    return Field(default=None, sa_column=Column(name, kind, nullable=True))


class Base(SQLModel, registry=registry()):
    """Their metadata is `Base.metadata`, apart from that of your own tables."""
'''

_CHANGE = '''
class Change(Base, table=True):
    """The change log: one row for each difference that was found, never changed afterwards."""

    __tablename__ = "mirrorpoint_change"

    seq: int = required("seq", BigInteger, is_key=True)
    id: str = required("id", Text)
    source: str = required("source", Text)
    resource: str = required("resource", Text)
    parent_key: str = required("parent_key", Text)
    key: str = required("key", Text)
    version: int = required("version", BigInteger)
    kind: str = required("kind", Text)
    changed: list[str] = required("changed", JsonValue)
    previous: dict[str, Any] = required("previous", JsonValue)
    document: Any = optional("document", JsonValue)
    observed_after: datetime | None = optional("observed_after", UtcTime)
    observed_at: datetime = required("observed_at", UtcTime)
    scan_id: str = required("scan_id", Text)
    digest: str = required("digest", Text)
    salt: str | None = optional("salt", Text)
    document_digest: str | None = optional("document_digest", Text)
    previous_digest: str | None = optional("previous_digest", Text)
'''

_BEFORE = """    source: str = required("source", Text, is_key=True)
    parent_key: str = required("parent_key", Text, is_key=True)
    key: str = required("key", Text, is_key=True)
"""
_AFTER = """    document: Any = required("document", JsonValue)
    version: int = required("version", BigInteger)
    fingerprint: str = required("fingerprint", Text)
    first_seen_at: datetime = required("first_seen_at", UtcTime)
    changed_at: datetime = required("changed_at", UtcTime)
    deleted_at: datetime | None = optional("deleted_at", UtcTime)
"""


def module(resources: Iterable[Resource], *, version: str) -> str:
    """The text of the module; the same for the same catalogues and version."""
    listed = list(resources)
    by_name: dict[str, Resource] = {}
    for each in listed:
        by_name.setdefault(each.name, each)
    columns = mirror_columns.united_columns(listed)
    names = class_names(by_name)
    classes = [_class(names[name], by_name[name], columns[name]) for name in sorted(by_name)]
    used = {_ANNOTATIONS[kind][1] for members in columns.values() for kind in members.values()}
    imported = sorted(_ALWAYS | (used & {"Boolean", "Double"}))
    imports = "from sqlalchemy import (\n" + "".join(f"    {name},\n" for name in imported) + ")"
    return "\n".join([_HEAD.format(mark=MARK, version=version, imports=imports), _CHANGE, *classes])


def class_names(tables: Iterable[str]) -> dict[str, str]:
    """Table -> class: `product_groups` is ProductGroups; a name that is taken already gets `Row` behind it."""
    found: dict[str, str] = {}
    for table in sorted(tables):
        name = "".join(word.capitalize() for word in table.split("_")) or table
        if not name.isidentifier():
            name = f"Table{name}"
        while name in _TAKEN or name in found.values() or name in ("True", "False", "None"):
            name += "Row"
        found[table] = name
    return found


def _class(name: str, resource: Resource, columns: Mapping[str, ColumnType]) -> str:
    members = "".join(
        f'    {member_name(column)}: {_ANNOTATIONS[kind][0]} = optional("{column}", {_ANNOTATIONS[kind][1]})\n'
        for column, kind in columns.items()
    )
    head = f'\nclass {name}(Base, table=True):\n{_docstring(resource)}\n\n    __tablename__ = "{resource.name}"\n\n'
    return head + _BEFORE + members + _AFTER


def member_name(column: str) -> str:
    """As `Mirror.model` calls it, and no name that the module uses."""
    name = mirror_tables.attribute(column)
    return f"column_{name}" if name in _TAKEN else name


def _docstring(resource: Resource) -> str:
    """Title and path, of whatever letters they are made."""
    text = f"{resource.title.rstrip('.')}.\n\n{resource.path}"
    lines = [wrapped for line in text.splitlines() for wrapped in textwrap.wrap(_plain(line), 100) or [""]]
    body = "\n".join(f"    {line}".rstrip() for line in lines)
    return f'    """{body.strip()}\n    """'


def _plain(text: str) -> str:
    """Nothing that would end the docstring or mean something in it."""
    printable = "".join(letter if letter.isprintable() else " " for letter in text)
    return printable.replace("\\", "/").replace('"', "'")
