"""The engine and its sessions, one per process, for SQLite and PostgreSQL.

Made by worker/bootstrap.py; a step opens `read()` or `write()` and hands the session to the other files of this room.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy import exc as sqlalchemy_errors
from sqlmodel import Session

from storage import types
from storage.errors import DatabaseRefused, DatabaseTrouble

#: How long a statement waits for another process's write on SQLite.
BUSY_TIMEOUT_SECONDS = 30
#: A document and its row in the log fit several times into a page: fewer pages are written, and less of each is empty.
PAGE_BYTES = 8192
#: Of SQLite's pages each connection keeps so much; its own 2 MiB do not hold the upper part of a large table's indexes.
CACHE_KIB = 16 * 1024
#: Pages that the log gathers before they go to the file: fewer times, and those written twice go once.
CHECKPOINT_PAGES = 2000
#: PostgreSQL's classes of errors that another try may overcome: connection, rollback, resources, lock, operator,
#: system; and those that a person must settle outside the program: credentials, no such database.
_TROUBLE_CLASSES = ("08", "40", "53", "55", "57", "58", "XX", "28", "3D")
#: PostgreSQL says these of a statement that is right; the server, or the user's rights, do not let it through.
_FORBIDDEN = {
    "42501": "give the user of storage.url the right to create tables in this schema, and to read and write them",
    "25006": "this server only reads; storage.url must name the one that may be written",
}


class Database:
    """A database by its URL; nothing is opened before the first session, and each process opens its own."""

    def __init__(self, url: str) -> None:
        self.url = _usable(url)
        self.dialect = self.url.get_backend_name()  #: "sqlite" or "postgresql"
        self.name = _without_password(self.url)
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
            return self._engine

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session that sees one state and keeps nothing."""
        with self._trouble_told(), Session(self.engine, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A session whose work is committed at the end of the block, or not at all when an exception leaves it."""
        engine = self.engine.execution_options(mirrorpoint_writes=True)
        with self._trouble_told(), Session(engine, expire_on_commit=False) as session, session.begin():
            yield session

    def dispose(self) -> None:
        """Close this process's connections; the next session opens new ones."""
        with self._lock:
            if self._engine is not None:
                self._engine.dispose(close=self._pid == os.getpid())
            self._engine = None

    @contextmanager
    def _trouble_told(self) -> Iterator[None]:
        try:
            yield
        except sqlalchemy_errors.TimeoutError as error:
            raise DatabaseTrouble(f"no connection to {self.name} became free", "use fewer threads") from error
        except sqlalchemy_errors.DBAPIError as error:
            trouble = self._trouble(error)
            if trouble is None:
                raise
            raise trouble from error

    def _trouble(self, error: sqlalchemy_errors.DBAPIError) -> DatabaseTrouble | None:
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
            return DatabaseTrouble(f"{self.name}: {said}", _FORBIDDEN[sqlstate])
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
            return _sqlite_engine(self.url)
        options: dict[str, Any] = {"application_name": "mirrorpoint", "connect_timeout": "10"}
        return create_engine(
            self.url,
            connect_args={name: value for name, value in options.items() if name not in self.url.query},
            pool_pre_ping=True,
            hide_parameters=True,  # documents and tokens stay out of error texts
            json_serializer=types.json_text,
            json_deserializer=types.parse,
        )


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


def _usable(text: str) -> URL:
    """The URL with the driver that is used; refused where there is none for it."""
    try:
        url = make_url(text.replace("postgres://", "postgresql://", 1) if text.startswith("postgres://") else text)
    except (sqlalchemy_errors.ArgumentError, ValueError):
        # The text is not repeated: it may hold a password.
        raise DatabaseRefused("storage.url is no database URL", _URL_HINT) from None
    if url.drivername in ("postgresql", "postgresql+psycopg"):
        return url.set(drivername="postgresql+psycopg")
    if url.drivername not in ("sqlite", "sqlite+pysqlite"):
        raise DatabaseRefused(f"storage.url names {url.drivername}, which cannot be used", _URL_HINT)
    if url.database in (None, "", ":memory:") or "mode=memory" in (url.database or ""):
        raise DatabaseRefused("storage.url names a database in memory, which processes cannot share", _URL_HINT)
    return url.set(drivername="sqlite+pysqlite")


_URL_HINT = 'write "sqlite:///mirrorpoint.db" or "postgresql+psycopg://user@host/name"'


def _without_password(url: URL) -> str:
    if url.get_backend_name() == "sqlite":
        return f"sqlite:///{url.database}"
    shown = url.set(query={name: value for name, value in url.query.items() if "password" not in name})
    return shown.render_as_string(hide_password=True)


def _sqlite_engine(url: URL) -> Engine:
    directory = Path(str(url.database)).parent
    if not directory.is_dir():
        raise DatabaseTrouble(
            f"the directory {directory} of storage.url does not exist", "create it, or change the URL"
        )
    engine = create_engine(url, connect_args={"timeout": BUSY_TIMEOUT_SECONDS}, hide_parameters=True)

    @event.listens_for(engine, "connect")
    def _set_up(connection: sqlite3.Connection, _record: object) -> None:
        # The driver's own BEGIN comes too late (before the first write): a transaction that reads first and then
        # writes would fail at once, whatever the timeout, when another process has written in between.
        connection.isolation_level = None
        connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")  # of a file that is new; another keeps its own
        _write_ahead(connection)
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA temp_store = MEMORY")
        connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("mirrorpoint_writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Readers beside one writer. The switch itself does not wait for others, so it is tried until they are done."""
    deadline = time.monotonic() + BUSY_TIMEOUT_SECONDS
    while connection.execute("PRAGMA journal_mode").fetchone() != ("wal",):
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.02)
