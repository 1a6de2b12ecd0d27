"""Sessions: what they keep, what they wait for, and what they say when the database gives trouble."""

from __future__ import annotations

import os
import pickle
import sqlite3
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy import exc as sqlalchemy_errors
from sqlalchemy import insert, select

from storage import engine, errors, sql
from storage.engine import Database
from storage.errors import DatabaseRefused, DatabaseTrouble
from storage.session import Session, failures, unfit
from storage.tables import LeaseRow, TokenRow
from tests import waiting
from tests.postgres import Server

NOW = datetime(2026, 11, 22, 10, 0, 0, 123456, tzinfo=UTC)


def _names(database: Database) -> list[str]:
    with database.read() as session:
        return [name for (name,) in session.execute("SELECT name FROM mirrorpoint_lease ORDER BY name")]


def _insert(session, name: str) -> None:
    session.sqlalchemy().execute(insert(LeaseRow).values(name=name, holder="h", fence=1, expires_at=NOW))


def test_a_write_is_kept_when_the_block_ends(database: Database) -> None:
    with database.write() as session:
        _insert(session, "a")
    assert _names(database) == ["a"]


def test_an_exception_in_the_block_leaves_nothing_behind(database: Database) -> None:
    def write_and_fail() -> None:
        with database.write() as session:
            _insert(session, "a")
            raise KeyError("b")

    with pytest.raises(KeyError):
        write_and_fail()
    assert _names(database) == []


def test_what_a_reading_session_writes_is_not_kept(database: Database) -> None:
    with database.read() as session:
        _insert(session, "a")
    assert _names(database) == []


def test_a_reader_is_not_held_up_by_a_writer_and_sees_what_was_before(database: Database) -> None:
    with database.write() as session:
        _insert(session, "a")
        assert _names(database) == []


def test_two_writers_that_read_before_they_write_both_succeed(database: Database) -> None:
    """With SQLite's own BEGIN the second would fail at once, since its snapshot is older than the first one's write."""
    both_began = threading.Barrier(2, timeout=20)

    def write(name: str) -> None:
        both_began.wait()
        with database.write() as session:
            session.sqlalchemy().execute(select(LeaseRow.name)).all()
            _insert(session, name)

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(write, ["a", "b"]))
    assert _names(database) == ["a", "b"]


def test_a_process_opens_its_own_connections_after_a_fork(database: Database) -> None:
    with database.read() as session:
        before = session.driver
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        told = b"the same"
        try:
            with database.read() as session:
                if session.driver is not before and _names(database) == []:
                    told = b"its own"
        finally:
            os.write(writing, told)
            os._exit(0)
    os.waitpid(child, 0)
    os.close(writing)
    told = os.read(reading, 100)
    os.close(reading)
    with database.read() as session:
        assert (told, session.driver is before) == (b"its own", True)


def test_times_come_back_aware_and_in_utc(database: Database) -> None:
    elsewhere = NOW.astimezone(timezone(timedelta(hours=5)))
    with database.write() as session:
        session.objects.add(LeaseRow(name="a", holder="h", fence=1, expires_at=elsewhere))
    with database.read() as session:
        found = session.objects.get(LeaseRow, "a").expires_at
    assert (found, found.utcoffset()) == (NOW, timedelta(0))


def test_times_sort_and_compare_as_they_do_in_python(database: Database) -> None:
    times = [NOW, NOW.replace(microsecond=0), NOW + timedelta(microseconds=1), datetime(987, 1, 1, tzinfo=UTC)]
    with database.write() as session:
        session.objects.add_all([LeaseRow(name=str(n), holder="h", fence=1, expires_at=t) for n, t in enumerate(times)])
    with database.read() as session:
        found = session.objects.execute(select(LeaseRow.expires_at).order_by(LeaseRow.expires_at)).scalars().all()
        later = session.objects.execute(select(LeaseRow.name).where(LeaseRow.expires_at > NOW)).scalars().all()
    assert (found, later) == (sorted(times), ["2"])


def test_a_time_without_a_zone_is_refused(database: Database) -> None:
    with pytest.raises(sqlalchemy_errors.StatementError, match="without a zone"), database.write() as session:
        session.sqlalchemy().execute(
            insert(LeaseRow).values(name="a", holder="h", fence=1, expires_at=datetime(2026, 1, 1))  # noqa: DTZ001
        )


@pytest.mark.parametrize(
    "value",
    [
        {"big": 2**200, "negative": -(2**64), "at the edge": 2**63},
        {"money 💶": ["𝄞", "żółć", 'quote " and \\ back'], "": {"": None}},
        {"numbers": [0, 1, 1.5, 1e22, 5e-324, -0.25, 123456789.123456789]},
        ["a list"],
        [],
    ],
)
def test_json_comes_back_as_it_was(database: Database, value: object) -> None:
    with database.write() as session:
        session.objects.add(TokenRow(source="a", sign_ins=value))
    with database.read() as session:
        assert session.objects.get(TokenRow, "a").sign_ins == value


def test_json_in_a_sqlite_table_is_text_so_that_long_integers_are_not_rounded(database: Database) -> None:
    with database.write() as session:
        session.objects.add(TokenRow(source="a", sign_ins=2**70))
    text = "SELECT typeof(sign_ins)" if database.dialect == "sqlite" else "SELECT jsonb_typeof(sign_ins)"
    with database.read() as session:
        told = sql.fetch(session, f"{text}, CAST(sign_ins AS text) FROM mirrorpoint_token")[0]
    assert tuple(told) == ("text" if database.dialect == "sqlite" else "number", str(2**70))


def test_a_mistake_of_ours_is_not_told_as_trouble_of_the_database(database: Database) -> None:
    with pytest.raises(failures()), database.read() as session:
        session.execute("SELECT nothing FROM nowhere")


def test_values_stay_out_of_error_texts(database: Database) -> None:
    row = {"source": "a", "access": "the-secret", "sign_ins": []}
    text = "INSERT INTO mirrorpoint_token (source, access, sign_ins) VALUES (:source, :access, :sign_ins)"
    with pytest.raises(sqlalchemy_errors.IntegrityError) as built, database.write() as session:
        session.sqlalchemy().execute(insert(TokenRow), [row, row])
    with database.write() as session:
        sql.change(session, text, **row)
    with pytest.raises(failures()) as written, database.write() as session:
        sql.change(session, text, **row)
    assert "the-secret" not in f"{built.value}{written.value}"


def test_rows_can_be_streamed_while_others_are(database: Database) -> None:
    with database.write() as session:
        for name in "abc":
            _insert(session, name)
    text = "SELECT name FROM mirrorpoint_lease ORDER BY name"
    with database.read() as session:
        found = [
            (outer, inner)
            for (outer,) in sql.stream(session, text, (), at_a_time=1)
            for (inner,) in sql.stream(session, text, (), at_a_time=1)
        ]
    assert found == [(outer, inner) for outer in "abc" for inner in "abc"]


@pytest.mark.parametrize("statement", ["SELECT nothing FROM mirrorpoint_lease", "SELECT 1 FROM nowhere"])
def test_what_is_not_there_is_told_from_other_mistakes(database: Database, statement: str) -> None:
    with pytest.raises(unfit()), database.read() as session:
        session.execute(statement)
    with database.write() as session:
        _insert(session, "a")
    with pytest.raises(failures()) as told, database.write() as session:
        session.execute("INSERT INTO mirrorpoint_lease (name, fence) VALUES ('a', 1)")
    assert not isinstance(told.value, unfit())


@pytest.mark.parametrize(
    "url",
    ["mysql://u:hidden@h/d", "no url", "", "postgresql://u:hidden@h:port/d", "sqlite://", "sqlite:///:memory:"],
)
def test_a_url_that_cannot_be_used_is_refused_without_showing_its_password(url: str) -> None:
    with pytest.raises(DatabaseRefused, match=r"storage\.url") as told:
        Database(url)
    assert "hidden" not in str(told.value)


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_all_spellings_of_a_postgresql_url_mean_psycopg(scheme: str) -> None:
    database = Database(f"{scheme}://u:hidden@h/d")
    assert database.dialect == "postgresql"
    assert database.name == "postgresql+psycopg://u:***@h/d"


def test_a_server_out_of_reach_is_told_without_the_password() -> None:
    database = Database("postgresql://someone:hidden@127.0.0.1:1/d")
    with pytest.raises(DatabaseTrouble, match="see whether the server runs") as told, database.read() as session:
        session.execute("SELECT 1")
    assert "hidden" not in str(told.value)


def test_a_directory_that_is_missing_is_told(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'none' / 'm.db'}")
    with pytest.raises(DatabaseTrouble, match=r"none of storage\.url does not exist; create it"), database.read():
        pass


@pytest.mark.parametrize("only_reads", [False, True])
def test_a_directory_in_place_of_a_file_is_told(tmp_path: Path, only_reads: bool) -> None:
    database = Database(f"sqlite:///{tmp_path}", only_reads=only_reads)
    told = r"is a directory; write the name of a file into storage\.url"
    with pytest.raises(DatabaseTrouble, match=told), database.read() as session:
        session.execute("SELECT 1")


@pytest.mark.parametrize("mode", [0o400, 0o600])
def test_who_may_not_write_to_the_folder_can_read_whether_or_not_the_file_may_be_written(
    tmp_path: Path, mode: int
) -> None:
    file, folder = tmp_path / "shared" / "m.db", tmp_path / "shared"
    folder.mkdir()
    writing = Database(f"sqlite:///{file}")
    with writing.write() as session:
        session.execute("CREATE TABLE t AS SELECT 1 AS a", ())
    writing.dispose()
    file.chmod(mode)
    folder.chmod(0o500)
    try:
        if os.access(folder, os.W_OK):
            pytest.skip("the superuser may write everywhere")
        with Database(f"sqlite:///{file}", only_reads=True).read() as session:
            assert sql.value(session, "SELECT a FROM t") == 1
    finally:
        folder.chmod(0o700)


def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    (tmp_path / "m.db").write_text("this is a letter to my grandmother, and long enough to be one" * 20)
    database = Database(f"sqlite:///{tmp_path / 'm.db'}")
    with pytest.raises(DatabaseTrouble, match="no SQLite file"), database.read() as session:
        session.execute("SELECT 1")


def test_a_database_that_somebody_else_keeps_locked_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "BUSY_TIMEOUT_SECONDS", 0.05)
    database = Database(f"sqlite:///{tmp_path / 'm.db'}")
    with database.write() as session:
        session.execute("CREATE TABLE t (a)", ())
    other = sqlite3.connect(tmp_path / "m.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(DatabaseTrouble, match="another process has been writing"), database.write() as session:
        session.execute("INSERT INTO t VALUES (1)", ())
    other.close()
    database.dispose()


def test_a_full_disk_is_told_and_work_goes_on_after_it(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'm.db'}")
    with database.write() as session:
        session.execute("CREATE TABLE t (a)", ())
        session.execute("PRAGMA max_page_count = 3")
    with pytest.raises(DatabaseTrouble, match="full; make room on the disk"), database.write() as session:
        session.execute("INSERT INTO t VALUES (randomblob(1000000))", ())
    database.dispose()
    with database.write() as session:
        session.execute("INSERT INTO t VALUES (1)", ())
    database.dispose()


@pytest.mark.parametrize(
    "kind", [errors.DatabaseRefused, errors.DatabaseTrouble, errors.DatabaseNewer, errors.ColumnMismatch]
)
def test_errors_survive_the_way_to_another_process(kind: type[errors.StorageError]) -> None:
    error = pickle.loads(pickle.dumps(kind("what", "do this")))
    assert (type(error), error.message, error.hint, str(error)) == (kind, "what", "do this", "what; do this")


def test_nothing_is_opened_when_a_database_is_named(tmp_path: Path) -> None:
    script = (
        "import sys; from storage.engine import Database; Database('postgresql://u@127.0.0.1:1/d');"
        "Database(f'sqlite:///{sys.argv[1]}/m.db')"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("dialect", ["postgresql"], indirect=True)
def test_a_connection_that_comes_back_when_all_were_closed_is_closed_as_well(
    database: Database, postgres_server: Server
) -> None:
    url = database.url.text(hide_password=False)
    with database.read() as session:
        session.execute("SELECT 1")
        database.dispose()
    waiting.until(lambda: postgres_server.sessions(url) == 0, seconds=10)  # the server takes a moment to notice


def test_a_statement_that_broke_off_holds_nobody_up(database: Database, database_url: str) -> None:
    """Its cursor lives as long as the exception does, which a worker may keep."""
    for name in ("a", "b"):
        with database.write() as session:
            _insert(session, name)

    def break_off(session: Session) -> None:
        rows = session.execute("SELECT name FROM mirrorpoint_lease")
        raise ValueError(next(iter(rows)))

    kept: list[BaseException] = []
    for opened in (database.read, database.write):
        try:
            with opened() as session:
                break_off(session)
        except ValueError as error:
            kept.append(error)
    other = Database(database_url)
    with other.write() as session:
        _insert(session, "c")
    other.dispose()
    with database.write() as session:
        _insert(session, "d")
    assert _names(database) == ["a", "b", "c", "d"]
    assert len(kept) == 2
