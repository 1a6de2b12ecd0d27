"""Makes the bytes of what was erased leave PostgreSQL's tables: each is written anew, and so is what the planner kept.

A plain VACUUM lets the space be used again, and leaves in it what stood there. Called by the command `erase` when the
erasure is committed; other processes wait meanwhile.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from storage import mirror_sql
from storage.engine import Database

#: How long is waited for others, for each table.
PATIENCE_SECONDS = 60.0
#: Whoever comes later waits behind us: so a long query of others is waited for in short pieces.
_AT_A_TIME = "5s"
#: Values of each column, for the planner; belongs to the database's owner.
_STATISTICS = "pg_statistic"
#: Lock not available, query canceled, deadlock.
_OTHERS = ("55P03", "57014", "40P01")
_FILE = "SELECT pg_relation_filenode(to_regclass(quote_ident(%s)))"
_SIZE = (
    "SELECT coalesce(sum(pg_total_relation_size(to_regclass(quote_ident(name)))), 0) FROM unnest(%s::text[]) AS name"
)


def size(database: Database, tables: Sequence[str]) -> int:
    """Bytes that `clean` writes anew."""
    with database.engine.connect() as connection:
        return int(connection.exec_driver_sql(_SIZE, (list(tables),)).scalar() or 0)


def clean(
    database: Database,
    tables: Sequence[str],
    *,
    on_wait: Callable[[], None],
    patience_seconds: float = PATIENCE_SECONDS,
) -> list[str]:
    """Write the tables anew; what could not be done, a sentence each with the statement that does it."""
    left = []
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql(f"SET lock_timeout = '{_AT_A_TIME}'")
        try:
            # The planner's own table comes last: what it kept of the others is replaced by then.
            for name in (*tables, _STATISTICS):
                problem = _write_anew(connection, name, on_wait, time.monotonic() + patience_seconds)
                if problem:
                    left.append(f"the table {name} could not be written anew: {problem}")
        finally:
            connection.exec_driver_sql("SET lock_timeout = DEFAULT")
    return left


def _write_anew(connection: Connection, name: str, on_wait: Callable[[], None], deadline: float) -> str | None:
    """The problem, and the statement that a person can run."""
    table = mirror_sql.quoted(name, "postgresql")
    statement = f"VACUUM (FULL, ANALYZE) {table}"
    before = connection.exec_driver_sql(_FILE, (name,)).scalar()
    if before is None:  # somebody has dropped it
        return None
    problem = _patiently(connection, statement, on_wait, deadline)
    if problem is None and connection.exec_driver_sql(_FILE, (name,)).scalar() == before:
        problem = "the user of storage.url is not its owner"  # PostgreSQL only warns
    return None if problem is None else f"{problem}; `{statement.replace('%%', '%')}` in psql does it"


def _patiently(connection: Connection, statement: str, on_wait: Callable[[], None], deadline: float) -> str | None:
    """Until nobody is in the way any more, or the patience is over; the problem that is left."""
    has_told = False
    while True:
        try:
            connection.exec_driver_sql(statement)
            return None
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) not in _OTHERS:
                return (str(error.orig).strip().splitlines() or ["no reason given"])[0]
        if time.monotonic() > deadline:
            return "others are at work on it"
        if not has_told:
            on_wait()
            has_told = True
