"""The checkpoints of the two logs, and the hashes of their trees that a proof would take long to compute.

A tree's leaves are the digests of the rows, in the order of their numbers: leaf i is number i + 1. Called by the
steps of tasks/record.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import select, update
from sqlmodel import Session, col

from storage import locks, sql
from storage.locks import Lock
from storage.tables import SealRow, TileRow


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
    which = [col(SealRow.log) == log.value]
    if most is not None:
        which.append(col(SealRow.size) <= most)
    if signed:
        which.append(col(SealRow.checkpoint).is_not(None))
    found = sql.run(session, select(*_COLUMNS).where(*which).order_by(col(SealRow.size).desc()).limit(1)).first()
    return None if found is None else Seal(*found)


def unsealed(session: Session, *, signs: bool) -> list[Log]:
    """The logs with rows behind their newest checkpoint; with `signs` those as well whose newest is not signed.

    In one statement, since it is asked every few seconds, mostly in vain.
    """
    parts = [
        f"SELECT '{log.value}', (SELECT max({number}) FROM {table}), "  # noqa: S608  # no values from outside
        f"(SELECT max(size) FROM mirrorpoint_seal WHERE log = '{log.value}'), "
        f"(SELECT checkpoint IS NULL FROM mirrorpoint_seal WHERE log = '{log.value}' ORDER BY size DESC LIMIT 1)"
        for log, (table, number) in _TABLES.items()
    ]
    rows = sql.fetch(session, " UNION ALL ".join(parts), ())
    return [Log(log) for log, size, sealed, is_bare in rows if (size or 0) > (sealed or 0) or (signs and is_bare)]


def first_sealed_at(session: Session) -> datetime | None:
    """When the first checkpoint was made; None where there is none."""
    first = select(col(SealRow.sealed_at)).order_by(col(SealRow.log), col(SealRow.size)).limit(1)
    rows = [sql.run(session, first.where(col(SealRow.log) == log.value)).scalar() for log in Log]
    return min((at for at in rows if at is not None), default=None)


def read(session: Session, log: Log, *, after_size: int = -1, limit: int = 1000) -> list[Seal]:
    """The next checkpoints behind that size, the smallest first."""
    which = (col(SealRow.log) == log.value, col(SealRow.size) > after_size)
    rows = sql.run(session, select(*_COLUMNS).where(*which).order_by(col(SealRow.size)).limit(limit))
    return [Seal(*row) for row in rows]


def add(session: Session, log: Log, seal: Seal) -> None:
    """Store a checkpoint; one of that size that is there already stays."""
    values = {
        "log": log.value,
        "size": seal.size,
        "root": seal.root,
        "checkpoint": seal.checkpoint,
        "sealed_at": seal.sealed_at,
    }
    sql.run(session, sql.insert(session, SealRow).values(values).on_conflict_do_nothing())


def sign(session: Session, log: Log, size: int, checkpoint: str) -> None:
    """Give a checkpoint its signatures, where it had none."""
    unsigned = (col(SealRow.log) == log.value, col(SealRow.size) == size, col(SealRow.checkpoint).is_(None))
    sql.run(session, update(SealRow).where(*unsigned).values(checkpoint=checkpoint))


def size(session: Session, log: Log) -> int:
    """The highest number in the log."""
    table, number = _TABLES[log]
    return int(sql.run_text(session, f"SELECT max({number}) FROM {table}", ()).scalar() or 0)  # noqa: S608


def digests(session: Session, log: Log, start: int, end: int) -> Sequence[tuple[int, str]]:
    """Number and digest of the rows that are leaves `start` to `end`, exclusive: numbers `start` + 1 to `end`."""
    table, number = _TABLES[log]
    mark = sql.mark(sql.dialect(session))
    text = (
        f"SELECT {number}, digest FROM {table} WHERE {number} > {mark} AND {number} <= {mark}"  # noqa: S608
        f" ORDER BY {number}"
    )
    return sql.fetch(session, text, (start, end))


def tiles(session: Session, log: Log, level: int, start: int, end: int) -> list[tuple[int, str]]:
    """Number and root of the complete parts `start` to `end`, exclusive, of that level."""
    which = (col(TileRow.log) == log.value, col(TileRow.level) == level)
    number = col(TileRow.number)
    statement = select(number, col(TileRow.root)).where(*which, number >= start, number < end).order_by(number)
    return [(int(row[0]), str(row[1])) for row in sql.run(session, statement)]


def add_tiles(session: Session, log: Log, found: Sequence[tuple[int, int, str]]) -> None:
    """Store level, number and root of parts that are complete now."""
    if found:
        rows = [{"log": log.value, "level": level, "number": number, "root": root} for level, number, root in found]
        sql.run(session, sql.insert(session, TileRow).on_conflict_do_nothing(), rows)


_COLUMNS = (col(SealRow.size), col(SealRow.root), col(SealRow.checkpoint), col(SealRow.sealed_at))
