"""Reading commands read: beside a writer, after one, and for users who may do nothing else."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url

from changes import sealing
from storage import installation, prepare, sql
from storage.engine import Database
from storage.errors import DatabaseEmpty, DatabaseNewer, DatabaseOlder, DatabaseTrouble, SealKeyDiffers
from tests.commands import Commands
from tests.postgres import Server
from tests.shop import configure, open_shop
from worker import bootstrap, settings, state_folder

READING = [
    ("status",),
    ("changes",),
    ("show", "things", "1"),
    ("history", "things", "1"),
    ("deliveries",),
    ("points", "list"),
]


def read(url: str) -> int:
    database = Database(url, only_reads=True)
    with database.read() as session:
        found = sql.value(session, "SELECT count(*) FROM mirrorpoint_lease", ())
    database.dispose()
    return int(found)


def as_nobody(work: Callable[[], object]) -> str:
    """What it returns, or its error, in a process of a user who owns nothing here."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        said = "ended without a word"
        try:
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)
            said = str(work())
        except BaseException as error:  # noqa: BLE001  # told to the parent
            said = f"{type(error).__name__}: {error}"
        finally:
            os.write(writing, said.encode()[:4000])
            os._exit(0)
    os.waitpid(child, 0)
    os.close(writing)
    told = os.read(reading, 4000).decode()
    os.close(reading)
    return told


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become another user")
def test_another_user_reads_a_sqlite_file_that_its_group_may_read(tmp_path: Path) -> None:
    """While a writer has it open and after it has ended, and nothing of that user's is left beside the file."""
    folder = tmp_path / "mirror"
    folder.mkdir(mode=0o750)
    for parent in [tmp_path, *tmp_path.parents[:3]]:
        if str(parent) not in {"/", "/tmp"}:
            parent.chmod(0o755)
    url = f"sqlite:///{folder / 'm.db'}"
    database = Database(url)
    prepare.prepare(database, {})
    for path in (folder, *folder.iterdir()):
        os.chown(path, 0, 65534)
    assert "DatabaseTrouble" in as_nobody(lambda: read(url))  # as it is made, nobody else reads it
    database.dispose()
    (folder / "m.db").chmod(0o640)

    assert "0" == as_nobody(lambda: read(url))
    with database.write() as session:
        session.execute("INSERT INTO mirrorpoint_lease VALUES ('a', 'h', 1, NULL)", ())
    for path in folder.iterdir():
        assert (0o640, 65534) == (stat.S_IMODE(path.stat().st_mode), path.stat().st_gid), path
    assert "1" == as_nobody(lambda: read(url))
    database.dispose()
    assert "1" == as_nobody(lambda: read(url))
    assert {"m.db"} == {path.name for path in folder.iterdir()}


def test_a_new_file_is_readable_for_its_owner_alone_whatever_the_umask(tmp_path: Path) -> None:
    former = os.umask(0)
    try:
        database = Database(f"sqlite:///{tmp_path / 'm.db'}")
        prepare.prepare(database, {})
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    finally:
        os.umask(former)
    assert {"m.db": 0o600, "m.db-wal": 0o600, "m.db-shm": 0o600} == modes
    database.dispose()


@pytest.mark.parametrize("command", READING)
def test_a_reading_command_changes_no_byte(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: tuple[str, ...]
) -> None:
    open_shop(tmp_path)
    before = (tmp_path / "mirrorpoint.db").read_bytes()
    found = Commands(tmp_path / "mirrorpoint.toml", capsys)(*command)
    assert (0, True) == (found.code, before == (tmp_path / "mirrorpoint.db").read_bytes()), found
    wal = tmp_path / "mirrorpoint.db-wal"
    assert not wal.exists() or wal.stat().st_size == 0


@pytest.mark.parametrize("command", READING)
def test_where_nothing_was_mirrored_yet_it_is_said_and_no_file_is_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: tuple[str, ...]
) -> None:
    found = Commands(configure(tmp_path), capsys)(*command)
    assert (5, True) == (found.code, "nothing was mirrored yet: there is no database at" in found.err), found
    assert "`mirrorpoint run` makes it" in found.err
    assert not (tmp_path / "mirrorpoint.db").exists()


def test_a_role_that_may_only_select_reads_and_cannot_write(postgres_server: Server) -> None:
    url = postgres_server.create()
    database = Database(url)
    prepare.prepare(database, {})
    database.dispose()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP ROLE IF EXISTS reader")
        connection.execute("CREATE ROLE reader LOGIN")
    reader = make_url(url).set(username="reader").render_as_string(hide_password=False)
    refused = Database(reader, only_reads=True)
    with pytest.raises(DatabaseTrouble, match="GRANT SELECT"):
        prepare.check_readable(refused, [])
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader")
    prepare.check_readable(refused, [])
    with refused.read() as session:
        for view in ("mirrorpoint_field_change", "mirrorpoint_told", "mirrorpoint_freshness", "mirrorpoint_done"):
            assert [] == list(session.execute(f"SELECT * FROM {view}"))
    refused.dispose()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP OWNED BY reader")
        connection.execute("DROP ROLE reader")
    postgres_server.drop(url)


def test_a_database_that_does_not_fit_the_program_is_told_and_not_brought_up(empty_url: str) -> None:
    reading = Database(empty_url, only_reads=True)
    with pytest.raises(DatabaseEmpty):
        prepare.check_readable(reading, [])
    writing = Database(empty_url)
    prepare.prepare(writing, {})
    for revision, kind in (("0001", DatabaseOlder), ("9999", DatabaseNewer)):
        with writing.write() as session:
            session.execute(f"UPDATE mirrorpoint_version SET version_num = '{revision}'")
        with pytest.raises(kind):
            prepare.check_readable(reading, [])
    reading.dispose()
    writing.dispose()


def test_another_seal_key_is_told_by_every_command_before_anything_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    commands = Commands(configure(tmp_path), capsys)
    assert commands("deliver").code == 0
    (tmp_path / "mirrorpoint.key").write_text(sealing.new_key())
    before = (tmp_path / "mirrorpoint.db").read_bytes()
    for command in (*READING, ("sync",), ("deliver",), ("check",), ("run",), ("backup", str(tmp_path / "b"))):
        found = commands(*command)
        assert (2, True) == (found.code, "storage.seal_key is not the key that the secrets in" in found.err), found
        assert "put the former key back (file:mirrorpoint.key)" in found.err
    assert before == (tmp_path / "mirrorpoint.db").read_bytes()

    commands("check", "--accept-seal-key")
    assert commands("status").code == 0


def test_what_the_database_knows_of_its_key_gives_nothing_of_it_away(database: Database) -> None:
    key, other = sealing.read_key(sealing.new_key()), sealing.read_key(sealing.new_key())
    assert not installation.compare_seal_key(database, sealing.check_value(key), cure="")
    with database.write() as session:
        installation.note_seal_key(session, sealing.check_value(key))
        installation.note_seal_key(session, sealing.check_value(other))  # of a process that was later: nothing
        known = installation.seal_key(session)
    assert installation.compare_seal_key(database, sealing.check_value(key), cure="")
    with pytest.raises(SealKeyDiffers):
        installation.compare_seal_key(database, sealing.check_value(other), cure="")
    assert known is not None
    assert key.hex() not in known


@pytest.mark.parametrize("name", ["what?", "50%", "a#b", "100%25", "with space", "Umläute", "a?b=c/d"])
def test_a_folder_may_have_any_name(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    folder.mkdir(parents=True)
    file = configure(folder)
    loaded = settings.load(str(file), environ={})
    bootstrap.open_database(loaded).dispose()
    assert (folder / "mirrorpoint.db").is_file()

    assert folder / ".mirrorpoint" / "mirrorpoint.db" == state_folder.of(loaded)
