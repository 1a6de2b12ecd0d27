"""What is gone of mirrored tables that somebody has changed; asked when a statement has missed something."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from changes.resources import FIXED_COLUMNS, Resource
from storage import existing, mirror_columns, mirror_upkeep
from storage.session import Session, cause_of

#: PostgreSQL's codes of a table and of a column that is not there.
_SQLSTATES = ("42P01", "42703")
_SQLITE_SAYS = ("no such table", "no such column", "has no column named")
_MENDED = "`mirrorpoint run` makes it anew within seconds, and so does the next `mirrorpoint sync`"
_MADE_ANEW = "drop the whole table, and `mirrorpoint run` makes it anew with all its records"


def is_of_missing(error: BaseException) -> bool:
    """Whether a statement has failed since it names a table or a column that is not there."""
    cause = cause_of(error)
    if isinstance(cause, sqlite3.OperationalError):
        return any(said in str(cause) for said in _SQLITE_SAYS)
    return getattr(cause, "sqlstate", None) in _SQLSTATES


def told(session: Session, resources: Iterable[Resource]) -> str:
    """The first table or column of the resources that is gone, and what brings it back; empty where all are there."""
    tables = mirror_columns.united_columns(resources)
    there = existing.tables(session)
    for name in tables:
        if name not in there:
            return f"the table {name} is gone: somebody has dropped or renamed it; {_MENDED}"
    whole = {name: dict(mirror_columns.all_columns(typed)) for name, typed in tables.items()}
    for name, lost in mirror_upkeep.unnamed(session, whole).items():
        column = next(iter(lost))
        is_mended = column not in FIXED_COLUMNS or column == "deleted_at"
        cure = _MENDED if is_mended else _MADE_ANEW
        return f"the column {name}.{column} is gone: somebody has dropped or renamed it; {cure}"
    return ""
