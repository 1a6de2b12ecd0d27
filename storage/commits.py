"""Whether anything was committed since the last look; on SQLite, where that costs less than any statement on a table.

Used by a process that looks every second and seldom finds anything.
"""

from __future__ import annotations

import sqlite3
import weakref
from pathlib import Path

from storage import sqlite_files
from storage.engine import BUSY_TIMEOUT_SECONDS, Database
from storage.errors import DatabaseEmpty


class Commits:
    """Of all other connections, in whatever process. For one thread."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._connection: sqlite3.Connection | None = None
        self._version: int | None = None

    def have_come(self) -> bool:
        """True where nothing can be known: at the first look, on PostgreSQL, in trouble."""
        if self.database.dialect != "sqlite":
            return True
        before = self._version
        try:
            if self._connection is None:
                before, file = None, Path(str(self.database.url.database))
                self._connection = sqlite_files.open_to_read(file, busy_seconds=BUSY_TIMEOUT_SECONDS)
                weakref.finalize(self, self._connection.close)
            (self._version,) = self._connection.execute("PRAGMA data_version").fetchone()
        except (sqlite3.Error, DatabaseEmpty):  # whoever reads then finds out what it is
            self.close()
            return True
        return before is None or self._version != before

    def close(self) -> None:
        """The next look is a first one."""
        if self._connection is not None:
            self._connection.close()
        self._connection, self._version = None, None
