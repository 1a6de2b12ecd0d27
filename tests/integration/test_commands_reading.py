"""What `status`, `resources`, `show`, `changes` and `history` say of a mirror."""

from __future__ import annotations

from pathlib import Path

import pytest

from storage import outbox, points
from tests.commands import Commands
from tests.shop import HOUR, NOON, Shop, configure, open_shop


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return open_shop(tmp_path)


@pytest.fixture
def commands(
    shop: Shop, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Commands:
    monkeypatch.setattr("worker.commands.times.now", lambda: NOON + 100 * HOUR)
    return Commands(tmp_path / "mirrorpoint.toml", capsys)


def test_resources_lists_the_catalogue_with_the_schedules_of_the_user(commands: Commands) -> None:
    found = commands("resources", "--json").json
    told = {"source", "resource", "title", "path", "key", "parent", "schedule", "documented"}
    assert {name: value for name, value in found[1].items() if name in told} == {
        "source": "shop",
        "resource": "parts",
        "title": "Parts",
        "path": "/things/{parent}/parts",
        "key": "id",
        "parent": "things",
        "schedule": "1h",
        "documented": False,
    }
    assert {row["resource"]: row["schedule"] for row in found} == {"things": "5m", "parts": "1h", "drafts": "off"}


def test_status_counts_what_exists_and_says_how_it_stands(commands: Commands, shop: Shop) -> None:
    shop.scan("things", state="complete", skipped=2)
    shop.scan("parts", state="failed", reason="answered 500")
    found = {row["resource"]: row for row in commands("status", "--json").json["resources"]}
    age, late = found["things"].pop("age_seconds"), found["things"]["late_seconds"]
    assert age > 0
    whole = found["things"].pop("observed").values()
    assert len(set(whole)) == 1
    assert {name: found["things"].pop(name) for name in ("why", "requests_per_scan", "unkept", "no_heads")} == {
        "why": "as configured; 1 request a scan",
        "requests_per_scan": 1,
        "unkept": [],
        "no_heads": None,
    }
    assert found["things"] == {
        "source": "shop",
        "resource": "things",
        "rows": 1,
        "last_complete_at": "2026-11-22T12:00:05Z",
        "next_at": None,
        "state": "complete",
        "held": 0,
        "suspects": 0,
        "problem": "2 rows could not be taken",
        "schedule": "5m",
        "held_scan": None,
        "last_problem": None,
        "last_problem_at": None,
        "skipped": 2,
        "doubles": 0,
        "repaired": 0,
        "unconverted": 0,
        "scan_id": "scan-things-complete",
        "scan_started_at": "2026-11-22T12:00:00Z",
        "overdue_seconds": None,
        "promises": {"created": 307.0, "updated": 307.0, "deleted": 614.0},
        "kept": dict.fromkeys(("created", "updated", "deleted"), False),
        "seen_until": dict.fromkeys(("created", "updated", "deleted"), "2026-11-22T12:00:00Z"),
        "interval_seconds": 300.0,
        "head_interval_seconds": None,
        "promised_seconds": 307.0,
        "late_seconds": late,
    }
    assert late == pytest.approx(age + 5 - 307, abs=0.01), "from the start of its scan"
    assert (found["parts"]["rows"], found["parts"]["state"], found["parts"]["problem"]) == (3, "failed", "answered 500")
    assert (found["drafts"]["rows"], found["drafts"]["state"]) == (0, "off")


def test_status_tells_what_each_point_is_owed(commands: Commands, shop: Shop) -> None:
    with shop.database.write() as session:
        points.add(session, code="AUDIT", url="https://audit.example.com/hook", now=NOON)
        outbox.owe(session, [outbox.Owed(seq, "AUDIT", str(seq)) for seq in (1, 2, 3)], now=NOON)
    assert commands("status", "--json").json["points"] == [
        {
            "code": "AUDIT",
            "url": "https://audit.example.com/hook",
            "state": "active",
            "due": 3,
            "dead": 0,
            "delivered": 0,
            "breaker": "closed",
            "state_reason": None,
            "paused_at": None,
            "paused_until": None,
            "last_status": None,
            "last_attempt_at": None,
            "signed": False,
            "gets_unsigned": False,
            "shares_token_with": [],
        }
    ]


def test_status_works_before_the_first_scan(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    commands = Commands(configure(tmp_path), capsys)
    assert commands("deliver").code == 0  # like every start it makes the tables
    found = commands("status", "--json").json
    assert [(row["resource"], row["rows"], row["state"]) for row in found["resources"]] == [
        ("things", 0, "waiting"),
        ("parts", 0, "waiting"),
        ("drafts", 0, "off"),
    ]


def test_status_for_people_is_a_table_without_colours_in_a_pipe(commands: Commands, shop: Shop) -> None:
    shop.scan("things", state="complete")
    found = commands("status")
    assert found.code == 0
    assert "2026-11-22 12:00:05Z" in found.out
    assert "\x1b[" not in found.out


def test_show_is_the_row_of_the_table(commands: Commands) -> None:
    assert commands("show", "things", "1", "--json").json == {
        "source": "shop",
        "parent_key": "",
        "key": "1",
        "name": "screw",
        "group_id": 4,
        "document": {"groupId": 4, "id": 1, "name": "screw", "size": 2**70},
        "version": 2,
        "fingerprint": "f",
        "first_seen_at": "2026-11-22T09:00:00Z",
        "changed_at": "2026-11-22T11:00:00Z",
        "deleted_at": None,
    }


def test_show_at_a_time_is_the_row_as_it_was(commands: Commands) -> None:
    found = commands("show", "things", "1", "--at", "2026-11-22T11:30:00+01:00", "--json").json
    assert (found["version"], found["name"], found["document"]) == (1, "bolt", {"groupId": 4, "id": 1, "name": "bolt"})


def test_show_of_what_is_deleted_still_has_the_last_document(commands: Commands) -> None:
    now, then = (commands("show", "things", "2", *at, "--json").json for at in ((), ("--at", "2026-11-22T12:00")))
    assert now["document"] == then["document"] == {"id": 2, "name": "nut"}
    assert now["deleted_at"] == then["deleted_at"] == "2026-11-22T12:00:00Z"


def test_show_before_the_first_scan_says_when_the_record_begins(commands: Commands) -> None:
    found = commands("show", "things", "1", "--at", "2026-11-22")
    assert (found.code, found.out) == (3, "")
    assert found.err == (
        'error: nothing is known of things "1" at 2026-11-22 00:00:00Z: '
        "the record of things begins at 2026-11-22 09:00:00Z\n"
        "  hint: it was first seen at 2026-11-22 09:00:00Z, and may have been there before\n"
    )


def test_a_key_of_several_parents_is_answered_with_the_parents(commands: Commands) -> None:
    found = commands("show", "parts", "7")
    assert (found.code, found.err) == (
        2,
        'error: 2 parts have the key "7"\n  hint: say which with --parent: 1, 2\n',
    )
    assert commands("show", "parts", "7", "--parent", "2", "--json").json["parent_key"] == "2"


def test_the_parent_may_be_left_out_where_the_key_is_unique(commands: Commands) -> None:
    assert commands("show", "parts", "8", "--json").json["parent_key"] == "1"


def test_an_unknown_resource_is_answered_with_the_one_that_was_meant(commands: Commands) -> None:
    found = commands("show", "thing", "1", "--json")
    assert (found.code, found.json) == (
        2,
        {"error": {"code": "usage", "message": 'there is no resource "thing"', "hint": 'did you mean "things"?'}},
    )


@pytest.mark.parametrize(
    ("words", "meant"),
    [(["3", "things"], "things 3"), (["3/things"], "things/3"), (["3", "shop:things"], "shop:things 3")],
)
def test_a_key_before_its_resource_is_answered_with_both_in_their_order(
    commands: Commands, words: list[str], meant: str
) -> None:
    found = commands("show", *words)
    assert (found.code, f"hint: the resource stands before the key: {meant}\n" in found.err) == (2, True), found.err


def test_an_unknown_record_is_answered_with_what_may_help(commands: Commands) -> None:
    found = commands("history", "things", "99")
    assert (found.code, found.err.splitlines()[0]) == (3, 'error: things "99" was never seen in shop')


def test_a_resource_may_be_named_with_its_source(commands: Commands) -> None:
    assert commands("show", "shop:things", "1", "--json").json["key"] == "1"


def test_history_has_every_version_of_one_record(commands: Commands) -> None:
    found = commands("history", "things", "1", "--json").lines
    assert [(row["version"], row["kind"], row["changed"], row["previous"]) for row in found] == [
        (1, "snapshot", [""], {}),
        (2, "updated", ["/name", "/size"], {"/name": "bolt"}),
    ]


def test_history_for_people_shows_old_and_new_values(commands: Commands) -> None:
    found = commands("history", "things", "1").out
    assert '/name: "bolt" -> "screw"' in found
    assert "/size: (not there) -> 1180591620717411303424" in found


def test_changes_are_lines_with_the_columns_of_the_log(commands: Commands) -> None:
    found = commands("changes", "--json", "--all").lines
    assert [row["seq"] for row in found] == [1, 2, 3, 4, 5, 6, 7]
    assert list(found[0]) == [
        "seq",
        "id",
        "source",
        "resource",
        "parent_key",
        "key",
        "version",
        "kind",
        "changed",
        "previous",
        "document",
        "observed_after",
        "observed_at",
        "scan_id",
        "digest",
        "salt",
        "document_digest",
        "previous_digest",
    ]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--resource", "things"), [1, 2, 3, 4]),
        (("--resource", "parts", "--key", "7"), [5, 6]),
        (("--resource", "parts", "--key", "7", "--parent", "2"), [6]),
        (("--kind", "updated", "--kind", "deleted"), [3, 4]),
        (("--since", "2026-11-22T11:00:00Z"), [3, 4, 5, 6, 7]),
        (("--until", "2026-11-22T11:00:00Z"), [1, 2]),
        (("--after", "5"), [6, 7]),
        (("--limit", "2"), [1, 2]),
        (("--source", "shop", "--after", "6"), [7]),
        (("--since", "1s"), []),
        (("--resource", "thing*", "--resource", "shop:drafts"), [1, 2, 3, 4]),
        (("--resource", "*", "--key", "[78]"), [5, 6, 7]),
        (("--field", "/size"), [3]),
        (("--field", "/siz"), []),
    ],
)
def test_changes_can_be_sifted(commands: Commands, options: tuple[str, ...], expected: list[int]) -> None:
    assert [row["seq"] for row in commands("changes", "--json", "--all", *options).lines] == expected


@pytest.mark.parametrize("how", [(), ("--json",)])
def test_first_sights_are_left_out_of_changes_and_counted(commands: Commands, how: tuple[str, ...]) -> None:
    found = commands("changes", *how)
    assert len(found.out.splitlines()) == (2 if how else 4)
    assert found.err == "5 snapshots (first sights) left out; --all shows them too\n"
    assert [row["seq"] for row in commands("changes", "--json", "--kind", "snapshot").lines] == [1, 2, 5, 6, 7]
    assert commands("changes", "--kind", "deleted").err == ""


def test_one_first_sight_that_is_left_out_is_told_as_one(commands: Commands) -> None:
    assert (
        commands("changes", "--record", "things/1").err == "1 snapshot (a first sight) left out; --all shows it too\n"
    )


def test_changes_for_people_have_a_line_for_each_field(commands: Commands) -> None:
    assert commands("changes", "--after", "2").out == (
        "       3 2026-11-22 11:00:00Z updated  things/1\n"
        '         /name: "bolt" -> "screw"\n'
        "         /size: (not there) -> 1180591620717411303424\n"
        "       4 2026-11-22 12:00:00Z deleted  things/2\n"
    )


def test_times_are_shown_and_read_in_the_zone_of_this_machine_on_request(
    commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    found = commands("changes", "--local", "--since", "2026-11-22T21:00")
    assert found.out == "       4 2026-11-22 21:00:00+09:00 deleted  things/2\n"
    assert commands("history", "things", "2", "--local").out.endswith("2026-11-22 21:00:00+09:00\n")
    assert "2026-11-22 12:00:00Z" in commands("changes").out, "not the next command's business"


def test_a_field_that_is_no_pointer_is_refused(commands: Commands) -> None:
    found = commands("changes", "--field", "status")
    assert (found.code, found.err.splitlines()[0]) == (
        2,
        "error: --field 'status' is not a JSON Pointer: it begins with `/`, as in `/options/password`",
    )


def test_an_unknown_kind_is_answered_with_the_one_that_was_meant(commands: Commands) -> None:
    found = commands("changes", "--kind", "update")
    assert (found.code, found.err) == (
        2,
        'error: there is no kind "update"\n  hint: did you mean "updated"?\n',
    )


@pytest.mark.parametrize(
    ("limits", "things", "parts"),
    [("", 50, 20), ("limits = { concurrency = 2 }", 50, 20), ("limits = { page_size = 30 }", 30, 20)],
    ids=["nothing said", "another limit", "the most that is asked for"],
)
def test_resources_tells_the_page_size_that_holds(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], limits: str, things: int, parts: int
) -> None:
    (tmp_path / "own.toml").write_text(
        'source = { page_size = 50 }\n[resources.things]\npath = "/things"\n'
        '[resources.parts]\npath = "/parts"\npage_size = 20\n[resources.names]\npath = "/names"\npaged = false\n'
    )
    source = '[sources.own]\ncatalogue = "own.toml"\nbase_url = "http://127.0.0.1:9"\nauth = { method = "none" }\n'
    (tmp_path / "own_limits.toml").write_text(source + limits)

    told = Commands(tmp_path / "own_limits.toml", capsys)("resources", "--json").json

    assert {"things": things, "parts": parts, "names": None} == {each["resource"]: each["page_size"] for each in told}
