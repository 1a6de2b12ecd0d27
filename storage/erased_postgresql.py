"""Makes the bytes of what was erased leave PostgreSQL's tables: each is written anew, and so is what the planner kept.

A plain VACUUM lets the space be used again, and leaves in it what stood there. Called by the command `erase` when the
erasure is committed; other processes wait meanwhile.

Even VACUUM FULL takes along what a transaction that began before the erasure may still read, whatever table that one
reads. So their end is waited for, and PostgreSQL is asked how many such rows there were in each table.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg.errors import Diagnostic

from storage import mirror_sql, sql
from storage.engine import Database
from storage.postgresql_sessions import LOCK_SECONDS

#: How long is waited for others, for each table.
PATIENCE_SECONDS = 60.0
#: Whoever comes later waits behind us: so a long query of others is waited for in short pieces.
_AT_A_TIME = "5s"
#: Values of each column, for the planner; belongs to the database's owner.
_STATISTICS = "pg_statistic"
#: Transactions of this database that are open: each holds a lock on itself, which every user may see.
_OPEN = """
SELECT virtualtransaction FROM pg_locks WHERE locktype = 'virtualxid' AND mode = 'ExclusiveLock'
AND pid IN (SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid())
"""
_LOOK_AGAIN_SECONDS = 0.5
#: So often a table is written anew where others have updated it meanwhile, and still see what was there before.
_TRIES = 4
#: Lock not available, query canceled, deadlock.
_OTHERS = ("55P03", "57014", "40P01")
_FILE = "SELECT pg_relation_filenode(to_regclass(quote_ident(%s)))"
_SIZE = (
    "SELECT coalesce(sum(pg_total_relation_size(to_regclass(quote_ident(name)))), 0) FROM unnest(%s::text[]) AS name"
)


def size(database: Database, tables: Sequence[str]) -> int:
    """Bytes that `clean` writes anew."""
    with database.read() as session:
        return int(sql.value(session, _SIZE, (list(tables),)) or 0)


def clean(
    database: Database,
    tables: Sequence[str],
    *,
    on_wait: Callable[[], None],
    patience_seconds: float = PATIENCE_SECONDS,
) -> list[str]:
    """Write the tables anew; what could not be done, a sentence each with the statement that does it."""
    left = []
    with database.outside_transactions() as connection:
        connection.execute(f"SET lock_timeout = '{_AT_A_TIME}'")
        try:
            have_ended = _have_ended(connection, on_wait, patience_seconds)
            # The planner's own table comes last: what it kept of the others is replaced by then.
            for name in (*tables, _STATISTICS):
                tries = _TRIES if have_ended else 1
                problem = _write_anew(connection, name, on_wait, patience_seconds, tries=tries)
                if problem:
                    left.append(f"the table {name} could not be written anew: {problem}")
        finally:
            connection.execute(f"SET lock_timeout = '{LOCK_SECONDS}s'")
    return left


def _have_ended(connection: psycopg.Connection[Any], on_wait: Callable[[], None], patience_seconds: float) -> bool:
    """Wait for the transactions that are open now: they may read what was there before the erasure."""
    deadline, has_told = time.monotonic() + patience_seconds, False
    older = {name for (name,) in connection.execute(_OPEN)}
    while older:
        if time.monotonic() > deadline:
            return False
        if not has_told:
            on_wait()
            has_told = True
        time.sleep(_LOOK_AGAIN_SECONDS)
        older.intersection_update(name for (name,) in connection.execute(_OPEN))
    return True


def _write_anew(
    connection: psycopg.Connection[Any],
    name: str,
    on_wait: Callable[[], None],
    patience_seconds: float,
    *,
    tries: int = 1,
) -> str | None:
    """The problem, and the statement that a person can run."""
    table = mirror_sql.quoted(name, "postgresql")
    before = _file(connection, name)
    if before is None:  # somebody has dropped it
        return None
    with _said(connection) as said:
        for number in range(tries):
            if number:
                time.sleep(_LOOK_AGAIN_SECONDS)
            said.clear()
            deadline = time.monotonic() + patience_seconds
            problem = _patiently(connection, f"VACUUM (FULL, VERBOSE, ANALYZE) {table}", on_wait, deadline)
            if problem is None and _file(connection, name) == before:
                problem = "the user of storage.url is not its owner"  # PostgreSQL only warns
            if problem is not None:
                break
            if not _holds_what_others_may_read(said):
                return None
            problem = "a transaction that is open still may read what is gone from it"
    return f"{problem}; `VACUUM (FULL, ANALYZE) {table.replace('%%', '%')}` in psql does it"


def _file(connection: psycopg.Connection[Any], name: str) -> int | None:
    """Where the server keeps the table."""
    found: int | None = connection.execute(_FILE, (name,)).fetchall()[0][0]
    return found


@contextmanager
def _said(connection: psycopg.Connection[Any]) -> Iterator[list[str]]:
    """What PostgreSQL says meanwhile of its work, in the language of its server."""
    said = list[str]()

    def take(diagnostic: Diagnostic) -> None:
        said.append(diagnostic.message_detail or "")

    connection.add_notice_handler(take)
    try:
        yield said
    finally:
        connection.remove_notice_handler(take)


def _holds_what_others_may_read(said: Sequence[str]) -> bool:
    """VACUUM FULL says in one detail how many rows are dead and had to be taken along, before any other number."""
    numbers = [found[0] for each in said if (found := re.search(r"\d+", each))]
    return not numbers or any(int(number) for number in numbers)


def _patiently(
    connection: psycopg.Connection[Any], statement: str, on_wait: Callable[[], None], deadline: float
) -> str | None:
    """Until nobody is in the way any more, or the patience is over; the problem that is left."""
    has_told = False
    while True:
        try:
            connection.execute(statement, ())  # so that the marks are read
            return None
        except psycopg.Error as error:
            if error.sqlstate not in _OTHERS:
                return (str(error).strip().splitlines() or ["no reason given"])[0]
        if time.monotonic() > deadline:
            return "others are at work on it"
        if not has_told:
            on_wait()
            has_told = True
