"""Odd names, tables without their keys, unreadable bookkeeping: verify names them, and goes on to its end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.conftest import Templates
from tests.integration.recorded_world import World, Worlds
from tests.integration.test_tampering import bad, is_green

_COLUMNS = "document, version, fingerprint, first_seen_at, changed_at, name, size, price, sold, since, tags"
_NOT_TEXT = "it is in the mirror under a name that Mirrorpoint never writes"


@pytest.fixture(scope="module")
def worlds(templates: Templates, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Worlds:
    return Worlds(templates, tmp_path_factory.mktemp("recorded"), request)


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


def test_an_untouched_record_has_nothing_odd(world: World) -> None:
    assert is_green(world.verify())
