"""`export` on both databases: what is in the files, at which moment, and what is refused before anything is begun."""

from __future__ import annotations

import csv
import errno
import gc
import hashlib
import json
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from arro3.io import read_parquet

from record.export_table import ExportRefused
from storage import exports, sql
from storage.errors import DatabaseTrouble
from storage.session import Session
from tests.commands import Commands
from tests.integration.exported_mirror import DRAFTS, HOUR, NOON, ExportedMirror
from worker import settings
from worker.commands.export import exporting
from worker.commands.export.wanted import Wanted

#: A document with a value for each column, and a number that no column holds.
BOLT = {
    "name": "=bolt",
    "number": 7,
    "price": -1.5,
    "active": True,
    "at": "2026-10-03T09:55:00.5Z",
    "tags": ["b", {"z": 1, "a": 2**70}],
    "id": 1,
}
BOLT_TEXT = (
    '{"active":true,"at":"2026-10-03T09:55:00.5Z","id":1,"name":"=bolt","number":7,"price":-1.5,'
    '"tags":["b",{"a":1180591620717411303424,"z":1}]}'
)


@pytest.fixture
def mirror(tmp_path: Path, database_url: str) -> Iterator[ExportedMirror]:
    """Two things of the north, of which one was changed and one deleted; one of the south, with the same key."""
    made = ExportedMirror(tmp_path, database_url)
    made.note("things", "1", {**BOLT, "name": "nail"}, at=NOON - 3 * HOUR)
    made.note("things", "2", {"id": 2}, at=NOON - 3 * HOUR)
    made.note("things", "1", BOLT, at=NOON - HOUR, after=NOON - 2 * HOUR)
    made.note("things", "2", None, at=NOON, after=NOON - HOUR)
    made.note("things", "1", {"id": 1, "name": "south"}, at=NOON, source="south")
    yield made
    made.database.dispose()


@pytest.fixture
def commands(mirror: ExportedMirror, capsys: pytest.CaptureFixture[str]) -> Commands:
    return Commands(mirror.config, capsys)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "made" / "here"


def rows_of(file: Path) -> list[dict[str, Any]]:
    if file.suffix == ".csv":
        with file.open(encoding="utf-8-sig", newline="") as opened:
            return list(csv.DictReader(opened))
    return [json.loads(line) for line in file.read_text("utf-8").splitlines()]


def manifest_of(folder: Path) -> Any:
    return json.loads((folder / "manifest.json").read_text("utf-8"))


def test_a_file_has_the_columns_of_the_table_and_its_living_records(commands: Commands, out: Path) -> None:
    result = commands("export", "things", "--format", "csv", "--raw", "--out", str(out))
    assert result.code == 0, result.err
    document = BOLT_TEXT.replace('"', '""')
    tags = '["b",{"a":1180591620717411303424,"z":1}]'.replace('"', '""')
    lines = [
        ["source", "parent_key", "key", "name", "number", "price", "active", "at", "tags"],
        ["document", "version", "fingerprint", "first_seen_at", "changed_at", "deleted_at"],
        ['"north"', '""', '"1"', '"=bolt"', "7", "-1.5", "true", "2026-10-03T09:55:00.500000Z", f'"{tags}"'],
        [f'"{document}"', "2", '"f"', "2026-11-22T09:00:00Z", "2026-11-22T11:00:00Z", ""],
        ['"south"', '""', '"1"', '"south"', "", "", "", "", ""],
        ['"{""id"":1,""name"":""south""}"', "1", '"f"', "2026-11-22T12:00:00Z", "2026-11-22T12:00:00Z", ""],
    ]
    header = ",".join(f'"{name}"' for name in lines[0] + lines[1])
    expected = [header, ",".join(lines[2] + lines[3]), ",".join(lines[4] + lines[5]), ""]
    assert (out / "things.csv").read_bytes().decode().split("\r\n") == expected
    assert {path.name for path in out.iterdir()} == {"things.csv", "manifest.json"}
    assert f"wrote {out / 'things.csv'}: 2 rows" in result.out


def test_deleted_records_and_the_change_log_come_where_they_are_wanted(commands: Commands, out: Path) -> None:
    words = ("export", "things", "--source", "north", "--format", "jsonl", "--out", str(out))
    assert commands(*words, "--deleted", "--changes").code == 0
    records, changes = rows_of(out / "things.jsonl"), rows_of(out / "things.changes.jsonl")
    assert [(row["key"], row["version"], row["deleted_at"]) for row in records] == [
        ("1", 2, None),
        ("2", 2, "2026-11-22T12:00:00Z"),
    ]
    assert records[0]["document"]["tags"][1]["a"] == 2**70
    assert [(row["seq"], row["key"], row["kind"]) for row in changes] == [
        (1, "1", "snapshot"),
        (2, "2", "snapshot"),
        (3, "1", "updated"),
        (4, "2", "deleted"),
    ]
    assert changes[2]["previous"] == {"/name": "nail"}
    assert changes[2]["changed"] == ["/name"]
    assert list(changes[0]) == [name for name, _ in exports.CHANGE_COLUMNS]


def test_records_are_as_they_stood_at_a_moment(commands: Commands, out: Path) -> None:
    words = ("export", "north:things", "--format", "jsonl", "--changes", "--at", "2026-11-22T10:00", "--out", str(out))
    assert commands(*words).code == 0
    first, second = rows_of(out / "things.jsonl")
    assert (first["name"], first["version"], first["number"]) == ("nail", 1, 7)
    assert (first["tags"], first["at"]) == (BOLT["tags"], "2026-10-03T09:55:00.500000Z")
    assert (first["first_seen_at"], first["changed_at"]) == ("2026-11-22T09:00:00Z", "2026-11-22T09:00:00Z")
    assert (first["fingerprint"], second["key"], second["deleted_at"]) == (None, "2", None)
    assert len(rows_of(out / "things.changes.jsonl")) == 2
    assert manifest_of(out)["moment"] == "2026-11-22T10:00:00Z"


def test_a_record_that_was_deleted_by_then_comes_where_deleted_ones_are_wanted(commands: Commands, out: Path) -> None:
    words = ("export", "north:things", "--format", "jsonl", "--at", "2026-11-22T12:00", "--out")
    assert commands(*words, str(out)).code == 0
    assert commands(*words, str(out / "all"), "--deleted").code == 0
    assert [row["key"] for row in rows_of(out / "things.jsonl")] == ["1"]
    last = rows_of(out / "all" / "things.jsonl")[1]
    assert (last["document"], last["version"], last["deleted_at"]) == ({"id": 2}, 2, "2026-11-22T12:00:00Z")


@pytest.mark.parametrize(
    ("at", "uncertain"),
    [
        ("2026-11-22T10:00", []),  # the old state was seen at that very moment
        ("2026-11-22T10:00:01", [("1", 2, "2026-11-22T10:00:00Z", "2026-11-22T11:00:00Z")]),
        ("2026-11-22T11:00", []),  # the new one was
        ("2026-11-22T11:30", [("2", 2, "2026-11-22T11:00:00Z", "2026-11-22T12:00:00Z")]),
    ],
)
def test_records_that_changed_between_two_looks_around_the_moment_are_named(
    at: str, uncertain: list[Any], commands: Commands, out: Path
) -> None:
    result = commands("export", "north:things", "--format", "csv", "--changes", "--at", at, "--out", str(out))
    found = manifest_of(out)["uncertain"]
    assert (found["count"], found["listed"]) == (len(uncertain), len(uncertain))
    names = ("key", "version", "observed_after", "observed_at")
    assert [tuple(row[name] for name in names) for row in found["records"]] == uncertain
    assert ("uncertain" in result.err) == bool(uncertain)


def test_what_was_seen_first_after_the_moment_is_uncertain(
    mirror: ExportedMirror, commands: Commands, out: Path
) -> None:
    mirror.note("things", "9", {"id": 9}, at=NOON - 3 * HOUR + HOUR / 60)
    assert (
        commands("export", "north:things", "--format", "csv", "--at", "2026-11-22T09:00", "--out", str(out)).code == 0
    )
    assert [row["key"] for row in manifest_of(out)["uncertain"]["records"]] == ["9"]


def test_many_uncertain_records_are_counted_and_some_are_named(
    commands: Commands, mirror: ExportedMirror, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "_MOST_UNCERTAIN", 2)
    for key in ("5", "6", "7"):
        mirror.note("things", key, {"id": key}, at=NOON, after=NOON - 3 * HOUR)
    assert (
        commands(
            "export", "things", "--source", "north", "--format", "csv", "--at", "2026-11-22T10:30", "--out", str(out)
        ).code
        == 0
    )
    found = manifest_of(out)["uncertain"]
    assert (found["count"], found["listed"], len(found["records"])) == (4, 2, 2)


def test_content_that_is_gone_from_the_log_leaves_its_cells_empty(
    commands: Commands, mirror: ExportedMirror, out: Path
) -> None:
    mirror.run("UPDATE mirrorpoint_change SET document = NULL WHERE seq = 3")
    mirror.run("UPDATE mirrorpoint_change SET previous = '{}' WHERE seq = 4")
    words = ("export", "north:things", "--format", "csv", "--deleted", "--changes", "--at", "2026-11-22T12:00")
    assert commands(*words, "--out", str(out)).code == 0
    assert [(row["key"], row["document"], row["name"]) for row in rows_of(out / "things.csv")] == [
        ("1", "", ""),
        ("2", "", ""),
    ]


def test_the_manifest_tells_what_each_file_is_and_its_checksum(commands: Commands, out: Path) -> None:
    words = ("export", "things", "--format", "csv", "--deleted", "--changes")
    result = commands(*words, "--out", str(out), "--json")
    found = manifest_of(out)
    assert result.json == {"folder": str(out), "note": None, **found}
    assert result.err == ""
    assert [(file["name"], file["holds"], file["rows"]) for file in found["files"]] == [
        ("things.csv", "records", 3),
        ("things.changes.csv", "changes", 5),
    ]
    for file in found["files"]:
        content = (out / file["name"]).read_bytes()
        assert (file["sha256"], file["bytes"]) == (hashlib.sha256(content).hexdigest(), len(content))
    assert (found["rows"], found["guarded_cells"], found["last_seq"]) == (8, 1, 5)
    assert (found["command"], found["checkpoint"]) == (" ".join(("mirrorpoint", *words)), None)
    assert rows_of(out / "things.csv")[0]["name"] == "'=bolt"


def test_the_command_of_a_manifest_gives_the_same_files_again(commands: Commands, out: Path) -> None:
    assert (
        commands(
            "export", "things", "--source", "north", "--format", "jsonl", "--at", "2026-11-22T10:30", "--out", str(out)
        ).code
        == 0
    )
    assert commands(*manifest_of(out)["command"].split()[1:], "--out", str(out / "again")).code == 0
    assert (out / "things.jsonl").read_bytes() == (out / "again" / "things.jsonl").read_bytes()


def wanted(folder: Path, format_: str = "csv") -> Wanted:
    return Wanted(
        resources=("things",),
        format=format_,
        source=None,
        at=None,
        has_deleted=False,
        has_changes=True,
        folder=folder,
        is_raw=False,
    )


def export(mirror: ExportedMirror, folder: Path, **more: Any) -> None:
    exporting.export(settings.load(str(mirror.config)), wanted(folder), zone=UTC, wants_json=True, **more)


def test_a_note_is_signed_over_the_checksum_of_the_manifest(mirror: ExportedMirror, out: Path) -> None:
    export(mirror, out, checkpoint_of=lambda _: "origin\n5\nroot\n", sign=lambda text: f"{text}\n— name signature\n")
    checksum = hashlib.sha256((out / "manifest.json").read_bytes()).hexdigest()
    assert (out / "manifest.note").read_bytes().decode().split("\n") == [
        "mirrorpoint-export/v1",
        f"{checksum}  manifest.json",
        "",
        "— name signature",
        "",
    ]
    assert manifest_of(out)["checkpoint"] == "origin\n5\nroot\n"


def test_all_files_show_one_moment_whatever_is_committed_meanwhile(mirror: ExportedMirror, out: Path) -> None:
    def checkpoint_of(_: Session) -> None:
        mirror.note("things", "3", {"id": 3}, at=NOON)
        mirror.note("things", "1", {"id": 1, "name": "later"}, at=NOON)

    export(mirror, out, checkpoint_of=checkpoint_of)
    assert [(row["source"], row["key"]) for row in rows_of(out / "things.csv")] == [("north", "1"), ("south", "1")]
    assert rows_of(out / "things.csv")[0]["name"] == "'=bolt"
    assert (manifest_of(out)["last_seq"], len(rows_of(out / "things.changes.csv"))) == (5, 5)
    export(mirror, out / "later")
    assert (manifest_of(out / "later")["last_seq"], len(rows_of(out / "later" / "things.csv"))) == (7, 3)


def test_parquet_and_workbooks_hold_the_same(commands: Commands, out: Path) -> None:
    for format_ in ("jsonl", "parquet", "xlsx"):
        assert commands("export", "things", "--format", format_, "--deleted", "--out", str(out / format_)).code == 0
    expected = rows_of(out / "jsonl" / "things.jsonl")
    table = read_parquet(out / "parquet" / "things.parquet").read_all()
    with (out / "xlsx" / "things.xlsx").open("rb") as opened:
        sheet = list(openpyxl.load_workbook(opened).active.iter_rows(values_only=True))
    assert list(expected[0]) == [field.name for field in table.schema] == list(sheet[0])
    keys = [(row["source"], row["key"], row["version"], row["price"], row["active"]) for row in expected]
    named = {field.name: column.to_pylist() for field, column in zip(table.schema, table.columns, strict=True)}
    assert keys == list(zip(*(named[name] for name in ("source", "key", "version", "price", "active")), strict=True))
    in_sheet = [dict(zip(sheet[0], row, strict=True)) for row in sheet[1:]]
    assert keys == [(row["source"], row["key"], row["version"], row["price"], row["active"]) for row in in_sheet]
    assert json.loads(named["document"][0]) == json.loads(in_sheet[0]["document"]) == expected[0]["document"]
    assert named["changed_at"][0] == in_sheet[0]["changed_at"].replace(tzinfo=UTC) == NOON - HOUR


def test_what_a_glob_means_and_nobody_has_looked_at_is_left_out_and_told(commands: Commands, out: Path) -> None:
    result = commands("export", "*", "--format", "csv", "--at", "2026-11-22T10:00", "--out", str(out))
    assert result.code == 0
    assert {path.name for path in out.iterdir()} == {"things.csv", "manifest.json"}
    assert {(each["source"], each["resource"]): each["first_look"] for each in manifest_of(out)["left_out"]} == {
        ("north", "parts"): None,
        ("north", "drafts"): None,
        ("south", "things"): "2026-11-22T12:00:00Z",
        ("south", "parts"): None,
        ("south", "drafts"): None,
    }
    assert "left out: south things" in result.err
    assert "(the first look was at 2026-11-22T12:00:00Z)" in result.err


def test_a_resource_that_no_catalogue_has_any_more_is_exported_still(
    commands: Commands, mirror: ExportedMirror, database_url: str, out: Path
) -> None:
    mirror.run(
        "INSERT INTO mirrorpoint_resource (source, resource, failures, crashes) VALUES ('north', 'things', 0, 0)"
    )
    mirror.configure(database_url, DRAFTS)
    words = ("export", "north:things", "--format", "jsonl")
    assert commands(*words, "--out", str(out)).code == 0
    assert [row["document"]["name"] for row in rows_of(out / "things.jsonl")] == ["=bolt"]

    mirror.run("DROP TABLE things")
    refused = commands(*words, "--out", str(out / "again"))
    assert (refused.code, "the table of things is not there any more" in refused.err) == (2, True)
    assert commands(*words, "--at", "2026-11-22T11:00", "--out", str(out / "again")).code == 0
    assert [row["document"] for row in rows_of(out / "again" / "things.jsonl")] == [BOLT, {"id": 2}]


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        (["thing", "--format", "csv"], 'there is no resource "thing"', 'did you mean "things"?'),
        (["things", "--format", "cvs"], 'there is no format "cvs"', 'did you mean "csv"?'),
        (["things", "--format", "csv", "--source", "nort"], 'there is no source "nort"', 'did you mean "north"?'),
        (["things", "--format", "csv", "--at", "2126-01-01"], '--at "2126-01-01" is in the future', "now is "),
        (["things", "--format", "csv", "--at", "soon"], '--at "soon" is no time', "write 2026-11-22"),
        (
            ["things", "--format", "csv", "--at", "2026-11-22T08:59"],
            "nothing is known of north things, south things at 2026-11-22T08:59:00Z: the first look was later",
            "all of it is known from 2026-11-22T12:00:00Z on",
        ),
        (["drafts", "--format", "csv"], "nothing is known of north drafts, south drafts", "`mirrorpoint sync`"),
        (["drafts", "--format", "csv", "--at", "2026-11-22"], "nobody has looked yet", "`mirrorpoint sync`"),
        (["things", "--format", "jsonl", "--raw"], "--raw means nothing for jsonl", "leave it out"),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_cure(
    words: list[str], message: str, hint: str, commands: Commands, out: Path
) -> None:
    result = commands("export", *words, "--out", str(out))
    assert (result.code, out.parent.exists()) == (2, False)
    assert message in result.err.splitlines()[0]
    assert hint in result.err.splitlines()[1]


@pytest.mark.parametrize("name", ["things.csv", "things.changes.csv", "manifest.json"])
def test_a_file_that_is_there_is_named_and_left_as_it_is(name: str, commands: Commands, out: Path) -> None:
    out.mkdir(parents=True)
    (out / name).write_text("mine")
    result = commands("export", "things", "--format", "csv", "--changes", "--out", str(out))
    assert (result.code, [path.name for path in out.iterdir()]) == (2, [name])
    assert f"{out / name} exists already and is left as it is" in result.err
    assert "another folder with --out" in result.err
    assert (out / name).read_text() == "mine"


def test_a_file_that_comes_meanwhile_is_left_as_it_is_and_nothing_of_ours_appears(
    mirror: ExportedMirror, out: Path
) -> None:
    def sign(text: str) -> str:
        (out / "things.changes.csv").write_text("mine")
        return text

    with pytest.raises(ExportRefused, match=r"things\.changes\.csv exists already"):
        export(mirror, out, sign=sign)
    assert [(path.name, path.read_text()) for path in out.iterdir()] == [("things.changes.csv", "mine")]


def test_a_file_system_without_links_gets_the_same_files(
    mirror: ExportedMirror, commands: Commands, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: Any) -> None:
        raise OSError(errno.EOPNOTSUPP, "Operation not supported")

    monkeypatch.setattr("os.link", refused)
    assert commands("export", "things", "--format", "csv", "--changes", "--out", str(out)).code == 0
    names = {"things.csv", "things.changes.csv", "manifest.json"}
    assert {path.name for path in out.iterdir()} == names

    def sign(text: str) -> str:
        (out / "again" / "manifest.json").write_text("mine")
        return text

    with pytest.raises(ExportRefused, match=r"manifest\.json exists already"):
        export(mirror, out / "again", sign=sign)
    assert [(path.name, path.read_text()) for path in (out / "again").iterdir()] == [("manifest.json", "mine")]


def test_a_folder_that_is_a_file_or_cannot_be_made_is_refused(commands: Commands, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    for folder in ("file", "file/below"):
        result = commands("export", "things", "--format", "csv", "--out", str(tmp_path / folder))
        assert (result.code, f"{tmp_path / 'file'} is no folder" in result.err) == (2, True), result.err
    assert (tmp_path / "file").read_text() == "mine"


def test_a_folder_that_may_not_be_written_is_refused(
    commands: Commands, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.access", lambda *_: False)  # whoever runs the tests may write everywhere
    result = commands("export", "things", "--format", "csv", "--out", str(out))
    assert (result.code, "nothing can be written to" in result.err) == (2, True)


@pytest.mark.parametrize(("format_", "library"), [("parquet", "arro3"), ("xlsx", "xlsxwriter")])
def test_an_extra_that_is_missing_is_named_with_its_command(
    format_: str, library: str, commands: Commands, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "arro3.io", None)
    monkeypatch.setitem(sys.modules, "xlsxwriter", None)
    result = commands("export", "things", "--format", format_, "--out", str(out))
    assert (result.code, out.exists()) == (2, False)
    assert f"--format {format_} needs the library {library}" in result.err
    assert f"-m pip install 'mirrorpoint[{format_}]'" in result.err


def test_what_a_workbook_cannot_hold_is_refused_before_it_is_begun(
    commands: Commands, mirror: ExportedMirror, out: Path
) -> None:
    mirror.note("things", "long", {"name": "x" * 40_000}, at=NOON)
    result = commands("export", "things", "--format", "xlsx", "--out", str(out))
    assert (result.code, out.exists()) == (2, False)
    assert "things.xlsx: name of the record long has 40,000 characters, a cell holds at most 32,767" in result.err
    assert "--format csv" in result.err
    assert commands("export", "things", "--format", "csv", "--out", str(out)).code == 0


@contextmanager
def room_for(size: int) -> Iterator[None]:
    """No file of this process may become larger."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("format_", ["csv", "jsonl", "parquet", "xlsx"])
def test_a_disk_without_room_leaves_nothing_and_is_told_in_a_sentence(
    format_: str, commands: Commands, mirror: ExportedMirror, out: Path
) -> None:
    for number in range(100):
        mirror.note("things", f"k{number}", {"name": hashlib.sha256(b"%d" % number).hexdigest() * 50}, at=NOON)
    with room_for(16_384):
        result = commands("export", "things", "--format", format_, "--out", str(out))
    assert (result.code, out.parent.exists()) == (5, False)
    assert "has no room for the export" in result.err
    assert len(result.err.splitlines()) == 2, result.err
    assert "nothing of it was kept" in result.err


@pytest.mark.parametrize("format_", ["csv", "jsonl", "parquet", "xlsx"])
def test_ctrl_c_leaves_nothing(format_: str, commands: Commands, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = exports.records

    def interrupted(*arguments: Any, **more: Any) -> Iterator[Any]:
        yield from read(*arguments, **more)
        if out.exists():  # not while the rows are checked
            raise KeyboardInterrupt

    monkeypatch.setattr(exports, "records", interrupted)
    result = commands("export", "things", "--format", format_, "--out", str(out))
    assert (result.code, result.out, result.err, out.parent.exists()) == (130, "", "", False)


def test_ctrl_c_between_two_rows_says_nothing_of_the_database(
    commands: Commands, out: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def interrupted(rows: Iterator[Any], *_: Any) -> Iterator[Any]:
        yield next(rows)
        raise KeyboardInterrupt

    monkeypatch.setattr(exporting, "_counted", interrupted)
    assert commands("export", "things", "--format", "csv", "--out", str(out)).code == 130
    assert caplog.messages == []


def test_a_folder_that_was_there_stays_where_the_export_fails(
    commands: Commands, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out.mkdir(parents=True)

    def failing(*_: Any, **__: Any) -> Iterator[Any]:
        raise KeyboardInterrupt

    monkeypatch.setattr(exports, "records", failing)
    assert commands("export", "things", "--format", "csv", "--out", str(out)).code == 130
    assert (out.is_dir(), list(out.iterdir())) == (True, [])


def test_files_are_for_their_owner_alone(commands: Commands, out: Path) -> None:
    assert commands("export", "things", "--format", "csv", "--out", str(out)).code == 0
    assert {path.stat().st_mode & 0o777 for path in out.iterdir()} == {0o600}


def test_a_database_that_knows_nothing_yet_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], mirror: ExportedMirror, out: Path
) -> None:
    mirror.configure(f"sqlite:///{tmp_path / 'none.db'}", DRAFTS)
    result = Commands(mirror.config, capsys)("export", "things", "--format", "csv", "--out", str(out))
    assert (result.code, out.exists()) == (5, False)


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # the driver minds a cursor that its server has forgotten
@pytest.mark.parametrize("dialect", ["postgresql"], indirect=True)
def test_a_database_that_goes_away_leaves_nothing_and_is_told(mirror: ExportedMirror, out: Path) -> None:
    def checkpoint_of(session: Session) -> None:
        pid = sql.value(session, "SELECT pg_backend_pid()")
        mirror.run(f"SELECT pg_terminate_backend({pid})")

    with pytest.raises(DatabaseTrouble):
        export(mirror, out, checkpoint_of=checkpoint_of)
    gc.collect()
    assert not out.parent.exists()


def test_the_moment_of_an_export_is_when_it_looked(commands: Commands, out: Path) -> None:
    before = datetime.now(UTC)
    assert commands("export", "things", "--format", "csv", "--out", str(out)).code == 0
    found = manifest_of(out)
    assert before <= datetime.fromisoformat(found["moment"]) <= datetime.now(UTC)
    assert found["moment"] == found["exported_at"]
