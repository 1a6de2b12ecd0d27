"""Whether a database can be written just now: the lock that a writer needs is taken, and given back at once.

Called by the health of `serve`, and by the metrics.
"""

from __future__ import annotations

from storage import locks
from storage.engine import BUSY_TIMEOUT_SECONDS, Database
from storage.errors import DatabaseTrouble
from storage.session import Session

#: It finds no row, and asks for all that a writer of one needs; a server that only reads refuses it.
_WRITE = "UPDATE mirrorpoint_installation SET value = value WHERE 1 = 0"


def check(database: Database, *, seconds: float = 1.0) -> None:
    """Nothing is changed. DatabaseTrouble: it could not be written within that time."""
    try:
        with database.read() as session:
            _wait_at_most(session, seconds)
            try:
                session.execute(_WRITE)
            finally:
                session.rollback()
                if session.dialect == "sqlite":  # the connection is used again; PostgreSQL forgets it by itself
                    _wait_at_most(session, BUSY_TIMEOUT_SECONDS)
    except DatabaseTrouble as error:
        said = f"nothing could be written within {seconds:g} s: {error.message}"
        raise DatabaseTrouble(said, "see what holds it, and whether its disk is full or it only reads") from error


def _wait_at_most(session: Session, seconds: float) -> None:
    milliseconds = round(seconds * 1000)
    if session.dialect == "sqlite":
        session.execute(f"PRAGMA busy_timeout = {milliseconds}")
        return
    locks.wait_at_most(session, seconds)
    session.execute(f"SET LOCAL statement_timeout = {milliseconds}")
