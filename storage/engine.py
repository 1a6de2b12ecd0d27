"""A database and its sessions, for SQLite and PostgreSQL.

Made by worker/bootstrap.py; a step opens `read()` or `write()` and hands the session to the other files of this room.
"""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any

from storage import sqlite_files, urls
from storage.connections import Connections, Opened
from storage.errors import DatabaseRefused, DatabaseTrouble, StorageError
from storage.session import Session, cause_of, failures
from storage.sqlalchemy_bridge import Bridge, Watcher

#: How long a statement waits for another process's write on SQLite.
BUSY_TIMEOUT_SECONDS = 30
#: PostgreSQL ended a transaction that did nothing for too long, or that was too long.
_TOO_SLOW = ("25P03", "25P04")
#: Its classes of errors that another try may overcome: connection, rollback, resources, lock, operator,
#: system; and those that a person must settle outside the program: credentials, no such database.
_TROUBLE_CLASSES = ("08", "40", "53", "55", "57", "58", "XX", "28", "3D", *_TOO_SLOW)
#: PostgreSQL says these of a statement that is right; the server, or the user's rights, do not let it through.
_FORBIDDEN = {
    "42501": "give the user of storage.url the right to create tables in this schema, and to read and write them",
    "25006": "this session only reads, as after a failover: the next try opens new ones. If it stays so, "
    "storage.url names a server or a user that may not write, or default_transaction_read_only is on",
}
_MAY_NOT_READ = "let the user of storage.url read: GRANT SELECT ON ALL TABLES IN SCHEMA public TO …"
#: After these what other sessions say is worth nothing either: they lead to a server that has changed its part or ends.
_SESSIONS_END = ("25006", "08", "57P")


#: Gives a session that sees one state and keeps nothing.
Look = Callable[[], AbstractContextManager[Session]]


class Database:
    """A database by its URL; nothing is opened before the first session, and each process opens its own.

    With `only_reads` its sessions cannot write, and nothing is made where no database is: `DatabaseEmpty`.
    """

    def __init__(self, url: str, *, only_reads: bool = False) -> None:
        self.url = urls.usable(url)
        self.dialect = self.url.dialect  #: "sqlite" or "postgresql"
        self.name = self.url.text()  #: for messages, without its password
        self.only_reads = only_reads
        self.watchers: list[Watcher] = []  #: each is told all statements
        self._bridge = Bridge(self.dialect, self.watchers)
        self._begin_reading, self._begin_looking, self._begin_writing = "BEGIN", "BEGIN", "BEGIN IMMEDIATE"
        if self.dialect == "sqlite":
            is_at_rest = sqlite_files.is_at_rest
            self._connections = Connections(self.name, self._open_file, is_at_rest=is_at_rest, keeps=not only_reads)
            return
        from storage import postgresql_sessions

        threshold = urls.prepare_threshold(self.url)
        self._connections = Connections(
            self.name,
            lambda: postgresql_sessions.connect(
                self.url.connecting(), name=self.name, prepare_threshold=threshold, only_reads=self.only_reads
            ),
            is_at_rest=postgresql_sessions.is_at_rest,
            is_alive=postgresql_sessions.is_alive,
        )
        # Whatever the server's default is.
        self._begin_reading = "BEGIN ISOLATION LEVEL READ COMMITTED" + " READ ONLY" * self.only_reads
        self._begin_looking = "BEGIN ISOLATION LEVEL REPEATABLE READ" + " READ ONLY" * self.only_reads
        self._begin_writing = self._begin_reading

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session that sees one state and keeps nothing."""
        with self._trouble_told(), self._opened() as opened, self._session(opened, self._begin_reading) as session:
            yield session

    @contextmanager
    def snapshot(self) -> Iterator[Session]:
        """The same for many statements: all see the database as the first of them does, however long they take."""
        # SQLite's transactions are so by themselves.
        with self._trouble_told(), self._opened() as opened, self._session(opened, self._begin_looking) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A session whose work is committed at the end of the block, or not at all when an exception leaves it."""
        with self._trouble_told(), self._opened() as opened, self._session(opened, self._begin_writing) as session:
            yield session
            session.commit()

    @contextmanager
    def kept_open(self) -> Iterator[Look]:
        """For many short looks over one connection: to open one anew takes longer than some of them do.

        No look is long: while one lasts, PostgreSQL cleans nothing up and SQLite's log cannot begin anew.
        """
        with self._trouble_told(), self._opened() as opened:
            yield lambda: self._session(opened, self._begin_looking)

    @contextmanager
    def outside_transactions(self) -> Iterator[Any]:
        """The driver's connection, for statements that PostgreSQL lets run in no transaction."""
        with self._trouble_told(), self._opened() as opened:
            yield opened.driver

    def dispose(self) -> None:
        """Close this process's connections, those in use when they come back; the next session opens new ones."""
        self._close()

    def _close(self) -> None:
        self._connections.close()

    @contextmanager
    def _opened(self) -> Iterator[Opened]:
        opened = self._connections.take()
        try:
            yield opened
        finally:
            self._connections.give_back(opened)

    @contextmanager
    def _session(self, opened: Opened, begin: str) -> Iterator[Session]:
        session = Session(self.dialect, opened, begin=begin, bridge=self._bridge, watchers=self.watchers)
        try:
            yield session
        except BaseException:
            with suppress(*failures()):  # what has gone wrong is on its way
                session.rollback()
            raise
        session.rollback()

    @contextmanager
    def _trouble_told(self) -> Iterator[None]:
        try:
            yield
        except failures() as error:
            cause = cause_of(error)
            if (getattr(cause, "sqlstate", None) or "").startswith(_SESSIONS_END):
                self._close()
            trouble = self._trouble(cause)
            if trouble is None:
                raise
            raise trouble from error

    def _open_file(self) -> sqlite3.Connection:
        file = Path(self.url.database)
        sqlite_files.check_place(file)
        if self.only_reads:
            return sqlite_files.open_to_read(file, busy_seconds=BUSY_TIMEOUT_SECONDS)
        return sqlite_files.open_to_write(file, busy_seconds=BUSY_TIMEOUT_SECONDS)

    def _trouble(self, cause: BaseException) -> StorageError | None:
        """What the driver's error means to a person; None where it is a mistake of ours."""
        said = (str(cause).strip().splitlines() or ["no reason given"])[0]
        if self.url.password:
            said = said.replace(str(self.url.password), "***")
        if isinstance(cause, sqlite3.Error):
            code = getattr(cause, "sqlite_errorcode", 0) & 0xFF
            hint = _SQLITE_HINTS.get(code)
            return DatabaseTrouble(f"{self.name}: {said}", hint) if hint else None
        sqlstate = getattr(cause, "sqlstate", None)
        if sqlstate in _FORBIDDEN:
            hint = _MAY_NOT_READ if self.only_reads and sqlstate == "42501" else _FORBIDDEN[sqlstate]
            return DatabaseTrouble(f"{self.name}: {said}", hint)
        if sqlstate is None and "invalid connection option" in said:
            return DatabaseRefused(f"{self.name}: {said}", "take it out of storage.url")
        is_ours = sqlstate is not None and not sqlstate.startswith(_TROUBLE_CLASSES)
        psycopg = sys.modules["psycopg"]
        if is_ours or not isinstance(cause, (psycopg.OperationalError, psycopg.InternalError)):
            return None
        hint = "see whether the server runs, and whether storage.url has the right host, user, password and database"
        if sqlstate is not None and sqlstate.startswith("53"):
            hint = "make room on the server's disk or raise its limits; the work goes on by itself after that"
        elif sqlstate is not None and sqlstate.startswith(("40", "55")):
            hint = "another process held the same rows; it is tried again"
        elif sqlstate in _TOO_SLOW:
            hint = "it is tried again; if it stays so, raise the server's idle_in_transaction_session_timeout, or "
            hint += "transaction_timeout, for the user of storage.url"
        return DatabaseTrouble(f"{self.name}: {said}", hint)


class KeptDatabase(Database):
    """One that stays open while it is lent to who would close it; `close` ends it."""

    def dispose(self) -> None:
        """Nothing: it belongs to somebody else."""

    def close(self) -> None:
        self._close()


_SQLITE_HINTS = {
    3: "give the user of this process the right to read and write the file and its directory",
    5: f"another process has been writing for over {BUSY_TIMEOUT_SECONDS} s; it is tried again",
    6: "another part of this process is writing; it is tried again",
    8: "give the user of this process the right to write the file and its directory",
    10: "look at the disk; the file system refused to read or write",
    11: "restore the file from a backup, or move it away to begin anew",
    13: "make room on the disk; the work goes on by itself after that",
    14: "see whether the path of storage.url is right and may be written",
    26: "this is no SQLite file; storage.url names something else",
}
