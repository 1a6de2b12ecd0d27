"""Makes the bytes of what was erased leave the SQLite file and its log: SQLite marks a place as free, and keeps it.

Called by the command `erase` when the erasure is committed; other processes may be at work meanwhile.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from storage.session import Session
from storage.sqlite_files import WAL, beside

#: How long is waited for other processes, for each of the two steps.
PATIENCE_SECONDS = 60.0
_LOOK_AGAIN_SECONDS = 0.2
#: Steps of SQLite's machine after which Ctrl-C is looked for.
_STEPS = 100_000
_BUSY = "another process reads or writes it"
_OTHERS = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def overwrite(session: Session) -> None:
    """What this connection frees from now on is overwritten; what others freed before is not."""
    if session.dialect == "sqlite":
        session.execute("PRAGMA secure_delete = ON")


def clean(file: Path, *, on_wait: Callable[[], None], patience_seconds: float = PATIENCE_SECONDS) -> list[str]:
    """Write the file anew and empty its log; what could not be done, a sentence each.

    Older copies of a row may lie anywhere in the free parts of the file, so overwriting the last one is not enough.
    """
    # A connection of its own: those of the pool would build the new file in memory.
    with closing(sqlite3.connect(file, timeout=_LOOK_AGAIN_SECONDS, isolation_level=None)) as connection:
        connection.set_progress_handler(lambda: 0, _STEPS)
        left = []
        problem = _patiently(lambda: _vacuum(connection), on_wait, patience_seconds)
        if problem:
            left.append(f"{file} could not be written anew: {problem}")
        problem = _patiently(lambda: _empty_log(connection), on_wait, patience_seconds)
        if problem:
            left.append(f"{beside(file, WAL)} could not be emptied: {problem}")
        return left


def empty_log(file: Path) -> bool:
    """Empty the log where nobody is in the way at this moment; whether it is."""
    with closing(sqlite3.connect(file, timeout=_LOOK_AGAIN_SECONDS, isolation_level=None)) as connection:
        return _patiently(lambda: _empty_log(connection), lambda: None, 0.0) is None


def _vacuum(connection: sqlite3.Connection) -> str | None:
    connection.execute("VACUUM")
    return None


def _empty_log(connection: sqlite3.Connection) -> str | None:
    """SQLite answers with a row whose first value says whether somebody was in the way."""
    (is_busy, *_) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return _BUSY if is_busy else None


def _patiently(step: Callable[[], str | None], on_wait: Callable[[], None], patience_seconds: float) -> str | None:
    """Until nobody is in the way any more, or the patience is over; the problem that is left."""
    deadline, has_told = time.monotonic() + patience_seconds, False
    while True:
        try:
            problem = step()
        except sqlite3.OperationalError as error:
            code = error.sqlite_errorcode & 0xFF
            if code == sqlite3.SQLITE_INTERRUPT:
                raise KeyboardInterrupt from None
            if code not in _OTHERS:
                return str(error)
            problem = _BUSY
        if problem is None or time.monotonic() > deadline:
            return problem
        if not has_told:
            on_wait()
            has_told = True
        time.sleep(_LOOK_AGAIN_SECONDS)
