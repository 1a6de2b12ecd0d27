"""SQLite: how its file is made, opened for writing and opened for reading alone; used by engine.py."""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

from storage import driver_values
from storage.errors import DatabaseEmpty, DatabaseTrouble

# What columns called "… [utc]" and "… [json]" are read as (`sql.rows`).
sqlite3.register_converter("utc", lambda text: driver_values.from_driver_time(text.decode()))
sqlite3.register_converter("json", driver_values.parse)
#: A document and its row in the log fit several times into a page: fewer pages are written, and less of each is empty.
PAGE_BYTES = 8192
#: Of SQLite's pages each connection keeps so much; its own 2 MiB do not hold the upper part of a large table's indexes.
CACHE_KIB = 16 * 1024
#: Pages that the log gathers before they go to the file: fewer times, and those written twice go once.
CHECKPOINT_PAGES = 2000
#: A log that a long reader has let grow is cut to so much with the first write after it has begun anew.
LOG_LIMIT_BYTES = 64 * 1024 * 1024
#: What SQLite keeps beside a file in use: the write-ahead log, and the index to it that processes share.
WAL, SHARED = "-wal", "-shm"


def beside(file: Path, ending: str) -> Path:
    """The file's companion with that ending."""
    return file.with_name(file.name + ending)


def open_to_write(file: Path, *, busy_seconds: float) -> sqlite3.Connection:
    """Readers beside one writer; a file that is new is readable for its owner alone."""
    # Before SQLite makes it with the rights that the umask leaves; its log takes the rights of the file. Where that
    # cannot be it is there, or SQLite says why.
    with suppress(OSError):
        os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    # The driver's own BEGIN comes too late (before the first write): a transaction that reads first and then
    # writes would fail at once, whatever the timeout, when another process has written in between.
    connection = sqlite3.connect(
        file,
        timeout=busy_seconds,
        detect_types=sqlite3.PARSE_COLNAMES,
        isolation_level=None,
        check_same_thread=False,
    )
    try:
        connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")  # of a file that is new; another keeps its own
        _write_ahead(connection, busy_seconds)
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA temp_store = MEMORY")
        connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
        connection.execute(f"PRAGMA journal_size_limit = {LOG_LIMIT_BYTES}")
    except BaseException:
        connection.close()
        raise
    return connection


def open_to_read(file: Path, *, busy_seconds: float) -> sqlite3.Connection:
    """A connection that cannot write; `DatabaseEmpty` where no file is."""
    if not file.exists() or (file.is_file() and file.stat().st_size == 0 and not beside(file, WAL).exists()):
        raise DatabaseEmpty(f"sqlite:///{file}")
    return sqlite3.connect(
        f"file:{quote(str(file))}?{_reading_mode(file)}",
        uri=True,
        timeout=busy_seconds,
        detect_types=sqlite3.PARSE_COLNAMES,
        isolation_level=None,
        check_same_thread=False,
    )


def is_at_rest(connection: sqlite3.Connection) -> bool:
    """Whether no transaction is open."""
    return not connection.in_transaction


def check_place(file: Path) -> None:
    """DatabaseTrouble where no such file can be."""
    if os.path.isdir(file):  # noqa: PTH112  # which takes no offence at a folder that may not be looked into
        raise DatabaseTrouble(
            f"{file} is a directory", "write the name of a file into storage.url, such as mirrorpoint.db in it"
        )
    if not file.parent.is_dir():
        raise DatabaseTrouble(
            f"the directory {file.parent} of storage.url does not exist", "create it, or change the URL"
        )


def _reading_mode(file: Path) -> str:
    """Who may not write, to the file or its directory, cannot make the shared index that reading beside a log needs.
    Without a log there is nothing beside the file, and no process that has it open; then it is read as it lies there.
    """
    may_write = os.access(file, os.W_OK) and os.access(file.parent, os.W_OK)
    if may_write or beside(file, WAL).exists():
        return "mode=ro"
    return "mode=ro&immutable=1"


def _write_ahead(connection: sqlite3.Connection, busy_seconds: float) -> None:
    """Readers beside one writer. The switch itself does not wait for others, so it is tried until they are done."""
    deadline = time.monotonic() + busy_seconds
    while connection.execute("PRAGMA journal_mode").fetchone() != ("wal",):
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.02)
