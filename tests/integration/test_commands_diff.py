"""What `diff` says of two moments: what differs, what may, what nobody knows; on both databases."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storage import touched
from storage.engine import Database
from tests.commands import Commands, Result
from tests.integration.past import LATER, Past, said
from worker.commands.diff import finding

Diff = Callable[..., Result]
SEALED = "sealed:" + "a" * 32
NOW_IS = "  hint: now is 2026-11-28 12:00:00Z"


@pytest.fixture
def past(database: Database, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Past:
    """Two things, known since 60 minutes before noon; now it is some days later."""
    monkeypatch.setattr("worker.commands.times.now", lambda: LATER)
    made = Past(database, database_url, tmp_path)
    made.note("1", {"id": 1, "name": "bolt"}, seen=-60)
    made.note("2", {"id": 2, "name": "nut", "deep": {"a": 1, "b": [1, 2]}}, seen=-60)
    return made


@pytest.fixture
def diff(past: Past, capsys: pytest.CaptureFixture[str]) -> Diff:
    commands = Commands(past.config, capsys)

    def run(start: float, end: float | None, *words: str) -> Result:
        until = () if end is None else ("--to", said(end))
        return commands("diff", "--from", said(start), *until, *words)

    return run


def records(found: Result) -> list[tuple[Any, ...]]:
    """Key, kind and whether it is uncertain."""
    assert found.code == 0, found.err
    return [(line["key"], line["kind"], line["uncertain"]) for line in found.lines]


def test_the_net_difference_has_old_and_new_values_whatever_came_in_between(past: Past, diff: Diff) -> None:
    past.note("1", {"id": 1, "name": "screw"}, seen=10, after=8)
    past.note("1", {"id": 1, "name": "nail", "size": None}, seen=20, after=18)
    found = diff(0, 30, "--json")
    assert found.lines == [
        {
            "source": "shop",
            "resource": "things",
            "parent_key": "",
            "key": "1",
            "kind": "updated",
            "fields": [
                {"pointer": "/name", "old": "bolt", "new": "nail"},
                {"pointer": "/size", "old": None, "old_is": "absent", "new": None},
            ],
            "uncertain": False,
        }
    ]
    assert list(found.lines[0])[:7] == ["source", "resource", "parent_key", "key", "kind", "fields", "uncertain"]
    assert records(diff(12, 15, "--json")) == []


def test_for_people_it_is_grouped_by_resource_and_counted(past: Past, diff: Diff) -> None:
    past.note("1", {"id": 1, "name": "screw"}, seen=10, after=8)
    past.note("2", None, seen=10, after=8)
    past.note("3", {"id": 3}, seen=10, after=8)
    past.note("7", {"id": 7}, seen=-50, resource="parts", parent_key="1")
    past.note("7", {"id": 7, "of": 1}, seen=10, after=8, resource="parts", parent_key="1")
    found = diff(0, 30)
    assert found.out == (
        "parts\n"
        "  updated        1/7\n"
        "      /of: (not there) -> 1\n"
        "\n"
        "things\n"
        "  updated        1\n"
        '      /name: "bolt" -> "screw"\n'
        "  deleted        2\n"
        "  created        3\n"
    )
    assert found.err == "4 differences: 1 created, 2 updated, 1 deleted\n"


def test_what_came_and_went_and_what_changed_back_is_no_difference_but_a_step(past: Past, diff: Diff) -> None:
    past.note("3", {"id": 3}, seen=10, after=8)
    past.note("1", {"id": 1, "name": "screw"}, seen=10, after=8)
    past.note("3", None, seen=20, after=18)
    past.note("1", {"id": 1, "name": "bolt"}, seen=20, after=18)
    assert (diff(0, 30).out, diff(0, 30).err) == ("", "no differences\n")

    steps = {line["key"]: line for line in diff(0, 30, "--steps", "--json").lines}
    assert {key: (line["kind"], line["fields"]) for key, line in steps.items()} == {"1": (None, []), "3": (None, [])}
    assert [(step["version"], step["kind"], step["fields"]) for step in steps["1"]["steps"]] == [
        (2, "updated", [{"pointer": "/name", "old": "bolt", "new": "screw"}]),
        (3, "updated", [{"pointer": "/name", "old": "screw", "new": "bolt"}]),
    ]
    assert [(step["kind"], step["observed_at"]) for step in steps["3"]["steps"]] == [
        ("created", "2026-11-22T12:10:00Z"),
        ("deleted", "2026-11-22T12:20:00Z"),
    ]
    shown = diff(0, 30, "--steps").out
    assert (
        "  no difference  1\n"
        '        2026-11-22 12:10:00Z version 2 updated  /name: "bolt" -> "screw"\n'
        '        2026-11-22 12:20:00Z version 3 updated  /name: "screw" -> "bolt"\n'
    ) in shown


def test_what_was_deleted_at_the_first_moment_is_restored(past: Past, diff: Diff) -> None:
    past.note("1", None, seen=-10, after=-12)
    past.note("1", {"id": 1, "name": "bolt"}, seen=10, after=8)
    assert records(diff(0, 30, "--json")) == [("1", "restored", False)]
    assert records(diff(-30, 30, "--json")) == [], "it was there at both moments, and is the same"


def test_first_sights_are_no_differences_and_are_counted(past: Past, diff: Diff) -> None:
    past.note("9", {"id": 9}, seen=10)
    found = diff(0, 30, "things")
    assert found.out == ""
    assert found.err == (
        "no differences\n"
        "things: 1 record was seen for the first time in between, which is no difference (--steps shows them);"
        " what was before is not known\n"
    )
    (line,) = diff(0, 30, "--steps", "--json").lines
    assert (line["key"], line["kind"], line["first_seen"]) == ("9", None, True)
    assert [step["kind"] for step in line["steps"]] == ["snapshot"]


def test_what_was_first_seen_in_between_is_compared_from_there(past: Past, diff: Diff) -> None:
    past.note("9", {"id": 9, "name": "rod"}, seen=10)
    past.note("9", {"id": 9, "name": "bar"}, seen=20, after=18)
    (line,) = diff(0, 30, "--json").lines
    assert (line["kind"], line["first_seen"]) == ("updated", True)
    assert line["fields"] == [{"pointer": "/name", "old": "rod", "new": "bar"}]


def test_a_resource_whose_record_begins_later_is_named_with_its_beginning(past: Past, diff: Diff) -> None:
    found = diff(-90, 30, "things")
    assert (found.code, found.out) == (0, "")
    assert "things: its record begins at 2026-11-22 11:00:00Z, after --from; 2 records were seen" in found.err


@pytest.mark.parametrize("option", ["from", "to"])
def test_a_moment_between_two_looks_leaves_both_possibilities(past: Past, diff: Diff, option: str) -> None:
    past.note("1", {"id": 1, "name": "screw"}, seen=10, after=5)
    start, end = (7, 30) if option == "from" else (0, 7)
    found = diff(start, end, "--json")
    difference = {"kind": "updated", "fields": [{"pointer": "/name", "old": "bolt", "new": "screw"}]}
    (line,) = found.lines
    assert (line["key"], line["uncertain"], line["kind"], line["fields"]) == ("1", True, *difference.values())
    assert line["either"] == ([difference, None] if option == "from" else [None, difference])

    shown = diff(start, end).out
    why = f"      version 2 came between 2026-11-22 12:05:00Z and 2026-11-22 12:10:00Z: --{option} lies in between\n"
    told = '  /name: "bolt" -> "screw"\n'
    if option == "from":
        assert shown == f"things\n~ updated        1\n    {told}      or no difference\n{why}"
    else:
        assert shown == f"things\n~ no difference  1\n      or updated\n       {told}{why}"


def test_both_moments_within_one_look_leave_one_change_or_none(past: Past, diff: Diff) -> None:
    past.note("1", {"id": 1, "name": "screw"}, seen=10, after=0)
    (line,) = diff(3, 6, "--json").lines
    assert [each and each["kind"] for each in line["either"]] == [None, "updated"]
    assert "12:00:00Z and 2026-11-22 12:10:00Z: --from and --to both lie in between\n" in diff(3, 6).out


def test_where_both_ends_are_uncertain_each_line_says_what_was_there_at_either(past: Past, diff: Diff) -> None:
    past.note("1", {"id": 1, "name": "screw"}, seen=10, after=0)
    past.note("1", {"id": 1, "name": "bolt"}, seen=30, after=20)
    shown = diff(5, 25).out
    assert shown.startswith(
        "things\n"
        "~ updated        1  (version 1 at --from, version 2 at --to)\n"
        '      /name: "bolt" -> "screw"\n'
        "      or no difference  (version 1 at --from, version 3 at --to; or version 2 at --from, version 2 at --to)\n"
        "      or updated  (version 2 at --from, version 3 at --to)\n"
        '         /name: "screw" -> "bolt"\n'
    )


def test_the_looks_themselves_are_certain(past: Past, diff: Diff) -> None:
    past.note("1", {"id": 1, "name": "screw"}, seen=10, after=5)
    assert records(diff(5, 10, "--json")) == [("1", "updated", False)]
    assert records(diff(0, 5, "--json")) == records(diff(10, 30, "--json")) == []


@pytest.mark.parametrize("gap", [5, 58, 59.5, 60, 60.5, 62, 60 * 24 * 90])
def test_a_change_that_was_seen_much_later_is_found_however_long_nobody_looked(
    past: Past, diff: Diff, gap: float
) -> None:
    past.note("1", None, seen=-30 + gap, after=-31)
    assert records(diff(-40, -30, "--json")) == [("1", "deleted", True)]
    assert records(diff(-40, -31, "--json")) == []


def test_a_creation_and_a_deletion_close_to_a_moment_are_uncertain_too(past: Past, diff: Diff) -> None:
    past.note("1", None, seen=10, after=5)
    past.note("3", {"id": 3}, seen=10, after=5)
    assert records(diff(0, 7, "--json")) == [("1", "deleted", True), ("3", "created", True)]
    shown = diff(0, 7).out
    assert "~ no difference  3\n      or created\n      version 1 came between 2026-11-22 12:05:00Z" in shown


def test_a_field_means_itself_and_all_below_it(past: Past, diff: Diff) -> None:
    past.note("2", {"id": 2, "name": "Nut", "deep": {"a": 2, "b": [1, 3]}}, seen=10, after=8)
    past.note("1", {"id": 1, "name": "screw"}, seen=10, after=8)
    below = diff(0, 30, "--field", "/deep", "--json").lines
    assert [(line["key"], [field["pointer"] for field in line["fields"]]) for line in below] == [
        ("2", ["/deep/a", "/deep/b"])
    ]
    (element,) = diff(0, 30, "--field", "/deep/b/1", "--json").lines
    assert element["fields"] == [{"pointer": "/deep/b/1", "old": 2, "new": 3}]
    assert diff(0, 30, "--field", "/deep/b/0").err == "no differences\n"
    assert diff(0, 30, "--field", "/nam", "things").code == 2


def test_a_field_came_with_the_record_that_has_it(past: Past, diff: Diff) -> None:
    past.note("3", {"id": 3, "name": "rod"}, seen=10, after=8)
    past.note("4", {"id": 4}, seen=10, after=8)
    (line,) = diff(0, 30, "--field", "/name", "--json").lines
    assert (line["key"], line["fields"]) == (
        "3",
        [{"pointer": "/name", "old": None, "old_is": "absent", "new": "rod"}],
    )
    (line,) = diff(0, 30, "--field", "/name", "--steps", "--json").lines
    assert line["steps"][0]["fields"] == line["fields"]


def test_a_field_that_no_record_has_is_refused_with_the_one_that_was_meant(diff: Diff) -> None:
    found = diff(0, 30, "things", "--field", "/nmae")
    assert (found.code, found.err.splitlines()[-2:]) == (
        2,
        ["error: no record of things has a field /nmae", '  hint: did you mean "/name"?'],
    )


def test_a_volatile_field_is_said_to_be_one(past: Past, diff: Diff) -> None:
    past.note("1", {"id": 1, "name": "bolt", "seen": 1}, seen=10, after=8)
    found = diff(20, 30, "--field", "/seen")
    assert (found.code, found.err) == (0, "no differences\n/seen is volatile: that it changed is not kept\n")


def test_volatile_fields_and_secrets_stored_in_clear_make_no_difference(past: Past, diff: Diff) -> None:
    past.note("5", {"id": 5, "secret": "open", "seen": 1}, seen=-60)
    past.note("5", {"id": 5, "secret": SEALED, "seen": 2}, seen=10, after=8)
    past.note("6", {"id": 6, "secret": SEALED, "name": SEALED}, seen=-60)
    past.note("6", {"id": 6, "secret": None, "name": "plain"}, seen=10, after=8)
    (line,) = diff(0, 30, "--json").lines
    assert line["fields"] == [{"pointer": "/secret", "old": SEALED, "new": None}]
    past.note("5", None, seen=20, after=18)
    assert "open" not in diff(0, 30, "--json").out


def test_check_ends_with_3_where_anything_differs_or_may(past: Past, diff: Diff) -> None:
    past.note("1", {"id": 1, "name": "screw"}, seen=10, after=5)
    assert [diff(*moments, "--check").code for moments in ((0, 30), (7, 30), (12, 30))] == [3, 3, 0]
    assert diff(0, 30).code == 0
    past.note("3", {"id": 3}, seen=40, after=38)
    past.note("3", None, seen=45, after=43)
    past.note("9", {"id": 9}, seen=55)
    assert [diff(*moments, "--check", "--steps").code for moments in ((35, 50), (50, 60))] == [3, 0]
    assert diff(35, 50, "--check").code == 0, "it is the same in the end"


def test_what_is_erased_is_said_to_be(past: Past, diff: Diff) -> None:
    past.note("1", {"id": 1, "name": "screw"}, seen=10, after=8)
    past.note("2", None, seen=10, after=8)
    past.erase("1", 1, 2)
    past.erase("2", 1, 2)
    gone = {"old": None, "old_is": "erased", "new": None}
    fields = {line["key"]: line["fields"] for line in diff(0, 30, "--json").lines}
    assert fields == {
        "1": [{"pointer": "", **gone, "new_is": "erased"}],
        "2": [{"pointer": "", **gone, "new_is": "absent"}],
    }
    (line,) = diff(0, 30, "--steps", "--field", "/name", "--json", "--source", "shop").lines[:1]
    assert line["steps"][0]["fields"] == [{"pointer": "/name", **gone, "new_is": "erased"}]
    assert "      the whole record: (erased)\n" in diff(0, 30).out


def test_records_that_are_not_read_any_more_are_told_to_be_retired(past: Past, diff: Diff) -> None:
    past.note("1", None, seen=10, after=8, scan_id="retired")
    assert "  deleted (retired)  1\n" in diff(0, 30).out


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        (("--from", "2999-01-01"), 'error: --from "2999-01-01" is in the future', NOW_IS),
        (
            ("--from", said(0), "--to", "2999-01-01"),
            'error: --to "2999-01-01" is in the future',
            "  hint: now is 2026-11-28 12:00:00Z",
        ),
        (
            ("--from", said(10), "--to", said(0)),
            "error: --from (2026-11-22 12:10:00Z) is later than --to (2026-11-22 12:00:00Z)",
            "  hint: exchange the two",
        ),
        (
            ("--from", said(-90), "--to", said(-80)),
            "error: nothing is known of the time before 2026-11-22 11:00:00Z: then the record of things begins",
            "  hint: name a later --to",
        ),
        (("--from", said(0), "thing"), 'error: there is no resource "thing"', '  hint: did you mean "things"?'),
        (
            ("--from", said(0), "drafts"),
            "error: drafts was never read: the log has nothing of it",
            "  hint: `mirrorpoint sync drafts` reads it",
        ),
        (("--from", said(0), "--source", "shp"), 'error: there is no source "shp"', '  hint: did you mean "shop"?'),
        (("--from", said(0), "--field", "name"), "error: --field 'name' is not a JSON Pointer", "  hint: "),
        (("--from", "soon"), 'error: --from "soon" is no time', "  hint: write 2026-11-22"),
    ],
)
def test_what_says_nothing_is_refused_with_the_cure(
    past: Past, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], message: str, hint: str
) -> None:
    found = Commands(past.config, capsys)("diff", *words)
    lines = found.err.splitlines()
    assert (found.code, found.out, len(lines)) == (2, "", 2)
    assert (lines[0].startswith(message), lines[1].startswith(hint)) == (True, True), lines


def test_what_was_not_read_since_is_said(past: Past, diff: Diff) -> None:
    past.read_whole("things", start=0, end=1)
    assert diff(-30, 30, "things", "drafts").err == (
        "no differences\n"
        "never read, so that nothing is known of it: drafts\n"
        "things was last read whole at 2026-11-22 12:00:00Z: what changed since is not known\n"
    )
    assert diff(-30, 0).err == "no differences\n"


def test_an_empty_list_that_was_read_is_known_from_then_on(past: Past, diff: Diff) -> None:
    past.read_whole("drafts", start=0, end=1)
    past.note("1", {"id": 1}, seen=10, after=8, resource="drafts")
    assert records(diff(5, 30, "drafts", "--json")) == [("1", "created", False)]


def test_a_clock_that_was_set_back_costs_no_difference(past: Past, diff: Diff) -> None:
    """The versions say what came after what; the newest that was seen by a moment is what the record was."""
    past.note("1", {"id": 1, "name": "ahead"}, seen=40, after=-10)
    past.note("1", {"id": 1, "name": "right"}, seen=10, after=9)
    past.note("1", {"id": 1, "name": "later"}, seen=50, after=49)
    (line,) = diff(0, 45, "--json").lines
    assert line["fields"] == [{"pointer": "/name", "old": "bolt", "new": "right"}]
    assert records(diff(20, 45, "--json")) == []


def test_many_records_are_told_in_portions_in_one_order(
    past: Past, diff: Diff, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finding, "_AT_A_TIME", 7)
    monkeypatch.setattr(touched, "_AT_A_TIME", 5)
    for number in range(100, 130):
        past.note(str(number), {"id": number}, seen=10, after=8)
        past.note(str(number), {"id": number}, seen=10, after=8, resource="parts", parent_key=str(number % 3))
    found = [(line["resource"], line["parent_key"], line["key"]) for line in diff(0, 30, "--json").lines]
    assert (len(found), found) == (60, sorted(found))
    assert len(diff(0, 30, "--json", "parts").lines) == 30


def test_the_database_walks_no_more_of_the_log_than_lies_between(past: Past) -> None:
    """Else a day would take the longer to compare the longer the log is."""
    if past.database.dialect != "sqlite":
        pytest.skip("what PostgreSQL chooses depends on how many rows there are")
    moment = datetime(2026, 11, 22, tzinfo=UTC)
    asked: list[tuple[str, Any]] = []
    with past.database.read() as session:
        text = touched._text("sqlite")
        of_time = moment.replace(tzinfo=None).isoformat(" ", "microseconds")
        values = (of_time, of_time, "[]", of_time, of_time, of_time, "[]", of_time, of_time, "[]")
        asked = [row[3] for row in session.execute(f"EXPLAIN QUERY PLAN {text}", values)]
    walked = [step for step in asked if "mirrorpoint_change" in str(step)]
    assert len(walked) == 3
    assert all("observed_at>?" in str(step) for step in walked), walked
    assert "mirrorpoint_change_long" in str(walked[2])


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], database=None)
@given(st.data())
def test_the_net_difference_equals_that_of_the_records_shown_at_both_moments(
    past: Past, capsys: pytest.CaptureFixture[str], data: st.DataObject
) -> None:
    commands = Commands(past.config, capsys)
    key = data.draw(st.uuids()).hex
    moment = data.draw(st.integers(1, 5)) * 1.0
    document: Any = {"id": key, "name": 0}
    past.note(key, document, seen=moment, after=moment - 0.5)
    for _ in range(data.draw(st.integers(0, 6))):
        moment += data.draw(st.integers(1, 4))
        document = (
            {"id": key, "name": data.draw(st.integers(0, 2))} if document is None or data.draw(st.booleans()) else None
        )
        past.note(key, document, seen=moment, after=moment - 0.25)
    start, end = sorted(data.draw(st.lists(st.integers(0, math.ceil(moment) + 2), min_size=2, max_size=2)))

    def shown(minutes: float) -> Any:
        found = commands("show", "things", key, "--at", said(minutes), "--json")
        row = None if found.code else found.json
        assert row is None or "uncertain" not in row, "whole minutes are looks here"
        return None if row is None or row["deleted_at"] is not None else row["document"]

    before, after = shown(start), shown(end)
    lines = commands("diff", "--from", said(start), "--to", said(end), "--json").lines
    (line,) = [each for each in lines if each["key"] == key] or [None]
    assert (line is not None) == (before != after)
    if line is not None:
        assert (line["kind"] in ("created", "restored")) == (before is None)
        assert (line["kind"] == "deleted") == (after is None)
