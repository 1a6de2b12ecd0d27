"""The kinds of columns that bookkeeping tables have, by short names; used by the files of `tables.py` alone."""

from __future__ import annotations

from typing import Any

import sqlalchemy
from sqlmodel import Field

from storage.types import BigId, JsonColumn, KeyText, UtcDateTime


def key(**more: Any) -> Any:
    """Compared and sorted by its bytes."""
    return Field(sa_type=KeyText, **more)


def text(**more: Any) -> Any:
    """Text of any length."""
    return Field(sa_type=sqlalchemy.Text, **more)


def time(**more: Any) -> Any:
    """Aware in Python, UTC."""
    return Field(sa_type=UtcDateTime, **more)


def json(**more: Any) -> Any:
    """Exact JSON."""
    return Field(sa_type=JsonColumn, **more)


def number(**more: Any) -> Any:
    """64 bits."""
    return Field(sa_type=BigId, **more)


def count() -> Any:
    """A number that begins at 0, also for statements that do not name it."""
    return Field(default=0, sa_column_kwargs={"server_default": "0"})


def options() -> Any:
    """A JSON object that is empty at first, also for statements that do not name it."""
    return Field(sa_type=JsonColumn, nullable=False, default_factory=dict, sa_column_kwargs={"server_default": "{}"})


def where(condition: str) -> dict[str, Any]:
    """The condition of a partial index."""
    return {"sqlite_where": sqlalchemy.text(condition), "postgresql_where": sqlalchemy.text(condition)}
