"""What `show --at` says of a moment between two looks, and `history --field` of a field; on both databases."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from storage import outbox, replays
from storage.engine import Database
from tests.commands import Commands
from tests.integration.office import OK, Office
from tests.integration.past import LATER, Past, said
from tests.integration.scripted_server import Reply, ScriptedServer

SEALED = ["sealed:" + letter * 32 for letter in "ab"]


@pytest.fixture
def past(database: Database, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Past:
    """A thing that is known since 60 minutes before noon; now it is some days later."""
    monkeypatch.setattr("worker.commands.times.now", lambda: LATER)
    made = Past(database, database_url, tmp_path)
    made.note("1", {"id": 1, "name": "bolt"}, seen=-60)
    return made


@pytest.fixture
def commands(past: Past, capsys: pytest.CaptureFixture[str]) -> Commands:
    return Commands(past.config, capsys)


def test_a_moment_between_two_looks_shows_both_versions(past: Past, commands: Commands) -> None:
    past.note("1", {"id": 1, "name": "screw"}, seen=10, after=5)
    found = commands("show", "things", "1", "--at", said(7), "--json")
    assert found.code == 0
    assert {name: value for name, value in found.json.items() if name != "either"} == {
        "uncertain": True,
        "observed_after": "2026-11-22T12:05:00Z",
        "observed_at": "2026-11-22T12:10:00Z",
    }
    assert [(row["version"], row["name"], row["document"]) for row in found.json["either"]] == [
        (1, "bolt", {"id": 1, "name": "bolt"}),
        (2, "screw", {"id": 1, "name": "screw"}),
    ]
    shown = commands("show", "things", "1", "--at", said(7)).out
    assert shown.startswith(
        "~ at 2026-11-22 12:07:00Z version 1 or 2: it changed between 2026-11-22 12:05:00Z and 2026-11-22 12:10:00Z\n"
    )
    assert ('"name": "bolt"' in shown, '"name": "screw"' in shown) == (True, True)


@pytest.mark.parametrize(("minutes", "version"), [(5, 1), (10, 2), (11, 2), (-60, 1)])
def test_a_certain_moment_shows_the_row(past: Past, commands: Commands, minutes: float, version: int) -> None:
    past.note("1", {"id": 1, "name": "screw"}, seen=10, after=5)
    found = commands("show", "things", "1", "--at", said(minutes), "--json").json
    assert (found["version"], found["key"]) == (version, "1")


def test_a_creation_between_two_looks_is_null_or_the_row(past: Past, commands: Commands) -> None:
    past.note("2", {"id": 2, "name": "nut"}, seen=10, after=5)
    found = commands("show", "things", "2", "--at", said(7), "--json").json
    assert [row and row["version"] for row in found["either"]] == [None, 1]
    assert commands("show", "things", "2", "--at", said(7)).out.startswith(
        "~ at 2026-11-22 12:07:00Z not there yet, or version 1: "
        "it was created between 2026-11-22 12:05:00Z and 2026-11-22 12:10:00Z\n"
    )


def test_a_deletion_between_two_looks_is_the_row_with_and_without_its_end(past: Past, commands: Commands) -> None:
    past.note("1", None, seen=10, after=5)
    found = commands("show", "things", "1", "--at", said(7), "--json").json
    assert [(row["version"], row["deleted_at"], row["document"]["name"]) for row in found["either"]] == [
        (1, None, "bolt"),
        (2, "2026-11-22T12:10:00Z", "bolt"),
    ]
    assert "version 1 or 2: it was deleted between" in commands("show", "things", "1", "--at", said(7)).out


def test_before_a_creation_the_record_was_not_there(past: Past, commands: Commands) -> None:
    past.note("2", {"id": 2}, seen=10, after=5)
    found = commands("show", "things", "2", "--at", said(5))
    assert found.code == 3
    assert found.err == (
        'error: things "2" was not there yet at 2026-11-22 12:05:00Z\n'
        "  hint: it was created between 2026-11-22 12:05:00Z and 2026-11-22 12:10:00Z\n"
    )


def test_before_a_first_sight_nothing_is_known(past: Past, commands: Commands) -> None:
    past.note("2", {"id": 2}, seen=10)
    found = commands("show", "things", "2", "--at", said(5))
    assert found.code == 3
    assert found.err == (
        'error: nothing is known of things "2" at 2026-11-22 12:05:00Z\n'
        "  hint: it was first seen at 2026-11-22 12:10:00Z, and may have been there before\n"
    )


def test_before_the_record_of_the_resource_nothing_is_known_of_what_was_created_later_either(
    past: Past, commands: Commands
) -> None:
    past.note("2", {"id": 2}, seen=10, after=5)
    found = commands("show", "things", "2", "--at", said(-90))
    assert found.code == 3
    assert found.err.splitlines()[0] == (
        'error: nothing is known of things "2" at 2026-11-22 10:30:00Z: '
        "the record of things begins at 2026-11-22 11:00:00Z"
    )


@pytest.mark.parametrize("how", [(), ("--json",)])
def test_the_future_is_refused_with_the_time_of_now(commands: Commands, how: tuple[str, ...]) -> None:
    found = commands("show", "things", "1", "--at", "2999-01-01", *how)
    assert found.code == 2
    assert '--at "2999-01-01" is in the future' in (found.json["error"]["message"] if how else found.err)
    assert "now is 2026-11-28 12:00:00Z" in (found.json["error"]["hint"] if how else found.err)


def test_what_was_not_read_since_is_said(past: Past, commands: Commands) -> None:
    past.read_whole("things", start=0, end=1)
    found = commands("show", "things", "1", "--at", said(30), "--json")
    assert (found.json["version"], found.err) == (
        1,
        "things was last read whole at 2026-11-22 12:00:00Z: what changed since is not known\n",
    )
    assert commands("show", "things", "1", "--at", said(-1)).err == ""


def test_a_version_that_was_erased_is_shown_as_that(past: Past, commands: Commands) -> None:
    past.note("1", {"id": 1, "name": "screw"}, seen=10, after=9)
    past.note("1", None, seen=20, after=19)
    past.erase("1", 1, 2, 3)
    for minutes in (0, 10, 20):
        assert commands("show", "things", "1", "--at", said(minutes), "--json").json["document"] is None
        assert commands("show", "things", "1", "--at", said(minutes)).out.endswith("its content was erased\n")
    assert "/name: (erased)\n" in commands("history", "things", "1").out
    assert "/name: (erased)\n" in commands("changes").out
    assert [line["value_is"] for line in commands("history", "things", "1", "--field", "/name", "--json").lines] == [
        "erased",
        "erased",
        "absent",
    ]


def test_the_values_of_a_field_come_with_their_looks(past: Past, commands: Commands) -> None:
    past.note("1", {"id": 1, "name": "bolt", "size": 1}, seen=10, after=5)
    past.note("1", {"id": 1, "name": None, "size": 1}, seen=20, after=15)
    past.note("1", {"id": 1, "size": 1}, seen=30, after=25)
    past.note("1", None, seen=40, after=35)
    past.note("1", {"id": 1, "name": "bolt"}, seen=50, after=45)
    found = commands("history", "things", "1", "--field", "/name", "--json").lines
    assert [list(line) for line in found][:1] == [["value", "version", "kind", "observed_after", "observed_at", "told"]]
    assert [
        (line["value"], line.get("value_is"), line["observed_after"], line["observed_at"][11:]) for line in found
    ] == [
        ("bolt", None, None, "11:00:00Z"),
        (None, None, "2026-11-22T12:15:00Z", "12:20:00Z"),
        (None, "absent", "2026-11-22T12:25:00Z", "12:30:00Z"),
        ("bolt", None, "2026-11-22T12:45:00Z", "12:50:00Z"),
    ]


def test_a_value_of_a_record_that_was_deleted_in_between_is_absent(past: Past, commands: Commands) -> None:
    past.note("1", None, seen=10, after=5)
    past.note("1", {"id": 1, "name": "bolt"}, seen=20, after=15)
    found = commands("history", "things", "1", "--field", "/name", "--json").lines
    assert [(line["value"], line.get("value_is"), line["kind"]) for line in found] == [
        ("bolt", None, "snapshot"),
        (None, "absent", "deleted"),
        ("bolt", None, "restored"),
    ]
    assert "(not there)" in commands("history", "things", "1", "--field", "/name").out


def test_sealed_values_are_shown_as_they_are_sealed(past: Past, commands: Commands) -> None:
    for minutes, secret in enumerate(SEALED, 10):
        past.note("1", {"id": 1, "name": "bolt", "secret": secret}, seen=minutes, after=minutes - 1)
    found = commands("history", "things", "1", "--field", "/secret", "--json").lines
    assert [line["value"] for line in found] == [None, *SEALED]


def test_who_was_told_of_a_value_is_told_with_the_answer(
    past: Past, commands: Commands, server: ScriptedServer
) -> None:
    office = Office(past.database)
    server.on("POST", "/good", OK)
    server.on("POST", "/bad", Reply(400))
    office.point("GOOD", f"{server.url}/good")
    office.point("BAD", f"{server.url}/bad")
    office.point("SLOW", f"{server.url}/good")
    seq = past.note("1", {"id": 1, "name": "screw"}, seen=10, after=5)
    past.owe(seq, "GOOD", "BAD")
    office.deliver()
    past.owe(seq, "SLOW")

    first, second = commands("history", "things", "1", "--field", "/name", "--json").lines
    assert first["told"] == []
    told = {each.pop("point"): each for each in second["told"]}
    assert {point: (each["state"], each["status"]) for point, each in told.items()} == {
        "BAD": ("dead", 400),
        "GOOD": ("delivered", 204),
        "SLOW": ("due", None),
    }
    assert {point: each["at"] is None for point, each in told.items()} == {"BAD": False, "GOOD": False, "SLOW": True}
    shown = commands("history", "things", "1", "--field", "/name").out
    assert ("GOOD delivered 20" in shown, "(204)" in shown, "SLOW due" in shown) == (True, True, True)


def test_of_what_was_sent_again_it_is_told_when_it_arrived_first(
    past: Past, commands: Commands, server: ScriptedServer
) -> None:
    office = Office(past.database)
    server.on("POST", "/good", OK, OK)
    office.point("GOOD", f"{server.url}/good")
    seq = past.note("1", {"id": 1, "name": "screw"}, seen=10, after=5)
    past.owe(seq, "GOOD")
    office.deliver()
    (first,) = commands("history", "things", "1", "--field", "/name", "--json").lines[1]["told"]
    assert first["first_at"] is None
    office.clock.ahead = timedelta(hours=1)
    with past.database.write() as session:
        outbox.lock(session)
        replays.make_due(session, "GOOD", {f"record {seq}": [seq]}, is_new=False, now=office.clock())
    office.deliver()
    (again,) = commands("history", "things", "1", "--field", "/name", "--json").lines[1]["told"]
    assert again["first_at"] <= first["at"] < again["at"]
    assert f", first {again['first_at'][:10]} " in commands("history", "things", "1", "--field", "/name").out


def test_a_field_that_the_record_never_had_is_refused_with_the_one_that_was_meant(commands: Commands) -> None:
    found = commands("history", "things", "1", "--field", "/nam")
    assert (found.code, found.err) == (
        2,
        'error: no version of things "1" has a field /nam\n  hint: did you mean "/name"?\n',
    )
    assert commands("history", "things", "1", "--field", "name").code == 2


def test_a_volatile_field_is_said_to_be_kept_in_part(past: Past, commands: Commands) -> None:
    past.note("1", {"id": 1, "name": "bolt", "seen": 1}, seen=10, after=5)
    found = commands("history", "things", "1", "--field", "/seen", "--json")
    assert [line["value"] for line in found.lines] == [None, 1]
    assert found.err == "/seen is volatile: only those values are kept that it had when something else changed\n"


def test_a_long_history_is_read_in_portions(past: Past, commands: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("storage.versions._BATCH", 3)
    monkeypatch.setattr("worker.commands.reading.field_history._AT_A_TIME", 2)
    for number in range(10):
        past.note("1", {"id": 1, "name": number // 2}, seen=number + 1, after=number + 0.5)
    found = commands("history", "things", "1", "--field", "/name", "--json").lines
    assert [line["value"] for line in found] == ["bolt", 0, 1, 2, 3, 4]
