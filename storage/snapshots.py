"""Short looks at the database over one connection, each of which sees one state; for who reads all that there is.

No look is long: while one lasts, PostgreSQL cleans nothing up and SQLite's write-ahead log cannot begin anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection
from sqlmodel import Session


@contextmanager
def look(connection: Connection) -> Iterator[Session]:
    """A session that sees one state and keeps nothing; the connection stays open behind it."""
    with Session(connection, expire_on_commit=False) as session:
        yield session
