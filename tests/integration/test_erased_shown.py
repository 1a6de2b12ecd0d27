"""Whoever shows, sends or reads versions says that an erased one was erased, and takes none of it for a value."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlmodel import select

import mirrorpoint
from storage import deliveries
from tests import mirrored_world
from tests.integration import erasable
from tests.integration.erasable import NEEDLE, Erasable, person, thing


@pytest.fixture
def shop(tmp_path: Path, database_url: str, capsys: pytest.CaptureFixture[str]) -> Iterator[Erasable]:
    """Of the second thing all is erased; there are two versions of it."""
    with erasable.opened(tmp_path, database_url, capsys) as made:
        made.has(thing(1), person(2))
        made.scan()
        made.has(thing(1), person(2, size=22))
        made.scan()
        assert made.erase("2", "--yes").code == 0
        yield made


def test_show_says_when_it_was_erased_by_whom_and_why(shop: Erasable) -> None:
    shop.erase("2", "--yes")  # the same once more changes nothing of that
    told = shop.commands("show", "things", "2", "--json").json
    action = shop.actions()[0]
    erased_at, reason = action.at.isoformat().replace("+00:00", "Z"), action.arguments["reason"]
    assert (told["document"], told["name"], told["erased_at"]) == (None, None, erased_at)
    assert (told["erased_by"], told["erased_reason"]) == (action.who, reason)
    found = shop.commands("show", "things", "2")
    assert (found.code, found.out.splitlines()[-1]) == (
        0,
        f"its content was erased {erased_at[:10]} {erased_at[11:19]}Z by {action.who}: {reason}",
    )
    assert "erased_at" not in shop.commands("show", "things", "1", "--json").json


def test_show_of_a_moment_says_so_too_and_a_version_that_came_afterwards_is_shown(shop: Erasable) -> None:
    first, second = (row.observed_at + timedelta(microseconds=1) for row in shop.log("2"))
    shop.scan()
    for moment in (first, second):
        found = shop.commands("show", "things", "2", "--at", moment.isoformat())
        assert (found.code, "its content was erased 20" in found.out, "null" in found.out) == (0, True, False)
    assert shop.commands("show", "things", "2", "--json").json["document"] == person(2, size=22)


def test_history_and_changes_say_which_fields_changed_and_that_the_values_are_gone(shop: Erasable) -> None:
    assert "/size: (erased)" in shop.commands("history", "things", "2").out
    told = shop.commands("changes", "--all").out
    assert told.count("(erased)") == 2
    assert NEEDLE not in told
    lines = shop.commands("history", "things", "2", "--json").lines
    assert [(each["document"], each["previous"], each["salt"]) for each in lines] == [(None, {}, None)] * 2
    assert [each["changed"] for each in lines] == [[""], ["/size"]]


def test_status_counts_what_was_erased(shop: Erasable) -> None:
    told = shop.commands("status", "--json").json["erased"]
    assert (told["records"], told["swept_at"]) == (1, None)
    assert "the content of 1 record was erased, last at 20" in shop.commands("status").out
    shop.erase("2", "--yes")
    assert shop.commands("status", "--json").json["erased"]["records"] == 1, "the same once more"


def test_deliveries_show_has_no_event_of_it(shop: Erasable) -> None:
    with shop.database.read() as session:
        numbers = [row.id for row in deliveries.read(session) if row.last_error == "erased"]
    told = shop.commands("deliveries", "show", str(numbers[0]), "--json").json
    assert (told["state"], told["last_error"], told["event"], told["kind"]) == ("skipped", "erased", None, "snapshot")
    assert (
        "the content of its change was erased; nothing is sent any more"
        in shop.commands("deliveries", "show", str(numbers[0])).out
    )


def test_listen_leaves_it_out_and_says_so(shop: Erasable) -> None:
    shop.has(thing(1, size=11), person(2, size=22))
    shop.scan()
    found = shop.commands("listen", "--after", "0", "--kind", "snapshot", "--kind", "updated", "--limit", "2", "--json")
    assert [json.loads(line)["event"]["data"]["key"] for line in found.out.splitlines()] == ["1", "1"]
    assert found.err.count("changes whose content was erased are left out") == 1


def test_a_test_event_is_made_of_what_has_content(shop: Erasable) -> None:
    found = shop.commands("points", "test", "AUDIT", "--like", "things.updated", "--show", "--json")
    assert found.json["event"]["data"]["key"] == "1"
    assert found.json["event"]["data"]["document"] == thing(1)
    shop.erase("1", "--yes")
    found = shop.commands("points", "test", "AUDIT", "--like", "things.updated")
    assert (found.code, "no record of things yet whose content is known" in found.err) == (2, True)


def test_a_python_program_is_told(shop: Erasable) -> None:
    with mirrorpoint.open(shop.config) as mirror:
        told = [(each.key, each.is_erased, each.document is None, each.previous) for each in mirror.changes()]
        assert told == [("1", False, False, {}), ("2", True, True, {}), ("2", True, True, {})]
        changes = list(mirror.changes(key="2"))
        assert (changes[1].was("/size"), changes[1].became("/size")) == (None, None)
        past = mirror.at(changes[1].observed_at + timedelta(microseconds=1))
        row = past.get("things", "2")
        assert row is not None
        assert (row.document, row.name, row.version) == (None, None, 2)
        assert [each.key for each in past.all("things")] == ["1", "2"]
        model = mirror.model("things")
        with mirror.session() as session:
            kept = session.exec(select(model).where(model.key == "2")).one()
        assert (kept.document, kept.name, kept.size) == (None, None, None)


def test_the_view_of_fields_says_so(shop: Erasable) -> None:
    shop.has(thing(1, size=11), person(2, size=22))
    shop.scan()
    found = shop.sql("SELECT seq, pointer, old, new, erased FROM mirrorpoint_field_change ORDER BY seq, pointer")
    assert [(seq, pointer, old, bool(erased)) for seq, pointer, old, _, erased in found] == [
        (3, "/size", None, True),
        (4, "/size", "1", False),
        (5, "", None, False),
    ]


def test_a_column_that_is_new_stays_empty_for_it(shop: Erasable) -> None:
    (shop.folder / "shop.toml").write_text(
        '[resources.things]\npath = "/things"\ncolumns = { "secret hobby" = "text", size = "integer" }\n'
    )
    services = mirrored_world.services(shop.config)
    services.close()
    assert [tuple(row) for row in shop.sql("SELECT key, secret_hobby, size FROM things ORDER BY key")] == [
        ("1", None, 1),
        ("2", None, None),
    ]


def test_a_catalogue_with_another_key_asks_no_erased_record_for_it(shop: Erasable) -> None:
    (shop.folder / "shop.toml").write_text('[resources.things]\npath = "/things"\nkey = ["number", "id"]\n')
    services = mirrored_world.services(shop.config)
    try:
        shop.services, kept = services, shop.services
        assert shop.scan().state == "complete"
        assert shop.log("2")[-1].kind == "restored"
        shop.services = kept
    finally:
        services.close()


def test_the_difference_between_two_moments_says_so(shop: Erasable) -> None:
    first = shop.log("2")[0].observed_at + timedelta(microseconds=1)
    found = shop.commands("diff", "--from", first.isoformat(), "--json")
    assert (found.code, NEEDLE in found.out) == (0, False)
    (line,) = found.lines
    assert line["fields"] == [{"pointer": "", "old": None, "old_is": "erased", "new": None, "new_is": "erased"}]
    assert "(erased)" in shop.commands("diff", "--from", first.isoformat()).out


def test_the_values_of_a_field_are_told_to_be_gone(shop: Erasable) -> None:
    shop.scan()
    lines = shop.commands("history", "things", "2", "--field", "/size", "--json").lines
    assert [(line["value"], line.get("is")) for line in lines][-1] == (22, None)
    assert NEEDLE not in str(lines)


def test_an_export_has_its_key_and_nothing_else_of_it(shop: Erasable, tmp_path: Path) -> None:
    for form in ("csv", "jsonl"):
        found = shop.commands("export", "things", "--format", form, "--changes", "--out", str(tmp_path / form))
        assert found.code == 0, found.err
        assert NEEDLE not in "".join(file.read_text() for file in (tmp_path / form).iterdir())
    rows = [json.loads(line) for line in (tmp_path / "jsonl" / "things.jsonl").read_text().splitlines()]
    assert [(row["key"], row["document"], row["name"]) for row in rows if row["key"] == "2"] == [("2", None, None)]


def test_a_replay_leaves_it_out(shop: Erasable) -> None:
    shop.deliver()
    found = shop.commands("replay", "--point", "AUDIT", "--from", "1h", "--yes", "--json")
    assert found.code == 0, found.err
    assert found.json["erased"] == 2
    assert {event["data"]["key"] for event in shop.deliver()} == {"1"}
