"""Column types that keep their promise on both databases: UTC times, exact JSON, text compared byte by byte.

Used by the files of `tables.py` and `mirror_tables.py`; the migrations name the same types.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import BigInteger, DateTime, Dialect, Integer, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeDecorator, TypeEngine, UserDefinedType

from changes.records import Json
from storage.driver_values import in_utc, json_text, parse


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC time in Python; timestamptz on PostgreSQL; on SQLite text that sorts as the times do."""

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return DateTime(timezone=dialect.name == "postgresql")

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002  # SQLAlchemy's
        return None if value is None else in_utc(value)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002  # SQLAlchemy's
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class _JsonText(UserDefinedType[str]):
    """SQLite's name for it: with "TEXT" in it, since a column called JSON makes rounded numbers of long integers."""

    cache_ok = True

    def get_col_spec(self, **_: object) -> str:
        return "JSON TEXT"


class JsonColumn(TypeDecorator[Json]):
    """JSON whose integers survive at any length; JSONB on PostgreSQL, text on SQLite. None is SQL NULL."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return JSONB(none_as_null=True) if dialect.name == "postgresql" else _JsonText()

    def process_bind_param(self, value: Json, dialect: Dialect) -> Json:
        # On PostgreSQL the driver is given the value and calls `json_text` itself (see `engine`).
        return value if value is None or dialect.name == "postgresql" else json_text(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> Json:
        return value if value is None or dialect.name == "postgresql" else parse(value)


class KeyText(TypeDecorator[str]):
    """Text that is compared and sorted by its bytes on both databases, so that ranges and prefixes agree."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return Text(collation="C") if dialect.name == "postgresql" else Text()


class BigId(TypeDecorator[int]):
    """A 64-bit number that the database counts up; SQLite does so only for a column called INTEGER."""

    impl = BigInteger
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return Integer() if dialect.name == "sqlite" else BigInteger()
