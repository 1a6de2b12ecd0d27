"""PostgreSQL's advisory locks, each held until its transaction ends; SQLite has one writer, and that is lock enough.

Used by the files of this room whose rows they guard.
"""

from __future__ import annotations

from enum import IntEnum

from storage.session import Session

_HELD = "the transaction, and the locks that it holds"


class Lock(IntEnum):
    """A transaction takes them in the order of their numbers, and after the rows of the mirror that it writes or reads.

    Two transactions that took them in different orders would wait for each other.
    """

    LOG = 0x6D697272_00000001  #: changes are numbered in the order of their commits
    PREPARE = 0x6D697272_00000002  #: one process at a time prepares the database
    OUTBOX = 0x6D697272_00000003  #: deliveries are owed, leased, settled or skipped
    ACTIONS = 0x6D697272_00000004  #: actions are numbered in the order of their commits
    TREE = 0x6D697272_00000005  #: one process at a time seals


def wait_at_most(session: Session, seconds: float | None) -> None:
    """In this transaction, for any lock on PostgreSQL; None: as long as it takes."""
    if session.dialect == "postgresql":
        session.execute(f"SET LOCAL lock_timeout = {round((seconds or 0) * 1000)}")


def take(session: Session, lock: Lock) -> None:
    """Wait for the lock, so read the clock afterwards. To take it again in the same transaction costs nothing."""
    _ = session.driver  # begins the transaction
    if session.dialect == "sqlite":
        return
    held: frozenset[Lock] = session.info.get(_HELD, frozenset())
    if lock in held:
        return
    if held and max(held) > lock:
        raise RuntimeError(f"the lock {lock.name} is taken after {max(held).name}: turn the two round")
    session.execute("SELECT pg_advisory_xact_lock(%s)", (lock.value,))
    session.info[_HELD] = held | {lock}
