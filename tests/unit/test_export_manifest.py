"""What an export says of itself, and what is signed of it."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta, timezone

from record.export_manifest import ExportedFile, Manifest, Uncertain, UncertainRecord, signed_text

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def file_of(rows: int, guarded_cells: int) -> ExportedFile:
    return ExportedFile(
        name="things.csv",
        resource="things",
        holds="records",
        sources={"north": NOON, "south": None},
        columns=[("key", "text"), ("version", "integer")],
        rows=rows,
        bytes=10,
        sha256="ab",
        guarded_cells=guarded_cells,
    )


def manifest(*files: ExportedFile) -> Manifest:
    record = UncertainRecord("north", "things", "", "1", 2, "updated", None, NOON + timedelta(microseconds=5))
    return Manifest(
        mirrorpoint="1.0",
        command="mirrorpoint export things --format csv",
        moment=NOON.astimezone(timezone(timedelta(hours=2))),
        exported_at=NOON,
        last_seq=7,
        checkpoint="origin\n7\nroot\n",
        files=files,
        left_out=[("south", "parts", None)],
        uncertain=Uncertain(3, [record]),
    )


def test_a_manifest_says_all_of_its_files_and_adds_them_up() -> None:
    found = json.loads(manifest(file_of(2, 1), file_of(3, 4)).text())
    assert (5, 5) == (found["rows"], found["guarded_cells"])
    assert found["files"][0] == {
        "name": "things.csv",
        "resource": "things",
        "holds": "records",
        "last_complete_scan_began_at": {"north": "2026-11-22T12:00:00Z", "south": None},
        "columns": {"key": "text", "version": "integer"},
        "rows": 2,
        "bytes": 10,
        "sha256": "ab",
        "guarded_cells": 1,
    }
    assert found["checkpoint"] == "origin\n7\nroot\n"
    assert found["left_out"] == [{"source": "south", "resource": "parts", "first_look": None}]


def test_times_are_told_in_utc_to_the_microsecond() -> None:
    found = manifest().document()
    assert found["moment"] == "2026-11-22T12:00:00Z"
    assert found["uncertain"]["records"][0]["observed_at"] == "2026-11-22T12:00:00.000005Z"


def test_of_uncertain_records_all_are_counted_and_some_are_named() -> None:
    found = manifest().document()["uncertain"]
    assert (3, 1, 1) == (found["count"], found["listed"], len(found["records"]))


def test_what_is_signed_holds_the_checksum_of_the_manifest_as_sha256sum_writes_it() -> None:
    text = manifest().text()
    heading, line, end = signed_text(text).split("\n")
    assert ("mirrorpoint-export/v1", "") == (heading, end)
    assert f"{hashlib.sha256(text.encode()).hexdigest()}  manifest.json" == line
