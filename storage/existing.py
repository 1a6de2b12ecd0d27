"""Which tables the database has; asked before tables are read that may not be there yet, or not any more."""

from __future__ import annotations

from storage import sql
from storage.session import Session

_HAS_TABLE = {
    "sqlite": "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = ?",
    "postgresql": "SELECT count(to_regclass(quote_ident(%s)))",
}


_TABLES = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'table'",
    "postgresql": "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND pg_table_is_visible(oid)",
}


def tables(session: Session) -> set[str]:
    """The names of all that there are."""
    return {name for (name,) in session.execute(_TABLES[session.dialect])}


def has_table(session: Session, name: str) -> bool:
    """Whether there is a table of that name."""
    return bool(sql.value(session, _HAS_TABLE[session.dialect], (name,)))
