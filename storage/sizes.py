"""How large the database is, and how much room is left beside it; told by `status`."""

from __future__ import annotations

import shutil
from pathlib import Path

from storage import sql
from storage.engine import Database
from storage.session import Session


def of(session: Session, database: Database) -> dict[str, int | None]:
    """`bytes`; of an SQLite file also `free_bytes` and `disk_bytes` of its disk, else null."""
    if database.dialect == "postgresql":
        size = sql.value(session, "SELECT pg_database_size(current_database())")
        return {"bytes": int(size or 0), "free_bytes": None, "disk_bytes": None}
    file = Path(str(database.url.database))
    parts = [file, file.with_name(file.name + "-wal")]
    usage = shutil.disk_usage(file.parent)
    size = sum(part.stat().st_size for part in parts if part.exists())
    return {"bytes": size, "free_bytes": usage.free, "disk_bytes": usage.total}
