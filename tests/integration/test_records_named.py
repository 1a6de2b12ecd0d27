"""A record is written in one way for all commands, and that way is also how they print it."""

from __future__ import annotations

from pathlib import Path

import pytest

from storage import outbox, points
from tests.commands import Commands
from tests.shop import CATALOGUE, CONFIGURATION, NOON, Shop, open_shop


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    shop = open_shop(tmp_path)
    shop.note("things", "a/b", {"id": "a/b"}, at=NOON)
    shop.note("parts", "x/y", {"id": "x/y"}, at=NOON, parent_key="a%2Fb")
    shop.note("parts", "71", {"id": 71}, at=NOON, parent_key="1")
    shop.note("parts", "70", {"id": 70}, at=NOON, parent_key="1")
    shop.note("parts", "70", {"id": 70}, at=NOON, parent_key="2")
    with shop.database.write() as session:
        points.add(session, code="AUDIT", url="https://audit.example.com/hook", now=NOON)
        outbox.owe(session, [outbox.Owed(1, "AUDIT", "shop/things/1")], now=NOON)
    return shop


@pytest.fixture
def commands(shop: Shop, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Commands:
    shop.database.dispose()
    return Commands(tmp_path / "mirrorpoint.toml", capsys)


#: How each command that takes a record is called with it, without its effect.
CALLS = {
    "show": ("show", "{}"),
    "history": ("history", "{}"),
    "erase": ("erase", "{}", "--reason", "a test"),
    "changes": ("changes", "--all", "--record", "{}"),
    "deliveries": ("deliveries", "--record", "{}"),
}
call_of = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)


def called(commands: Commands, call: tuple[str, ...], record: str) -> tuple[int, str]:
    """Its exit code and what it wrote on standard error."""
    said = commands(*(word.format(record) for word in call))
    return said.code, said.err


@call_of
@pytest.mark.parametrize(
    "record",
    [
        "things/1",
        "shop/things/1",
        "shop:things/1",
        "things/a/b",
        "things/a%2Fb",
        "parts/71",
        "parts/1/71",
        "shop:parts/1/71",
        "shop/parts/a%2Fb/x%2Fy",
        "parts/a%2Fb/x/y",
        "parts/a/b/x/y",
    ],
)
def test_every_command_takes_a_record_in_each_of_its_forms(
    commands: Commands, call: tuple[str, ...], record: str
) -> None:
    code, said = called(commands, call, record)
    assert code == (130 if call[0] == "erase" else 0), said


@call_of
@pytest.mark.parametrize(
    ("record", "code", "sentences"),
    [
        ("things", 2, ('"things" names no record', "write RESOURCE/KEY, such as products/42")),
        ("things/", 2, ('"things/" names no record', "write RESOURCE/KEY, such as products/42")),
        ("thigns/1", 2, ('there is no resource "thigns"', 'did you mean "things"?')),
        ("shop:thigns/1", 2, ('there is no resource "thigns" in shop', 'did you mean "things"?')),
        ("shpo:things/1", 2, ('there is no source "shpo"', 'did you mean "shop"?')),
        ("things/4711", 3, ('things "4711" was never seen in shop',)),
        ("shop/parts/1/4711", 3, ('parts "1/4711" was never seen in shop',)),
        ("parts/70", 2, ('2 parts have the key "70"', "write one of parts/1/70, parts/2/70")),
    ],
)
def test_every_command_refuses_what_is_no_record_in_the_same_words(
    commands: Commands, call: tuple[str, ...], record: str, code: int, sentences: tuple[str, ...]
) -> None:
    found, said = called(commands, call, record)
    assert found == code
    for sentence in sentences:
        assert sentence in said


@call_of
def test_every_command_asks_which_source_is_meant_where_several_have_the_resource(
    shop: Shop, tmp_path: Path, capsys: pytest.CaptureFixture[str], call: tuple[str, ...]
) -> None:
    shop.database.dispose()
    second = CONFIGURATION.replace("[sources.shop]", "[sources.market]")
    file = tmp_path / "mirrorpoint.toml"
    file.write_text(file.read_text() + second)
    (tmp_path / "shop.toml").write_text(CATALOGUE)
    commands = Commands(file, capsys)
    assert commands("retire").code == 0  # brings the database up
    code, said = called(commands, call, "things/1")
    assert (code, 'several sources have "things"' in said) == (2, True)
    assert "shop:things" in said


@pytest.mark.parametrize("words", [("parts", "71"), ("parts", "71", "--parent", "1"), ("parts/71", "--parent", "1")])
def test_the_resource_and_the_key_may_be_two_words(commands: Commands, words: tuple[str, ...]) -> None:
    assert {"id": 71} == commands("show", *words, "--json").json["document"]


def test_what_commands_print_of_a_record_they_take_again(commands: Commands) -> None:
    heading = commands("show", "parts", "x/y").out.splitlines()[0]
    assert heading == "shop/parts/a%2Fb/x%2Fy"
    assert commands("history", heading).code == 0
    asked = commands("erase", heading, "--reason", "a test").out.splitlines()[0].partition(": ")[0]
    assert asked == "shop:parts/a%2Fb/x%2Fy"
    lines = commands("changes", "--all", "--record", asked).out.splitlines()
    assert len(lines) == 1
    assert commands("show", lines[0].split()[4], "--json").json["key"] == "x/y"
    (delivery,) = commands("deliveries", "--json").lines
    assert [delivery] == commands("deliveries", "--record", delivery["record"], "--json").lines


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("shop:things/1", "--source", "market"), '"shop:things" is of shop, and --source says market'),
        (("shop/things/1", "--source", "market"), '"shop:things" is of shop, and --source says market'),
        (("parts/1/71", "--parent", "2"), '"parts/1/71" says itself what it is below, and --parent says 2'),
        (("things/1", "--parent", "2"), "things are below no other records, and --parent says 2"),
        (("things", "1", "--parent", "2"), "things are below no other records, and --parent says 2"),
    ],
)
@pytest.mark.parametrize("call", [("show",), ("history",), ("erase", "--reason", "a test")])
def test_options_that_contradict_the_name_of_a_record_are_refused(
    commands: Commands, tmp_path: Path, call: tuple[str, ...], words: tuple[str, ...], sentence: str
) -> None:
    file = tmp_path / "mirrorpoint.toml"
    file.write_text(file.read_text() + CONFIGURATION.replace("[sources.shop]", "[sources.market]"))
    if words[0].startswith(("things", "parts")):
        words = (f"shop:{words[0]}", *words[1:])

    said = commands(*call, *words)

    assert (said.code, sentence in said.err) == (2, True), said.err


def test_options_that_repeat_what_the_name_says_are_taken(commands: Commands) -> None:
    assert commands("show", "shop:things/1", "--source", "shop", "--json").json["key"] == "1"
    assert {"id": 71} == commands("show", "parts/1/71", "--parent", "1", "--json").json["document"]


def test_a_record_that_is_named_twice_is_refused(commands: Commands) -> None:
    said = commands("show", "things/1", "1")
    assert (said.code, '"1" is one word too many' in said.err) == (2, True)
    said = commands("changes", "--record", "things/1", "--key", "1")
    assert (said.code, "leave out --resource, --key and --parent" in said.err) == (2, True)


@pytest.mark.parametrize("words", [("diff", "--from", "2026-11-01"), ("status",), ("sync",), ("changes", "--resource")])
def test_a_record_in_place_of_a_resource_is_told_so(commands: Commands, words: tuple[str, ...]) -> None:
    said = commands(*words, "shop/things/1")
    assert (said.code, "that names a record; write its resource alone: things" in said.err) == (2, True)


@call_of
@pytest.mark.parametrize("record", ["parts/1/71", "parts/71"])
def test_a_record_whose_row_somebody_has_removed_is_not_called_unseen(
    commands: Commands, shop: Shop, call: tuple[str, ...], record: str
) -> None:
    with shop.database.write() as session:
        session.execute("DELETE FROM parts WHERE key = '71'")
    shop.database.dispose()
    code, said = called(commands, call, record)
    assert code != 0
    assert "parts/1/71 has no row in the mirror, and the log tells of it up to version 1" in said
    assert "`mirrorpoint sync parts` puts it back" in said
