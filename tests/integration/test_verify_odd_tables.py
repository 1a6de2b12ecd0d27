"""Odd names, tables without their keys, unreadable bookkeeping: verify names them, and goes on to its end."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from changes import digests
from storage import change_log, driver_values, seals
from storage.seals import Log
from tasks.record import sealing
from tasks.record.log_hashes import LogBrokenError
from tests.integration.recorded_world import World, Worlds, bad, is_green

_COLUMNS = "document, version, fingerprint, first_seen_at, changed_at, name, size, price, sold, since, tags"
_NOT_TEXT = "it is in the mirror under a name that Mirrorpoint never writes"


@pytest.fixture
def world(worlds: Worlds, dialect: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[World]:
    with worlds.copy(dialect, tmp_path, capsys) as made:
        yield made


@pytest.fixture
def sqlite(worlds: Worlds, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[World]:
    """SQLite alone keeps bytes, and text that is none, in a column of text."""
    with worlds.copy("sqlite", tmp_path, capsys) as made:
        yield made


def copy_row(world: World, *, source: str = "source", parent_key: str = "parent_key", key: str = "key") -> None:
    """The row of things/5 once more, under another name."""
    world.alter(
        f"INSERT INTO things (source, parent_key, key, {_COLUMNS}) SELECT {source}, {parent_key}, {key}, {_COLUMNS}"
        " FROM things WHERE key = '5'"
    )


@pytest.mark.parametrize(
    "key", ["'1' || char(0)", "char(0)", "CAST(x'ff' AS TEXT)", "CAST(x'eda080' AS TEXT)", "x'31'", "x'ff'", "''"]
)
def test_a_row_with_an_odd_key_is_named_and_all_others_are_looked_at(sqlite: World, key: str) -> None:
    copy_row(sqlite, key=key)
    sqlite.set("things", "size", "key = '7'", 5)
    found = sqlite.verify()
    assert bad(found)["mirror"].endswith("; and 1 more")
    told = sqlite.look()["told"]
    assert [each.partition(": ")[2] for each in told if not each.startswith("things/7: ")] == [
        "it is in the mirror, and no change tells of it"
    ]
    assert "things/7: its column size is not what its document says" in told
    assert next(check["count"] for check in found["checks"] if check["name"] == "mirror") == 18


@pytest.mark.parametrize("parent_key", ["x'31'", "CAST(x'ff' AS TEXT)", "char(0)"])
def test_a_row_with_an_odd_parent_is_named(sqlite: World, parent_key: str) -> None:
    copy_row(sqlite, parent_key=parent_key)
    assert bad(sqlite.verify())["mirror"].endswith("it is in the mirror, and no change tells of it")


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("x'31'", _NOT_TEXT),
        ("x'ff'", _NOT_TEXT),
        ("CAST(x'ff' AS TEXT)", "it is in the mirror, and no change tells of it"),
        ("'shop' || char(0)", "it is in the mirror, and no change tells of it"),
        ("char(0)", "it is in the mirror, and no change tells of it"),
        ("''", "it is in the mirror, and no change tells of it"),
    ],
)
def test_a_row_of_an_odd_source_is_named(sqlite: World, source: str, told: str) -> None:
    copy_row(sqlite, source=source)
    assert bad(sqlite.verify()) == {"mirror": f"things/5: {told}"}
    sqlite.alter(f"DELETE FROM things WHERE source = {source}", f"UPDATE things SET source = {source}")
    told_of_all = sqlite.look()["told"]
    for key in "1234567":
        assert f"things/{key}: {told}" in told_of_all
        assert any(each.startswith(f"things/{key}: it has no row in the mirror") for each in told_of_all)


@pytest.mark.parametrize("column", ["source", "resource", "parent_key", "key"])
@pytest.mark.parametrize("value", ["x'31'", "CAST(x'ff' AS TEXT)", "char(0)"])
def test_a_change_with_an_odd_name_is_named_with_its_number(sqlite: World, column: str, value: str) -> None:
    sqlite.alter(f"UPDATE mirrorpoint_change SET {column} = {value} WHERE seq = 15")
    assert sqlite.verify()["first_bad"]["seq"] == 15
    assert sqlite.verify("--sample", "1000")["code"] == 6


def without_keys(world: World, table: str, *columns: str) -> None:
    """The table without its primary key, and these columns may be empty; its indexes are there."""
    if world.dialect != "sqlite":
        name = world.value(f"SELECT conname FROM pg_constraint WHERE conrelid = '{table}'::regclass AND contype = 'p'")
        world.alter(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
        world.alter(*(f"ALTER TABLE {table} ALTER {column} DROP NOT NULL" for column in columns))
        return
    made = f"FROM sqlite_master WHERE tbl_name = '{table}' AND sql IS NOT NULL AND type = "
    text = world.value(f"SELECT sql {made}'table'").replace(" PRIMARY KEY AUTOINCREMENT", "")
    indexes = [row[0] for row in world.rows(f"SELECT sql {made}'index'")]
    text = re.sub(r",\s*(CONSTRAINT \S+ )?PRIMARY KEY \([^)]*\)", "", text)
    for column in columns:
        text = re.sub(rf'(\b{column}"? \w+) NOT NULL', r"\1", text)
    assert "PRIMARY KEY" not in text
    world.alter(f"CREATE TABLE copied AS SELECT * FROM {table}", f"DROP TABLE {table}", text)
    world.alter(f"INSERT INTO {table} SELECT * FROM copied", "DROP TABLE copied", *indexes)


def test_a_mirrored_table_without_its_key_is_named(world: World) -> None:
    without_keys(world, "things", "key")
    told = "the unique index over source, parent_key, key of things is gone: rows may be there twice"
    assert bad(world.verify()) == {"mirror": f"{told}; and 1 more"}
    assert world.look()["told"][1].startswith("the column key of things may be empty")
    assert bad(world.verify("--sample", "5"))["mirror"].startswith(told)


def test_a_partial_index_is_no_key(world: World) -> None:
    without_keys(world, "things")
    world.alter("CREATE UNIQUE INDEX a_key ON things (source, parent_key, key) WHERE version > 1")
    assert "is gone" in bad(world.look())["mirror"]
    world.alter("CREATE UNIQUE INDEX another_key ON things (source, parent_key, key)")
    assert is_green(world.look())


def test_an_index_that_lets_rows_be_there_twice_is_no_key(world: World) -> None:
    without_keys(world, "things")
    world.alter(
        "CREATE INDEX a_key ON things (source, parent_key, key)",
        "CREATE UNIQUE INDEX another_key ON things (source, parent_key, key, (upper(key)))",
    )
    assert "is gone" in bad(world.look())["mirror"]


def test_a_record_that_was_removed_is_named_though_another_one_is_there_twice(world: World) -> None:
    without_keys(world, "things")
    world.alter("DELETE FROM things WHERE key = '1'", "INSERT INTO things SELECT * FROM things WHERE key = '5'")
    told = world.look()["told"]
    assert "things/5: it has 2 rows in the mirror, and not one" in told
    assert "things/1: it has no row in the mirror, and the log tells of it up to version 1" in told


def test_a_mirrored_row_without_a_name_is_named(world: World) -> None:
    without_keys(world, "things", "source", "parent_key", "key")
    copy_row(world, key="NULL")
    copy_row(world, parent_key="NULL")
    copy_row(world, source="NULL")
    world.set("things", "size", "key = '7'", 5)
    told = world.look()["told"]
    for name in ("things/None", "things/None/5", "things/5"):
        assert f"{name}: {_NOT_TEXT}" in told
    assert "things/7: its column size is not what its document says" in told


def forge(world: World, seq: str) -> None:
    """Version 3 of things/2 with that number, and the mirror's row with it."""
    (id_,) = digests.ids([datetime.fromisoformat("2026-11-22T00:00:00+00:00")])
    names = ", ".join(name for name in change_log.COLUMNS if name not in {"seq", "id", "version"})
    world.alter(
        f"INSERT INTO mirrorpoint_change (seq, id, version, {names}) SELECT {seq}, '{id_}', 3, {names}"
        " FROM mirrorpoint_change WHERE seq = 15",
        "UPDATE things SET version = 3 WHERE key = '2'",
    )


def test_a_log_whose_numbers_have_no_key_is_named(world: World) -> None:
    without_keys(world, "mirrorpoint_change")
    told = "the unique index over seq of mirrorpoint_change is gone: rows may be there twice"
    assert bad(world.verify()) == {"numbers": told}
    assert bad(world.verify("--sample", "5")) == {"numbers": told}


def test_a_change_without_a_number_is_named_and_the_row_that_follows_from_it(world: World) -> None:
    without_keys(world, "mirrorpoint_change", "seq")
    forge(world, "NULL")
    told = world.look()["told"]
    assert "the column seq of mirrorpoint_change may be empty, which lets rows be there without a name" in told
    assert "change without a number, things/2 version 3: it has no place in the log" in told
    assert "things/2: it is version 3 in the mirror, which no change tells of; the log's last is 2" in told
    assert world.verify()["code"] == 6


@pytest.mark.parametrize("seq", [1, 15, 32])
def test_a_number_that_comes_twice_is_named(world: World, seq: int) -> None:
    without_keys(world, "mirrorpoint_change")
    forge(world, str(seq))
    found = world.verify()
    assert found["first_bad"]["seq"] == seq
    assert f"change {seq} is there more than once" in world.look()["told"]
    assert not [each for each in world.look()["told"] if "missing" in each]
    assert world.verify("--sample", "1000")["code"] == 6
    at = driver_values.from_driver_time(world.value("SELECT max(observed_at) FROM mirrorpoint_change"))
    assert world.verify("--since", str(at))["code"] == 6


def test_nothing_is_sealed_where_one_number_is_missing_and_another_is_there_twice(world: World) -> None:
    without_keys(world, "mirrorpoint_change")
    world.alter("DELETE FROM mirrorpoint_seal", "DELETE FROM mirrorpoint_tile")
    world.alter("UPDATE mirrorpoint_change SET seq = 20 WHERE seq = 19")
    with world.database() as database:
        with pytest.raises(LogBrokenError, match=r"number 19 is missing, or there twice"):
            sealing.seal_all(database, None, now=datetime(2026, 11, 22, tzinfo=UTC))
        with database.read() as session:
            assert seals.last(session, Log.CHANGES) is None


UNREADABLE = "mirrorpoint_resource, which keeps how each list was read, holds what Mirrorpoint never writes"
#: An empty text comes from SQLite as nothing.
LOST = "mirrorpoint_resource does not have the rule of shop:things that action 1 says was begun: nothing is kept of it"


@pytest.mark.parametrize(
    ("value", "told"),
    [("'{'", UNREADABLE), ("''", LOST), ("x'ff'", UNREADABLE), ("CAST(x'ff' AS TEXT)", UNREADABLE)],
)
def test_bookkeeping_that_nobody_can_read_is_named(sqlite: World, value: str, told: str) -> None:
    sqlite.set("things", "size", "key = '7'", 5)
    sqlite.alter(f"UPDATE mirrorpoint_resource SET read_as = {value} WHERE resource = 'things'")
    assert bad(sqlite.verify())["mirror"].startswith(told)
    assert "things/7: its column size is not what its document says" in sqlite.look()["told"]


def test_an_untouched_record_has_nothing_odd(world: World) -> None:
    assert is_green(world.verify())
