"""What a start makes of a database, whatever it finds there."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import select
from sqlmodel import SQLModel

from changes import fingerprint
from changes.records import Id, Json
from changes.resources import ColumnType, Resource
from storage import mirror, mirror_columns, mirror_tables, mirror_upkeep, prepare, reports, views
from storage.engine import Database
from storage.errors import ColumnMismatch, DatabaseNewer
from tests.integration.migrations_once import Recorded

NOW = datetime(2026, 11, 22, 10, 0, 0, 123456, tzinfo=UTC)
PRODUCTS = Resource(
    name="products",
    title="Products",
    path="/products",
    columns={"name": ColumnType.TEXT, "groupId": ColumnType.INTEGER},
)
CURRENCIES = Resource(name="product_currencies", title="", path="/c", ancestors=("products",))

_DESCRIBED = {
    "sqlite": "SELECT type, name, sql FROM sqlite_master"
    " WHERE name LIKE '%mirrorpoint%' AND type <> 'view' ORDER BY name",
    "postgresql": "SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attnum,"
    " pg_get_expr(d.adbin, d.adrelid), l.collname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid"
    " LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum"
    " LEFT JOIN pg_collation l ON l.oid = a.attcollation"
    " WHERE c.relname ~ 'mirrorpoint' AND a.attnum > 0 AND c.relkind NOT IN ('S', 'v')"
    " UNION ALL SELECT tablename, indexname, indexdef, NULL, NULL, NULL, NULL FROM pg_indexes"
    " WHERE tablename ~ '^mirrorpoint' ORDER BY 1, 2, 5",
}


@pytest.fixture(autouse=True)
def migrations() -> None:
    """The migrations themselves, in place of what was recorded of them."""


@pytest.fixture
def empty(empty_url: str) -> Iterator[Database]:
    database = Database(empty_url)
    yield database
    database.dispose()


def _described(database: Database) -> list[tuple[object, ...]]:
    rows = _rows(database, _DESCRIBED[database.dialect])
    return [tuple(_tidy(part) if isinstance(part, str) else part for part in row) for row in rows]


def _tidy(text: str) -> str:
    """Without the white space and the quotes that a table keeps of how it came to its columns and its name."""
    plain = re.sub(r'^CREATE TABLE "(\w+)"', r"CREATE TABLE \1", " ".join(text.split()))
    return plain.replace(" ,", ",").replace(" )", ")")


def _rows(database: Database, text: str) -> list[tuple[object, ...]]:
    with database.read() as session:
        return [tuple(row) for row in session.execute(text)]


def _run(database: Database, text: str) -> None:
    with database.write() as session:
        session.execute(text)


def _put(database: Database, resource: Resource, documents: dict[str, Json], *, source: str = "backoffice") -> None:
    columns_of = mirror.columns_of(resource, database.dialect)
    rows = [
        mirror.MirrorRow(Id("", key), fingerprint.canonical(document), "1:f", 1, columns_of(document)[0], NOW, NOW)
        for key, document in documents.items()
    ]
    with database.write() as session:
        mirror.put(session, resource, source, rows)


def test_the_constant_is_the_head_of_the_migrations() -> None:
    config = Config()
    config.set_main_option("script_location", str(prepare._MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_current_head() == prepare.HEAD


def test_the_migrations_make_exactly_the_tables_of_the_program(empty: Database, database: Database) -> None:
    with empty.write() as session:
        SQLModel.metadata.create_all(session.sqlalchemy())
    described = [row for row in _described(database) if "mirrorpoint_version" not in f"{row}"]
    assert described == _described(empty)


def test_a_mirrored_table_has_the_columns_of_the_product_in_their_order(empty: Database) -> None:
    prepare.prepare(empty, {"backoffice": [PRODUCTS]})
    with empty.read() as session:
        columns = [column[0] for column in session.execute("SELECT * FROM products").description]
    fixed_before, fixed_behind = ["source", "parent_key", "key"], ["document", "version", "fingerprint"]
    times = ["first_seen_at", "changed_at", "deleted_at"]
    assert columns == [*fixed_before, "name", "group_id", *fixed_behind, *times]


def test_a_table_that_was_just_made_lacks_nothing_whatever_the_types_of_its_columns(empty: Database) -> None:
    every = replace(PRODUCTS, columns={f"of_{kind}": kind for kind in ColumnType})
    prepare.prepare(empty, {"backoffice": [every]})
    with empty.read() as session:
        assert mirror_upkeep.lacking(session, mirror_columns.united_columns([every])) == []
        names = [name for name, _ in mirror_columns.all_columns(mirror_columns.typed_columns(every))]
        assert names == [column.name for column in mirror_tables.table_for(every).columns]


def test_an_unchanged_start_is_one_query_and_imports_no_alembic(empty: Database, empty_url: str) -> None:
    prepare.prepare(empty, {"backoffice": [PRODUCTS, CURRENCIES]})
    script = (
        "import sys; from storage import prepare; from storage.engine import Database\n"
        "from tests.integration import test_storage_prepare as own\n"
        "database, asked = Database(sys.argv[1]), []\n"
        "for name in [name for name in sys.modules if name.split('.')[0] == 'alembic']: del sys.modules[name]\n"
        "database.watchers.append(lambda *a: asked.append(a[0]))\n"
        "prepare.prepare(database, {'backoffice': [own.PRODUCTS, own.CURRENCIES]}); database.dispose()\n"
        "print(len([text for text in asked if not text.startswith('BEGIN')]), 'alembic' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script, empty_url], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1", "False"]


def test_a_table_that_was_dropped_is_made_again(empty: Database) -> None:
    prepare.prepare(empty, {"backoffice": [PRODUCTS]})
    _run(empty, "DROP TABLE products")
    prepare.prepare(empty, {"backoffice": [PRODUCTS]})
    assert _rows(empty, "SELECT * FROM products") == []


def test_a_new_column_is_added_and_filled_from_the_stored_documents(empty: Database) -> None:
    bare = replace(PRODUCTS, columns={})
    prepare.prepare(empty, {"backoffice": [bare]})
    _put(empty, bare, {str(n): {"name": f"n{n}", "groupId": n, "extra": True} for n in range(2_500)})
    _put(empty, bare, {"odd": {"name": "x", "groupId": "no number"}, "none": {}})
    prepare.prepare(empty, {"backoffice": [PRODUCTS]})
    text = "SELECT key, name, group_id FROM products ORDER BY key"
    expected = [(str(n), f"n{n}", n) for n in range(2_500)] + [("odd", "x", None), ("none", None, None)]
    assert _rows(empty, text) == sorted(expected)


def test_a_start_that_fails_while_it_fills_leaves_no_half_made_column(
    empty: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare = replace(PRODUCTS, columns={})
    prepare.prepare(empty, {"backoffice": [bare]})
    _put(empty, bare, {"1": {"name": "one"}})
    with monkeypatch.context() as patch:
        patch.setattr("changes.normalise.columns", _fails)
        with pytest.raises(RuntimeError):
            prepare.prepare(empty, {"backoffice": [PRODUCTS]})
    prepare.prepare(empty, {"backoffice": [PRODUCTS]})
    assert _rows(empty, "SELECT key, name FROM products") == [("1", "one")]


def _fails(*_: object) -> None:
    raise RuntimeError("in the middle")


@pytest.mark.parametrize(
    ("was", "becomes", "expected"),
    [
        (ColumnType.INTEGER, ColumnType.TEXT, ["7", None, "50.00"]),
        (ColumnType.INTEGER, ColumnType.NUMBER, [7.0, None, 50.0]),
        (ColumnType.TEXT, ColumnType.INTEGER, [7, None, None]),
    ],
)
def test_a_column_of_another_type_is_made_anew_from_the_documents(
    empty: Database, was: ColumnType, becomes: ColumnType, expected: list[object]
) -> None:
    before, after = (replace(PRODUCTS, columns={"name": ColumnType.TEXT, "groupId": kind}) for kind in (was, becomes))
    prepare.prepare(empty, {"backoffice": [before]})
    _put(empty, before, {"1": {"groupId": 7, "name": "kept"}, "2": {}, "3": {"groupId": "50.00"}})
    for _ in range(2):  # a second start finds nothing to do
        prepare.prepare(empty, {"backoffice": [after]})

    assert expected == [value for (value,) in _rows(empty, "SELECT group_id FROM products ORDER BY key")]
    assert "kept" == _rows(empty, "SELECT name FROM products WHERE key = '1'")[0][0]


def test_a_flag_that_was_an_integer_keeps_its_meaning(empty: Database) -> None:
    before, after = (replace(PRODUCTS, columns={"isActive": each}) for each in (ColumnType.INTEGER, ColumnType.BOOLEAN))
    prepare.prepare(empty, {"backoffice": [before]})
    _put(empty, before, {"1": {"isActive": 1}, "2": {"isActive": 0}, "3": {"isActive": True}})
    prepare.prepare(empty, {"backoffice": [after]})

    found = [bool(value) for (value,) in _rows(empty, "SELECT is_active FROM products ORDER BY key")]
    assert [True, False, True] == found


def test_a_column_that_a_view_needs_is_told_with_the_cure_and_nothing_is_changed(empty: Database) -> None:
    prepare.prepare(empty, {"backoffice": [PRODUCTS]})
    _put(empty, PRODUCTS, {"1": {"groupId": 7}})
    _run(empty, "CREATE VIEW groups_used AS SELECT group_id FROM products")
    other = replace(PRODUCTS, columns={"name": ColumnType.TEXT, "groupId": ColumnType.TEXT})

    with pytest.raises(ColumnMismatch, match="drop what depends on it") as told:
        prepare.prepare(empty, {"backoffice": [other]})

    assert "products.group_id is bigint, the catalogue says text" in str(told.value)
    assert [(7,)] == _rows(empty, "SELECT group_id FROM groups_used")
    _run(empty, "DROP VIEW groups_used")
    prepare.prepare(empty, {"backoffice": [other]})
    assert [("7",)] == _rows(empty, "SELECT group_id FROM products")


def test_a_fixed_column_of_another_type_is_somebody_else_s_table(empty: Database) -> None:
    prepare.prepare(empty, {"backoffice": [PRODUCTS]})
    _run(empty, "DROP INDEX ix_products_source")
    _run(empty, "ALTER TABLE products DROP COLUMN deleted_at")
    _run(empty, "ALTER TABLE products ADD COLUMN deleted_at INTEGER")

    with pytest.raises(ColumnMismatch, match="not one of Mirrorpoint's"):
        prepare.prepare(empty, {"backoffice": [replace(PRODUCTS, columns={})]})


def test_a_table_of_somebody_else_is_left_alone_and_told(empty: Database) -> None:
    _run(empty, "CREATE TABLE products (id INTEGER)")
    with pytest.raises(ColumnMismatch, match="not one of Mirrorpoint's"):
        prepare.prepare(empty, {"backoffice": [PRODUCTS]})


def test_two_catalogues_with_one_table_have_all_their_columns_in_it(empty: Database) -> None:
    other = replace(PRODUCTS, columns={"name": ColumnType.TEXT, "price": ColumnType.NUMBER})
    prepare.prepare(empty, {"backoffice": [PRODUCTS], "second": [other]})
    assert _rows(empty, "SELECT name, group_id, price FROM products") == []


def test_each_source_fills_a_shared_column_from_its_own_members(empty: Database) -> None:
    bare = replace(PRODUCTS, columns={})
    prepare.prepare(empty, {"backoffice": [bare], "second": [bare]})
    _put(empty, bare, {"1": {"groupId": 7}, "2": {"group_id": 8}})
    _put(empty, bare, {"1": {"groupId": 7}, "2": {"group_id": 8}}, source="second")
    first, second = (replace(PRODUCTS, columns={member: ColumnType.INTEGER}) for member in ("groupId", "group_id"))
    text = "SELECT source, key, group_id FROM products ORDER BY source, key"

    prepare.prepare(empty, {"backoffice": [first], "second": [bare]})
    only_one = [("backoffice", "1", 7), ("backoffice", "2", None), ("second", "1", None), ("second", "2", None)]
    assert only_one == _rows(empty, text)

    prepare.prepare(empty, {"backoffice": [first], "second": [second]})
    assert [*only_one[:3], ("second", "2", 8)] == _rows(empty, text)

    prepare.prepare(empty, {"backoffice": [second], "second": [second]})
    other_member = [("backoffice", "1", None), ("backoffice", "2", 8)]
    assert other_member == _rows(empty, text)[:2]


def test_rows_of_a_program_that_converted_less_get_what_converts_now(empty: Database) -> None:
    prepare.prepare(empty, {"backoffice": [PRODUCTS]})
    _put(empty, PRODUCTS, {"1": {"name": "one", "groupId": 7}})
    _run(empty, "UPDATE products SET group_id = NULL")
    _run(empty, "DELETE FROM mirrorpoint_prepared WHERE name = 'products/backoffice'")
    prepare.prepare(empty, {"backoffice": [PRODUCTS]})
    assert [("one", 7)] == _rows(empty, "SELECT name, group_id FROM products")


def test_columns_that_hold_what_the_documents_say_are_not_written_again(empty: Database) -> None:
    every = replace(PRODUCTS, columns={kind.value: kind for kind in ColumnType})
    document = {
        "text": "ä",
        "integer": 7,
        "number": 0.5,
        "boolean": True,
        "time": "2026-11-22",
        "json": {"a": [1, "x"]},
    }
    prepare.prepare(empty, {"backoffice": [every]})
    _put(empty, every, {"1": document, "2": {}, "3": document | {"json": "x", "boolean": False}})
    _run(empty, "DELETE FROM mirrorpoint_prepared WHERE name = 'products/backoffice'")
    said: list[str] = []
    empty.watchers.append(lambda text, _: said.append(text))
    prepare.prepare(empty, {"backoffice": [every]})
    assert [text for text in said if text.startswith('UPDATE "products"')] == []
    assert [text for text in said if 'FROM "products"' in text]

    _run(empty, "UPDATE products SET boolean = NULL, json = NULL, time = NULL WHERE key = '1'")
    _run(empty, "DELETE FROM mirrorpoint_prepared WHERE name = 'products/backoffice'")
    prepare.prepare(empty, {"backoffice": [every]})
    with empty.read() as session:
        (row,) = reports.rows(session, every, "backoffice", key="1")
    assert {name: row[name] for name in ("boolean", "time", "json")} == {
        "boolean": True,
        "time": datetime(2026, 11, 22, tzinfo=UTC),
        "json": {"a": [1, "x"]},
    }


def test_two_catalogues_that_disagree_on_a_column_are_told(empty: Database) -> None:
    other = replace(PRODUCTS, columns={"name": ColumnType.JSON})
    with pytest.raises(ColumnMismatch, match=r"disagree on products\.name: text and json"):
        prepare.prepare(empty, {"backoffice": [PRODUCTS], "second": [other]})


def test_members_with_the_names_of_python_things_become_columns(empty: Database) -> None:
    members = [
        "metadata",
        "registry",
        "json",
        "class",
        "2fa",
        "model_config",
        "key",
        "copy",
        "order",
        "nothing",
        "per%cent",
        "x y",
        *("xmin", "xmax", "cmin", "cmax", "ctid", "tableoid", "oid", "rowid", "_rowid_"),
    ]
    odd = Resource(name="odd_names", title="", path="/o", columns=dict.fromkeys(members, ColumnType.TEXT))
    prepare.prepare(empty, {"backoffice": [odd]})
    _put(empty, odd, {"1": {member: f"the {member}" for member in members}})
    with empty.read() as session:
        found = session.objects.execute(select(mirror_tables.table_for(odd))).mappings().one()
    assert {member: found[name] for member, name in odd.column_names().items()} == {m: f"the {m}" for m in members}


@pytest.mark.parametrize("name", ["nothing", "order", "select", "user"])
def test_a_resource_may_have_a_name_that_means_something_to_a_database(empty: Database, name: str) -> None:
    resource = Resource(name=name, title="", path="/o", columns={"nothing": ColumnType.TEXT})
    for _ in range(2):
        prepare.prepare(empty, {"backoffice": [resource]})
        _put(empty, resource, {"1": {"nothing": "x"}})
    wider = replace(resource, columns={"nothing": ColumnType.TEXT, "limit": ColumnType.INTEGER})
    prepare.prepare(empty, {"backoffice": [wider]})
    with empty.read() as session:
        assert [row["nothing"] for row in reports.rows(session, wider, "backoffice", key="1")] == ["x"]
        assert mirror.live_count(session, wider, "backoffice") == 1


def test_a_database_of_a_newer_program_is_refused(database: Database) -> None:
    _run(database, "UPDATE mirrorpoint_version SET version_num = '9999'")
    with pytest.raises(DatabaseNewer, match=r"made by a newer Mirrorpoint.*upgrade the program"):
        prepare.prepare(database, {})


def test_processes_that_start_at_once_do_not_get_in_each_others_way(empty: Database, empty_url: str) -> None:
    script = (
        "import sys; from storage import prepare; from storage.engine import Database\n"
        "from tests.integration import test_storage_prepare as own\n"
        "database = Database(sys.argv[1]); print('ready', flush=True); sys.stdin.readline()\n"
        "prepare.prepare(database, {'backoffice': [own.PRODUCTS, own.CURRENCIES]}); database.dispose()"
    )
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    command = [sys.executable, "-c", script, empty_url]
    started = [subprocess.Popen(command, **pipes, text=True) for _ in range(3)]
    for process in started:
        assert process.stdout.readline() == "ready\n"
    for process in started:
        process.stdin.write("go\n")
        process.stdin.flush()
    said = [process.communicate(timeout=60)[1] for process in started]
    assert [process.returncode for process in started] == [0, 0, 0], said
    assert _rows(empty, "SELECT count(*) FROM mirrorpoint_prepared") == [(2 + 2 + len(views.VIEWS),)]


def test_what_other_tests_have_in_place_of_migrations_makes_the_same(
    tmp_path: Path, recorded_migrations: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []
    for name in ("migrated", "recorded"):
        database = Database(f"sqlite:///{tmp_path / name}.db")
        prepare.prepare(database, {})
        made.append((_described(database), _rows(database, "SELECT version_num FROM mirrorpoint_version")))
        database.dispose()
        monkeypatch.setattr(prepare, "_migrate", recorded_migrations.migrate)
    assert made[0] == made[1]
    assert len(made[0][0]) > 50
