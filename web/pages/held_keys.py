"""The first keys of what scans hold back, for whoever has to decide about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from storage import suspects
from storage.engine import Database

_MOST = 5


def first(database: Database, rows: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Scan -> its first keys; `rows` are resources of `status`."""
    held = [row for row in rows if row["held"]]
    if not held:
        return {}
    with database.read() as session:
        return {
            row["held_scan"]: [
                each.id.key
                for each in suspects.suspects(session, row["source"], row["resource"], limit=_MOST, is_held=True)
            ]
            for row in held
        }
