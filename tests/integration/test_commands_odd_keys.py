"""Keys that begin with a dash and keys of parents that hold a slash, as they are typed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.commands import Commands
from tests.shop import NOON, open_shop


@pytest.fixture
def commands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Commands:
    shop = open_shop(tmp_path)
    for key in ("-5", "-j", "--json", "-5h"):
        shop.note("things", key, {"id": key}, at=NOON)
    for parent_key in ("a%2Fb", "a%252Fb"):
        shop.note("parts", "9", {"id": 9, "of": parent_key}, at=NOON, parent_key=parent_key)
    shop.database.dispose()
    return Commands(tmp_path / "mirrorpoint.toml", capsys)


@pytest.mark.parametrize(
    "words",
    [
        ("things", "-5", "--json"),
        ("--json", "things", "-5"),
        ("--json", "things", "--", "-5"),
        ("things", "-5", "--source", "shop", "--json"),
        ("things", "-5", "--source=shop", "--json"),
    ],
    ids=" ".join,
)
def test_a_key_that_begins_with_a_dash_is_a_key(commands: Commands, words: tuple[str, ...]) -> None:
    assert {"id": "-5"} == commands("show", *words).json["document"]
    assert ["-5"] == [version["key"] for version in commands("history", *words).lines]


@pytest.mark.parametrize("key", ["-j", "--json", "-5h"])
def test_one_that_looks_like_options_too(commands: Commands, key: str) -> None:
    assert {"id": key} == commands("show", "--json", "things", "--", key).json["document"]
    assert [key] == [row["key"] for row in commands("changes", "--all", "--json", "--key", key).lines]


def test_an_option_that_is_misspelt_is_no_key(commands: Commands) -> None:
    for words in (("things", "1", "--jsn"), ("things", "--jsn"), ("things", "1", "-x")):
        result = commands("show", *words)
        assert (result.code, "No such option" in result.err) == (2, True), words


@pytest.mark.parametrize(
    ("given", "parent_key"), [("a/b", "a%2Fb"), ("a%2Fb", "a%2Fb"), ("a%252Fb", "a%252Fb"), ("1", "1")]
)
def test_the_key_of_a_single_parent_needs_no_marks(commands: Commands, given: str, parent_key: str) -> None:
    key = "8" if given == "1" else "9"
    assert parent_key == commands("show", "parts", key, "--parent", given, "--json").json["parent_key"]
    rows = commands("changes", "--all", "--json", "--key", key, "--parent", given).lines
    assert parent_key in {row["parent_key"] for row in rows}
