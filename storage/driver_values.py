"""How values are given to the drivers and read from them: UTC times, exact JSON; without the library.

`types.py` says the same to the library.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache

from changes import bodies, fingerprint
from changes.records import Json

#: Where the zone begins in a time with all digits of the second.
_ZONE = len("2026-11-03 09:55:00.123456")


def in_utc(value: datetime) -> datetime:
    """ValueError for a time without a zone."""
    if value.tzinfo is None:
        raise ValueError(f"a time without a zone cannot be stored: {value!r}; give an aware one")
    return value.astimezone(UTC)


def driver_time(dialect: str) -> Callable[[datetime | None], datetime | str | None]:
    """For statements that go to the driver directly: what `UtcDateTime` would give it. One for each page."""
    texts: dict[datetime, str] = {}  # most times of a page are the same

    def of_sqlite(value: datetime | None) -> str | None:
        if value is None:
            return None
        if value not in texts:
            texts[value] = sqlite_time(value)
        return texts[value]

    def of_postgresql(value: datetime | None) -> datetime | None:
        return None if value is None else in_utc(value)

    return of_sqlite if dialect == "sqlite" else of_postgresql


def sqlite_time(value: datetime) -> str:
    """The text that SQLite is given for a time."""
    return _utc_text(in_utc(value))


@lru_cache(maxsize=64)  # what is written together mostly has one time, and to write it out takes longer than all else
def _utc_text(moment: datetime) -> str:
    return moment.isoformat(" ", "microseconds")[:_ZONE]


def from_driver_time(value: datetime | str | None) -> datetime | None:
    """The other way round."""
    if value is None:
        return None
    return datetime.fromisoformat(value).replace(tzinfo=UTC) if isinstance(value, str) else value.astimezone(UTC)


def json_text(value: Json) -> str:
    """What is stored for a JSON value; `bytes` are taken as canonical JSON already."""
    return (value if isinstance(value, bytes) else fingerprint.canonical(value)).decode()


def part_text(value: Json) -> str:
    """The same for what has no other form than the canonical one: see `fingerprint.part`."""
    return fingerprint.part(value).decode()


def parse(text: str | bytes) -> Json:
    """What `json_text` has written, or PostgreSQL from it."""
    return bodies.parse(text)
