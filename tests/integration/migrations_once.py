"""What the migrations make of a new SQLite database, made by them once and then by the same statements at once.

A new database is what most tests begin with. Alembic takes 100 ms for it, the statements take 5.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

from storage import prepare
from storage.engine import Database
from storage.session import Session

_migrate = prepare._migrate


class Recorded:
    """Stands in for the function that migrates."""

    def __init__(self, folder: Path) -> None:
        file = folder / "migrated.db"
        database = Database(f"sqlite:///{file}")
        with database.write() as session:
            _migrate(session, database, None)
        database.dispose()
        connection = sqlite3.connect(file)
        self._statements = [each for each in connection.iterdump() if not each.startswith(("BEGIN", "COMMIT"))]
        connection.close()

    def migrate(self, session: Session, database: Database, revision: str | None) -> Any:
        """The recorded statements for a new SQLite database; all others are migrated."""
        if database.dialect != "sqlite" or revision is not None:
            return _migrate(session, database, revision)
        for statement in self._statements:
            session.execute(statement)
        return None
