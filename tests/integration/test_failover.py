"""After a failover old sessions only read, and the daemon never wrote again though new ones could."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from sqlalchemy import make_url

from storage.engine import Database
from storage.errors import DatabaseTrouble
from tests.postgres import Server


@pytest.fixture
def url(postgres_server: Server) -> Iterator[str]:
    made = postgres_server.create()
    yield made
    postgres_server.drop(made)


def admin(url: str, *statements: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)


def write(database: Database) -> None:
    with database.write() as session:
        session.execute("INSERT INTO t VALUES (1)", ())


def test_sessions_that_only_read_are_thrown_away_and_new_ones_write(url: str) -> None:
    name = make_url(url).database
    admin(url, "CREATE TABLE t (a integer)", f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
    database = Database(url)
    with database.read() as session:  # two of them are in the pool, as in a daemon
        session.execute("SELECT 1")
        with database.read() as another:
            another.execute("SELECT 1")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET default_transaction_read_only = off")
        connection.execute(f'ALTER DATABASE "{name}" RESET default_transaction_read_only')

    with pytest.raises(DatabaseTrouble, match="as after a failover: the next try opens new ones"):
        write(database)
    write(database)
    database.dispose()


def test_a_list_of_hosts_is_tried_in_its_order_and_its_password_is_not_shown(url: str) -> None:
    parsed = make_url(url)
    folder = str(parsed.query.get("host") or parsed.host)
    if not folder.startswith("/"):
        pytest.skip("the server is not reached by a socket in a folder")
    hosts = f"127.0.0.1:1,[::1]:2,{folder.replace('/', '%2F')}"
    text = f"postgresql+psycopg://{parsed.username}:hidden@{hosts}/{parsed.database}?target_session_attrs=read-write"
    database = Database(text)
    assert "hidden" not in database.name
    assert "@127.0.0.1:1,[::1]:2," in database.name
    admin(url, "CREATE TABLE t (a integer)")
    write(database)
    database.dispose()


def test_hosts_that_are_none_are_refused_or_told(url: str) -> None:
    database = Database("postgresql://u:hidden@127.0.0.1:1,localhost:2/d")
    with pytest.raises(DatabaseTrouble) as told, database.read() as session:
        session.execute("SELECT 1")
    assert "hidden" not in str(told.value)
    database.dispose()
