"""Column types that keep their promise on both databases: UTC times, exact JSON, text compared byte by byte.

Used by `tables.py` and `mirror_tables.py`; the migrations name the same types.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import BigInteger, DateTime, Dialect, Integer, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeDecorator, TypeEngine

from changes.records import Json


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC time in Python; timestamptz on PostgreSQL; on SQLite text that sorts as the times do."""

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return DateTime(timezone=dialect.name == "postgresql")

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"a time without a zone cannot be stored: {value!r}; give an aware one")
        in_utc = value.astimezone(UTC)
        # SQLAlchemy's SQLite text has no zone; leaving it on would change nothing but hide that it is dropped.
        return in_utc if dialect.name == "postgresql" else in_utc.replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002  # SQLAlchemy's
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def sqlite_time(value: datetime) -> str:
    """The text that `UtcDateTime` writes on SQLite, for statements that go to the driver directly."""
    if value.tzinfo is None:
        raise ValueError(f"a time without a zone cannot be stored: {value!r}; give an aware one")
    return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f") if value.year >= 1000 else _early(value)


def _early(value: datetime) -> str:
    # strftime leaves out the leading zeros of years before 1000 on some systems; such text would not sort.
    return value.astimezone(UTC).replace(tzinfo=None).isoformat(sep=" ", timespec="microseconds")


def json_text(value: Json) -> str:
    """What is stored for a JSON value; `bytes` are taken as canonical JSON already."""
    from changes import fingerprint

    return (value if isinstance(value, bytes) else fingerprint.canonical(value)).decode()


def parse(text: str | bytes) -> Json:
    """What `json_text` has written, or PostgreSQL from it."""
    from changes import normalise

    return normalise.parse(text.encode() if isinstance(text, str) else text)


class JsonColumn(TypeDecorator[Json]):
    """JSON whose integers survive at any length; JSONB on PostgreSQL, text on SQLite. None is SQL NULL."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return JSONB(none_as_null=True) if dialect.name == "postgresql" else Text()

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
