"""The engine and its sessions, one per process, for SQLite and PostgreSQL.

Made by worker/bootstrap.py; a step opens `read()` or `write()` and hands the session to the other files of this room.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy import exc as sqlalchemy_errors
from sqlmodel import Session

from storage import postgresql_sessions, sqlite_files, types, urls
from storage.errors import DatabaseRefused, DatabaseTrouble, StorageError

#: How long a statement waits for another process's write on SQLite.
BUSY_TIMEOUT_SECONDS = 30
#: PostgreSQL's classes of errors that another try may overcome: connection, rollback, resources, lock, operator,
#: system; and those that a person must settle outside the program: credentials, no such database.
_TROUBLE_CLASSES = ("08", "40", "53", "55", "57", "58", "XX", "28", "3D")
#: PostgreSQL says these of a statement that is right; the server, or the user's rights, do not let it through.
_FORBIDDEN = {
    "42501": "give the user of storage.url the right to create tables in this schema, and to read and write them",
    "25006": "this session only reads, as after a failover: the next try opens new ones. If it stays so, "
    "storage.url names a server or a user that may not write, or default_transaction_read_only is on",
}
_MAY_NOT_READ = "let the user of storage.url read: GRANT SELECT ON ALL TABLES IN SCHEMA public TO …"
#: After these what other sessions say is worth nothing either: they lead to a server that has changed its part or ends.
_SESSIONS_END = ("25006", "08", "57P")


class Database:
    """A database by its URL; nothing is opened before the first session, and each process opens its own.

    With `only_reads` its sessions cannot write, and nothing is made where no database is: `DatabaseEmpty`.
    """

    def __init__(self, url: str, *, only_reads: bool = False) -> None:
        self.url = urls.usable(url)
        self.dialect = self.url.get_backend_name()  #: "sqlite" or "postgresql"
        self.name = urls.shown(self.url)
        self.only_reads = only_reads
        if self.dialect == "postgresql":
            self.url, self._prepare_threshold = urls.prepare_threshold(self.url)
        self._lock = threading.Lock()
        self._engine: Engine | None = None
        self._pid = 0

    @property
    def engine(self) -> Engine:
        """This process's engine; made at the first use, and again after a fork."""
        with self._lock:
            if self._engine is None or self._pid != os.getpid():
                if self._engine is not None:
                    self._engine.dispose(close=False)  # the connections are the parent's and still in use there
                self._engine, self._pid = self._make(), os.getpid()
                pool = type(self._engine.pool)
                logging.getLogger(f"{pool.__module__}.{pool.__name__}").addFilter(_is_no_interrupt)
            return self._engine

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session that sees one state and keeps nothing."""
        with self._trouble_told(), Session(self.engine, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def snapshot(self) -> Iterator[Session]:
        """The same for many statements: all see the database as the first of them does, however long they take."""
        engine = self.engine
        if self.dialect == "postgresql":  # SQLite's transactions are so by themselves
            engine = engine.execution_options(isolation_level="REPEATABLE READ")
        with self._trouble_told(), Session(engine, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A session whose work is committed at the end of the block, or not at all when an exception leaves it."""
        engine = self.engine.execution_options(mirrorpoint_writes=True)
        with self._trouble_told(), Session(engine, expire_on_commit=False) as session, session.begin():
            yield session

    @contextmanager
    def kept_open(self) -> Iterator[Connection]:
        """One connection for many short looks (`snapshots.py`): to open one anew takes longer than some of them do.

        Whoever has it sees one state of the database from the first statement of a look to its end.
        """
        engine = self.engine
        if self.dialect == "postgresql":  # SQLite's transactions are so by themselves
            engine = engine.execution_options(isolation_level="REPEATABLE READ")
        with self._trouble_told(), engine.connect() as connection:
            yield connection

    def dispose(self) -> None:
        """Close this process's connections, those in use when they come back; the next session opens new ones."""
        self._close()

    def _close(self) -> None:
        with self._lock:
            if self._engine is not None:
                is_ours = self._pid == os.getpid()
                if is_ours:  # the library leaves those in use to the collector
                    event.listen(self._engine.pool, "checkin", lambda _, record: record.invalidate())
                self._engine.dispose(close=is_ours)
            self._engine = None

    @contextmanager
    def _trouble_told(self) -> Iterator[None]:
        try:
            yield
        except sqlalchemy_errors.TimeoutError as error:
            raise DatabaseTrouble(f"no connection to {self.name} became free", "use fewer threads") from error
        except sqlalchemy_errors.DBAPIError as error:
            if (getattr(error.orig, "sqlstate", None) or "").startswith(_SESSIONS_END):
                self._close()
            trouble = self._trouble(error)
            if trouble is None:
                raise
            raise trouble from error

    def _trouble(self, error: sqlalchemy_errors.DBAPIError) -> StorageError | None:
        """What the driver's error means to a person; None where it is a mistake of ours."""
        cause = error.orig
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
        if is_ours or not isinstance(error, (sqlalchemy_errors.OperationalError, sqlalchemy_errors.InternalError)):
            return None
        hint = "see whether the server runs, and whether storage.url has the right host, user, password and database"
        if sqlstate is not None and sqlstate.startswith("53"):
            hint = "make room on the server's disk or raise its limits; the work goes on by itself after that"
        elif sqlstate is not None and sqlstate.startswith(("40", "55")):
            hint = "another process held the same rows; it is tried again"
        return DatabaseTrouble(f"{self.name}: {said}", hint)

    def _make(self) -> Engine:
        if self.dialect == "sqlite":
            make = sqlite_files.reading_engine if self.only_reads else sqlite_files.writing_engine
            return make(self.url, busy_seconds=BUSY_TIMEOUT_SECONDS)
        options: dict[str, Any] = {"application_name": "mirrorpoint", "connect_timeout": "10"}
        given = {name: value for name, value in options.items() if name not in self.url.query}
        engine = create_engine(
            self.url,
            connect_args={**given, **postgresql_sessions.STARTUP, "prepare_threshold": self._prepare_threshold},
            execution_options={"postgresql_readonly": True} if self.only_reads else {},
            isolation_level="READ COMMITTED",  # whatever the server's default is
            pool_pre_ping=True,
            hide_parameters=True,  # documents and tokens stay out of error texts
            json_serializer=types.json_text,
            json_deserializer=types.parse,
        )
        # Before the library has asked anything itself: what it is answered would not be what it expects.
        event.listen(engine, "connect", self._set_up, insert=True)
        return engine

    def _set_up(self, connection: Any, _record: object) -> None:
        if not self.only_reads:
            postgresql_sessions.check_encoding(connection, self.name)
        postgresql_sessions.set_up(connection)


class KeptDatabase(Database):
    """One that stays open while it is lent to who would close it; `close` ends it."""

    def dispose(self) -> None:
        """Nothing: it belongs to somebody else."""

    def close(self) -> None:
        self._close()


def _is_no_interrupt(record: logging.LogRecord) -> bool:
    """Ctrl-C while a connection is being closed is told by whoever is interrupted."""
    return record.exc_info is None or not isinstance(record.exc_info[1], KeyboardInterrupt)


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
