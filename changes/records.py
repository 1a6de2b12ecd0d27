"""The values that travel from a page to the change log; used by every other room."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

#: What `orjson.loads` gives.
Json = Any


class Kind(StrEnum):
    """What a change is."""

    SNAPSHOT = "snapshot"
    CREATED = "created"
    UPDATED = "updated"
    DELETED = "deleted"
    RESTORED = "restored"


class Id(NamedTuple):
    """What identifies a record inside its resource; `parent_key` is empty where there is no parent."""

    parent_key: str
    key: str


class Record(NamedTuple):
    """One row of a page, normalised."""

    id: Id
    fingerprint: str
    canonical: bytes  #: the document: UTF-8 JSON, members sorted, secrets sealed
    point: Mapping[str, str] | None = None  #: where it is a point: code, type, url, token in clear, token_local sealed
    parsed: Json = None  #: the document as JSON, where it is at hand


@dataclass(frozen=True, slots=True)
class Batch:
    """The records of one or more pages, each id once."""

    records: tuple[Record, ...]
    skipped: tuple[str, ...] = ()  #: one reason for each row that could not be taken
    doubles: int = 0  #: rows whose id came again in the same batch; the last one won
    repaired: int = 0  #: rows with NUL or lone surrogates in their text, replaced
    unread: tuple[Id, ...] = ()  #: of skipped rows, as far as their keys could be read: those records are there
    unchanged: tuple[Id, ...] = ()  #: rows that are in the mirror as they are here; they are not among `records`
    untouched: int = 0  #: further such rows, of pages that came as they were: their ids are at hand as hashes only
    gone: tuple[Id, ...] = ()  #: rows that say of their records that they are not there any more

    @property
    def ids(self) -> tuple[Id, ...]:
        """Everything that is there, whatever could be taken of it."""
        return (*(record.id for record in self.records), *self.unread, *self.unchanged)


@dataclass(frozen=True, slots=True)
class Known:
    """What the mirror holds of a record, without its document."""

    version: int
    fingerprint: str
    deleted_at: datetime | None


@dataclass(frozen=True, slots=True)
class Stored:
    """What the mirror holds of a record."""

    id: Id
    version: int
    fingerprint: str
    document: Json
    first_seen_at: datetime
    changed_at: datetime
    deleted_at: datetime | None


class Change(NamedTuple):
    """One difference found; a row of `mirrorpoint_change` before it has its `seq`."""

    source: str
    resource: str
    id: Id
    version: int
    kind: Kind
    changed: tuple[str, ...]  #: JSON Pointers
    previous: Mapping[str, Json]  #: JSON Pointer -> old value
    document: Json | None  #: None for deleted
    observed_after: datetime | None
    observed_at: datetime
    scan_id: str
