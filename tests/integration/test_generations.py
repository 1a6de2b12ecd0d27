"""The database counts how often rows of a mirrored table were changed or removed, whoever did it and however."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from changes.resources import ColumnType, Resource
from storage import generations
from storage.engine import Database
from storage.generations import Counted
from storage.prepare import prepare

#: The second must be quoted.
NAMES = ("things", "order")
Asked = Callable[[str], object]


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


@pytest.fixture
def run(database: Database, name: str) -> Asked:
    """Runs a statement in a transaction of its own; `{T}` stands for it."""
    resource = Resource(name=name, title="", path="/things", columns={"name": ColumnType.TEXT})
    sources = {"a": [resource], "b": [resource]}
    prepare(database, sources)
    with database.write() as session:
        for source in sources:
            assert generations.begin(session, source, name) == Counted(1, 0)

    def statement(text: str) -> None:
        with database.write() as session:
            session.execute(text.replace("{T}", f'"{name}"'))

    for source in sources:
        for key in ("1", "2"):
            statement(
                "INSERT INTO {T} (source, parent_key, key, document, version, fingerprint, first_seen_at, changed_at)"
                f" VALUES ('{source}', '', '{key}', '{{}}', 1, 'f', '2026-01-01 00:00:00', '2026-01-01 00:00:00')"
            )
    return statement


def counted(database: Database, name: str) -> tuple[int, int]:
    with database.read() as session:
        return generations.now(session, "a", name), generations.now(session, "b", name)


def test_rows_that_are_added_do_not_count(database: Database, name: str, run: Asked) -> None:
    assert counted(database, name) == (1, 1)


@pytest.mark.parametrize(
    "what", ["UPDATE {T} SET fingerprint = 'g'", "DELETE FROM {T}", "UPDATE {T} SET deleted_at = NULL"]
)
def test_rows_that_are_changed_or_removed_count_for_their_source_alone(
    database: Database, name: str, run: Asked, what: str
) -> None:
    run(f"{what} WHERE source = 'a' AND key = '1'")
    a, b = counted(database, name)
    assert a > 1
    assert b == 1


@pytest.mark.parametrize("what", ["UPDATE {T} SET fingerprint = 'g'", "DELETE FROM {T}"])
def test_a_statement_about_all_rows_counts_for_all_sources(
    database: Database, name: str, run: Asked, what: str
) -> None:
    run(what)
    a, b = counted(database, name)
    assert a > 1
    assert b > 1


def test_what_is_rolled_back_has_not_been_counted(database: Database, name: str, run: Asked) -> None:
    with database.read() as session:
        session.execute(f'DELETE FROM "{name}"')
        assert generations.now(session, "a", name) > 1
        session.rollback()
    assert counted(database, name) == (1, 1)


def test_a_table_that_somebody_dropped_is_made_and_counted_again(database: Database, name: str, run: Asked) -> None:
    run("DROP TABLE {T}")
    resource = Resource(name=name, title="", path="/things", columns={"name": ColumnType.TEXT})
    prepare(database, {"a": [resource]})
    made = counted(database, name)
    assert min(made) > 1, "what was known of its rows is not known any more"
    run(
        "INSERT INTO {T} (source, parent_key, key, document, version, fingerprint, first_seen_at, changed_at)"
        " VALUES ('a', '', '1', '{}', 1, 'f', '2026-01-01 00:00:00', '2026-01-01 00:00:00')"
    )
    run("UPDATE {T} SET version = 2")
    assert counted(database, name)[0] > made[0]


def test_a_table_that_somebody_made_anew_without_triggers_is_counted_from_the_next_start(
    database: Database, name: str, run: Asked
) -> None:
    if database.dialect == "sqlite":
        run(f"DROP TRIGGER mirrorpoint_update_{name}")
    else:
        run('ALTER TABLE {T} RENAME TO "former"')
        run('CREATE TABLE {T} AS SELECT * FROM "former"')
    resource = Resource(name=name, title="", path="/things", columns={"name": ColumnType.TEXT})
    prepare(database, {"a": [resource]})
    made = counted(database, name)
    assert min(made) > 1
    run("UPDATE {T} SET version = 2")
    assert min(counted(database, name)) > max(made)


@pytest.mark.parametrize("dialect", ["postgresql"], indirect=True)
def test_a_truncated_table_counts(database: Database, name: str, run: Asked) -> None:
    run("TRUNCATE {T}")
    assert min(counted(database, name)) > 1


@pytest.mark.parametrize("dialect", ["postgresql"], indirect=True)
def test_who_may_write_to_a_table_alone_is_counted_from_wherever_he_looks(
    database: Database, name: str, run: Asked
) -> None:
    run("GRANT SELECT, UPDATE ON {T} TO PUBLIC")
    table = f'public."{name}"'
    with database.write() as session:
        session.execute("CREATE ROLE mirrorpoint_stranger")
        session.execute("SET LOCAL ROLE mirrorpoint_stranger")
        session.execute("SET LOCAL search_path TO pg_catalog")
        session.execute(f"UPDATE {table} SET version = 7 WHERE source = 'b'")
        session.execute("RESET ROLE")
        session.execute("SET LOCAL search_path TO public")
        session.execute(f"REVOKE ALL ON {table} FROM PUBLIC")
        session.execute("DROP ROLE mirrorpoint_stranger")
    a, b = counted(database, name)
    assert a == 1
    assert b > 1


@pytest.mark.parametrize("dialect", ["postgresql"], indirect=True)
def test_what_counts_may_be_there_already(database: Database, name: str, run: Asked) -> None:
    """A backup of an older Mirrorpoint was restored, which is brought up once more."""
    run(generations.COUNTING)
    run("UPDATE {T} SET version = 2")
    assert min(counted(database, name)) > 1
