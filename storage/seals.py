"""The checkpoints of the two logs, and the hashes of their trees that a proof would take long to compute.

A tree's leaves are the digests of the rows, in the order of their numbers: leaf i is number i + 1. Called by the
steps of tasks/record.
"""

# ruff: noqa: S608  # values are parameters
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from storage import locks, sql
from storage.locks import Lock
from storage.session import Session


class Log(StrEnum):
    """What has a tree of its own."""

    CHANGES = "changes"
    ACTIONS = "actions"


#: Where each log's rows are, and the column of their numbers.
_TABLES: Mapping[Log, tuple[str, str]] = {
    Log.CHANGES: ("mirrorpoint_change", "seq"),
    Log.ACTIONS: ("mirrorpoint_action", "id"),
}


@dataclass(frozen=True, slots=True)
class Seal:
    """A checkpoint as it is stored."""

    size: int
    root: str  #: hexadecimal
    checkpoint: str | None  #: the signed note, where there was a key
    sealed_at: datetime


def lock(session: Session) -> None:
    """Keep sealing to oneself until the transaction ends."""
    locks.take(session, Lock.TREE)


def last(session: Session, log: Log, *, most: int | None = None, signed: bool = False) -> Seal | None:
    """The newest checkpoint, or the newest of at most that size; with `signed` the newest that is signed."""
    which = "log = :log" + " AND size <= :most" * (most is not None) + " AND checkpoint IS NOT NULL" * signed
    text = f"SELECT {_COLUMNS} FROM mirrorpoint_seal WHERE {which} ORDER BY size DESC LIMIT 1"
    found = sql.first(session, text, log=log, most=most)
    return None if found is None else Seal(*found)


def unsealed(session: Session, *, signs: bool) -> list[Log]:
    """The logs with rows behind their newest checkpoint; with `signs` those as well whose newest is not signed.

    In one statement, since it is asked every few seconds, mostly in vain.
    """
    parts = [
        f"SELECT '{log.value}', (SELECT max({number}) FROM {table}), "  # no values from outside
        f"(SELECT max(size) FROM mirrorpoint_seal WHERE log = '{log.value}'), "
        f"(SELECT checkpoint IS NULL FROM mirrorpoint_seal WHERE log = '{log.value}' ORDER BY size DESC LIMIT 1)"
        for log, (table, number) in _TABLES.items()
    ]
    rows = sql.fetch(session, " UNION ALL ".join(parts), ())
    return [Log(log) for log, size, sealed, is_bare in rows if (size or 0) > (sealed or 0) or (signs and is_bare)]


def first_sealed_at(session: Session) -> datetime | None:
    """When the first checkpoint was made; None where there is none."""
    text = 'SELECT sealed_at AS "sealed_at [utc]" FROM mirrorpoint_seal WHERE log = :log ORDER BY size LIMIT 1'
    rows = [sql.first(session, text, log=log) for log in Log]
    return min((row[0] for row in rows if row is not None), default=None)


def read(session: Session, log: Log, *, after_size: int = -1, limit: int = 1000) -> list[Seal]:
    """The next checkpoints behind that size, the smallest first."""
    text = f"""
        SELECT {_COLUMNS} FROM mirrorpoint_seal WHERE log = :log AND size > :after_size ORDER BY size LIMIT :limit
    """
    return [Seal(*row) for row in sql.rows(session, text, log=log, after_size=after_size, limit=limit)]


def add(session: Session, log: Log, seal: Seal) -> None:
    """Store a checkpoint; one of that size that is there already stays."""
    row = (log, seal.size, seal.root, seal.checkpoint, seal.sealed_at)
    sql.add_new(session, "mirrorpoint_seal", ("log", "size", "root", "checkpoint", "sealed_at"), [row])


def sign(session: Session, log: Log, size: int, checkpoint: str) -> None:
    """Give a checkpoint its signatures, where it had none."""
    text = """
        UPDATE mirrorpoint_seal SET checkpoint = :checkpoint
        WHERE log = :log AND size = :size AND checkpoint IS NULL
    """
    sql.change(session, text, log=log, size=size, checkpoint=checkpoint)


def size(session: Session, log: Log) -> int:
    """The highest number in the log."""
    table, number = _TABLES[log]
    return int(sql.value(session, f"SELECT max({number}) FROM {table}", ()) or 0)


def digests(session: Session, log: Log, start: int, end: int) -> Sequence[tuple[int, str]]:
    """Number and digest of the rows that are leaves `start` to `end`, exclusive: numbers `start` + 1 to `end`."""
    table, number = _TABLES[log]
    text = f"SELECT {number}, digest FROM {table} WHERE {number} > :start AND {number} <= :end ORDER BY {number}"
    return sql.rows(session, text, start=start, end=end)


def tiles(session: Session, log: Log, level: int, start: int, end: int) -> Sequence[tuple[int, str]]:
    """Number and root of the complete parts `start` to `end`, exclusive, of that level."""
    text = """
        SELECT number, root FROM mirrorpoint_tile
        WHERE log = :log AND level = :level AND number >= :start AND number < :end
        ORDER BY number
    """
    return sql.rows(session, text, log=log, level=level, start=start, end=end)


def add_tiles(session: Session, log: Log, found: Sequence[tuple[int, int, str]]) -> None:
    """Store level, number and root of parts that are complete now."""
    rows = [(log, *tile) for tile in found]
    sql.add_new(session, "mirrorpoint_tile", ("log", "level", "number", "root"), rows)


_COLUMNS = 'size, root, checkpoint, sealed_at AS "sealed_at [utc]"'
