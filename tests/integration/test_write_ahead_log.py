"""SQLite's write-ahead log: a long reader lets it grow, and afterwards it is cut while everything stays open."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from storage import sql, sqlite_files
from storage.engine import Database

LIMIT_BYTES, PIECE_BYTES = 8 * 1024 * 1024, 512 * 1024


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    monkeypatch.setattr(sqlite_files, "LOG_LIMIT_BYTES", LIMIT_BYTES)
    made = Database(f"sqlite:///{tmp_path / 'mirrorpoint.db'}")
    with made.write() as session:
        sql.change(session, "CREATE TABLE pieces (number INTEGER PRIMARY KEY, piece BLOB)")
    yield made
    made.dispose()


def write(database: Database, pieces: int, *, number_of_bytes: int = PIECE_BYTES) -> None:
    for _ in range(pieces):
        with database.write() as session:
            sql.change(session, f"INSERT INTO pieces (piece) VALUES (randomblob({number_of_bytes}))")


def log_bytes(database: Database) -> int:
    return sqlite_files.beside(Path(database.url.database), sqlite_files.WAL).stat().st_size


def test_the_log_is_cut_when_the_reader_that_let_it_grow_has_ended(database: Database) -> None:
    with database.snapshot() as reader:
        assert sql.value(reader, "SELECT count(*) FROM pieces") == 0
        write(database, 3 * LIMIT_BYTES // PIECE_BYTES)
        assert log_bytes(database) > 2 * LIMIT_BYTES, "nobody is held up by the reader"
        assert sql.value(reader, "SELECT count(*) FROM pieces") == 0, "nor is the reader by those who write"
    write(database, 3, number_of_bytes=10)
    assert log_bytes(database) <= LIMIT_BYTES
    with database.read() as session:
        assert sql.value(session, "SELECT count(*) FROM pieces") == 3 * LIMIT_BYTES // PIECE_BYTES + 3


def test_the_log_of_an_installation_may_grow_to_what_writes_fast(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'mirrorpoint.db'}")
    with database.outside_transactions() as connection:
        assert connection.execute("PRAGMA journal_size_limit").fetchone() == (64 * 1024 * 1024,)
    database.dispose()
