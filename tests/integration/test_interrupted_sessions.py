"""What is left of a session that was interrupted, or one of whose statements failed; and URLs that lead nowhere."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from sqlalchemy import make_url, text

from storage import connections, sql, urls
from storage.connections import Connections
from storage.engine import Database
from storage.errors import DatabaseRefused, DatabaseTrouble
from storage.session import Session
from tests.postgres import Server

_STOPPED = "SELECT 'stopped here'"


@pytest.fixture
def url(postgres_server: Server) -> Iterator[str]:
    made = postgres_server.create()
    yield made
    postgres_server.drop(made)


def _interrupt(database: Database) -> None:
    """As Ctrl-C does, in the middle of a statement of the library."""

    def stop(statement: Any, _: Any) -> None:
        if statement == _STOPPED:
            raise KeyboardInterrupt

    database.watchers.append(stop)
    with pytest.raises(KeyboardInterrupt), database.write() as session:
        session.sqlalchemy().execute(text(_STOPPED))
    database.watchers.remove(stop)


def test_after_an_interrupted_statement_other_threads_go_on(database: Database) -> None:
    _interrupt(database)

    def look() -> Any:
        with database.read() as session:
            return session.sqlalchemy().execute(text("SELECT 1")).scalar()

    with ThreadPoolExecutor(1) as other:
        assert other.submit(look).result() == 1


@pytest.mark.parametrize("dialect", ["postgresql"], indirect=True)
def test_after_an_interrupted_statement_no_session_uses_the_connection_of_another(database: Database) -> None:
    _interrupt(database)

    def both(session: Session) -> set[int]:
        """The server's process, as the driver and as the library have it."""
        asked = "SELECT pg_backend_pid()"
        return {sql.value(session, asked), session.sqlalchemy().execute(text(asked)).scalar_one()}

    with database.read() as first, database.read() as second:
        of_second, of_first = both(second), both(first)
    assert (len(of_first), len(of_second), len(of_first | of_second)) == (1, 1, 2)


@pytest.mark.parametrize("dialect", ["postgresql"], indirect=True)
def test_a_commit_behind_a_statement_that_failed_is_no_success(database: Database) -> None:
    def write() -> None:
        with database.write() as session:
            session.execute("CREATE TABLE t (a integer)")
            with pytest.raises(psycopg.Error):
                session.execute("SELECT 1 / 0")

    with pytest.raises(psycopg.errors.InFailedSqlTransaction, match="nothing of it can be kept"):
        write()
    with database.read() as session:
        assert sql.value(session, "SELECT to_regclass('t')") is None


def test_a_transaction_that_the_server_ends_is_trouble_with_a_cure(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as admin:
        name = make_url(url).database
        admin.execute(f"ALTER DATABASE \"{name}\" SET idle_in_transaction_session_timeout = '10ms'")
    database = Database(url)

    def write_slowly() -> None:
        with database.write() as session:
            _wait_until_gone(url, sql.value(session, "SELECT pg_backend_pid()"))
            session.execute("SELECT 1")

    with pytest.raises(DatabaseTrouble, match="idle-in-transaction timeout; it is tried again"):
        write_slowly()
    database.dispose()


def _wait_until_gone(url: str, pid: int) -> None:
    deadline = time.monotonic() + 30
    with psycopg.connect(url, autocommit=True) as admin:
        while admin.execute("SELECT 1 FROM pg_stat_activity WHERE pid = %s", (pid,)).fetchone():
            assert time.monotonic() < deadline


@pytest.mark.parametrize("option", ["autocommit=1", "row_factory=1", "cursor_factory=1", "context=1"])
def test_an_argument_of_the_driver_is_no_option_of_a_url(url: str, option: str) -> None:
    database = Database(f"{url}{'&' if '?' in url else '?'}{option}")
    with pytest.raises(DatabaseRefused, match=r"take it out of storage\.url"), database.read() as session:
        session.execute("SELECT 1")


@pytest.mark.parametrize(
    ("url", "cure"),
    [
        ("postgresql://u:p@hidden@h/d", "as %40"),
        ("postgresql://u:p@x/hidden@h/d", "as %40"),
        ("postgresql://u:hidden@@h/d", "as %40"),
        ("postgresql://u:hidden%00@h/d", "zero byte"),
        ("postgresql://u:hidden@/d?host=a&host=b", "host=first,second"),
    ],
)
def test_a_url_that_would_show_a_part_of_its_password_or_lead_elsewhere_is_refused(url: str, cure: str) -> None:
    with pytest.raises(DatabaseRefused, match=cure) as told:
        Database(url)
    assert "hidden" not in str(told.value)


class _Driver:
    is_closed = False

    def close(self) -> None:
        self.is_closed = True


def test_what_is_written_with_percent_signs_is_read_and_shown_as_such() -> None:
    written = "postgresql://u%40x:p%40%2F%3A%25%23%3F@%2Frun%2Fpg:1,[::1]:2/my%2Fdata%40%3F"
    found = urls.usable(written)
    assert found.connecting() == {
        "user": "u@x",
        "password": "p@/:%#?",
        "host": "/run/pg,::1",
        "port": "1,2",
        "dbname": "my/data@?",
    }
    assert urls.usable(found.text(hide_password=False)) == found
    assert urls.usable("sqlite:////srv/50%25%3F/m.db").database == "/srv/50%?/m.db"


def test_a_connection_that_is_interrupted_as_it_is_asked_for_life_is_closed() -> None:
    def stop(_: Any) -> bool:
        raise KeyboardInterrupt

    driver = _Driver()
    kept = Connections("d", lambda: driver, is_at_rest=lambda _: True, is_alive=stop)
    kept.give_back(kept.take())
    with pytest.raises(KeyboardInterrupt):
        kept.take()
    assert driver.is_closed


def test_after_a_fork_threads_that_come_at_once_begin_anew_once(monkeypatch: pytest.MonkeyPatch) -> None:
    made = Connections("d", _Driver, is_at_rest=lambda _: True)
    of_parent = made.take()
    made.give_back(of_parent)
    monkeypatch.setattr(connections.os, "getpid", lambda: -1)
    barrier = threading.Barrier(8)

    def use() -> object:
        barrier.wait()
        taken = made.take()
        barrier.wait()
        made.give_back(taken)
        return taken

    with ThreadPoolExecutor(8) as threads:
        taken = list(threads.map(lambda _: use(), range(8)))
    assert of_parent not in taken
    assert len(set(map(id, taken))) == 8
