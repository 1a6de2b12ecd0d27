"""Backup and restore of an SQLite file: a consistent copy beside a running writer, and the exchange of the file."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from storage import backups, sqlite_files
from storage.backups import Facts, Progress
from storage.errors import BackupRefused

_PAGES_AT_A_TIME = 1_000
_BUSY_SECONDS = 5.0


def write(database: Path, target: Path, *, on_progress: Progress) -> None:
    """Copy what the database holds at this moment; what is written meanwhile is not in it."""
    with backups.written_beside(target) as part:
        _copy(database, part, on_progress)


def facts(file: Path) -> Facts:
    """Look the whole file through; `BackupRefused` where it is none, or damaged."""
    if not file.is_file() or file.stat().st_size == 0:
        raise BackupRefused(f"there is no file {file}, or nothing in it", "name the backup")
    with file.open("rb") as opened:
        if opened.read(5) == b"PGDMP":
            raise BackupRefused(
                f"{file} is a backup of a PostgreSQL database, and storage.url names an SQLite file",
                "let storage.url name a PostgreSQL database",
            )
    with _told(file), closing(sqlite_files.open_to_read(file, busy_seconds=_BUSY_SECONDS)) as opened:
        _look_through(opened, file)
        return Facts(
            _value(opened, "SELECT version_num FROM mirrorpoint_version"),
            _value(opened, "SELECT value FROM mirrorpoint_installation WHERE name = 'seal_key'"),
        )


def exchange(backup: Path, database: Path, kept: Path, *, on_progress: Progress) -> bool:
    """The backup's contents are the database afterwards; what was there is `kept`. Whether anything was there.

    A process killed at any moment leaves the old file or the new one in its place, never the old log beside the new
    file, which SQLite would take for its own.
    """
    part = backups.new_beside(database)
    try:
        _copy(backup, part, on_progress)
        is_there = database.exists()
        if is_there:
            _take_after(part, database)
            _put_log_away(database)
            os.link(database, kept)
            if sqlite_files.beside(database, sqlite_files.WAL).exists():  # it could not be put away: a damaged file
                sqlite_files.beside(database, sqlite_files.WAL).rename(sqlite_files.beside(kept, sqlite_files.WAL))
        else:
            sqlite_files.beside(database, sqlite_files.WAL).unlink(missing_ok=True)
        sqlite_files.beside(database, sqlite_files.SHARED).unlink(missing_ok=True)
        part.replace(database)
    finally:
        part.unlink(missing_ok=True)
    return is_there


def _copy(source: Path, target: Path, on_progress: Progress) -> None:
    with _told(source), closing(sqlite_files.open_to_read(source, busy_seconds=_BUSY_SECONDS)) as read:
        # One read transaction for the whole copy: otherwise each write of others would begin it anew.
        read.execute("BEGIN")
        read.execute("SELECT count(*) FROM sqlite_master").fetchone()
        with _told(target), closing(sqlite3.connect(target, isolation_level=None)) as written:
            read.backup(
                written,
                pages=_PAGES_AT_A_TIME,
                progress=lambda _status, remaining, whole: on_progress(whole - remaining, whole),
            )
            written.execute("PRAGMA journal_mode = DELETE")  # one file, which can be read from anywhere
            _look_through(written, target)


def _look_through(opened: sqlite3.Connection, file: Path) -> None:
    found = [str(row[0]) for row in opened.execute("PRAGMA integrity_check(1)")]
    if found != ["ok"]:
        raise BackupRefused(f"{file} is damaged: {found[0].splitlines()[-1]}", "take another backup")


def _value(opened: sqlite3.Connection, text: str) -> str | None:
    try:
        row = opened.execute(text).fetchone()
    except sqlite3.OperationalError:  # no such table
        return None
    return None if row is None else str(row[0])


def _put_log_away(database: Path) -> None:
    """Nothing is in the log afterwards; refused while another process has the file open."""
    with closing(sqlite3.connect(database, timeout=1, isolation_level=None)) as opened:
        try:
            opened.execute("PRAGMA journal_mode = DELETE")
        except sqlite3.DatabaseError as error:
            if error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                raise BackupRefused(
                    f"another process has {database} open", "stop Mirrorpoint and whatever else reads it, then restore"
                ) from None
            # It is damaged, which may be why it is restored: it is kept as it is, with its log.


def _take_after(part: Path, database: Path) -> None:
    """Whoever could read the old file can read the new one, and it stays the same user's where root restores."""
    state = database.stat()
    part.chmod(state.st_mode & 0o777)
    if os.geteuid() == 0:
        os.chown(part, state.st_uid, state.st_gid)


@contextmanager
def _told(file: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise BackupRefused(
            f"{file}: {error}", "see whether it is an SQLite database, and the disk has room"
        ) from error
