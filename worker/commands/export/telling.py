"""What people are told of an export that is done."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from changes import written
from worker import output

if TYPE_CHECKING:
    from record.export_manifest import Manifest


def tell(folder: Path, manifest: Manifest, *, is_signed: bool) -> None:
    """Each file, then what is to be known of their contents."""
    from record.export_manifest import NAME, NOTE_NAME

    for file in manifest.files:
        output.say(f"wrote {folder / file.name}: {_many(file.rows, 'row')}, {file.bytes:,} bytes")
        for source, at in file.sources.items():
            if at is None and file.holds == "records":
                output.warn(f"{source} {file.resource} has had no complete scan: {file.name} may lack records")
    output.say(f"wrote {folder / NAME}" + (f" and {NOTE_NAME}, its signature" if is_signed else ""))
    for source, resource, at in manifest.left_out:
        when = "nobody has looked yet" if at is None else f"the first look was at {written.stamp(at)}"
        output.note(f"left out: {source} {resource}, of which nothing is known ({when})")
    guarded = sum(file.guarded_cells for file in manifest.files)
    if guarded:
        output.note(f"{_many(guarded, 'cell')} guarded by an apostrophe, since a spreadsheet would run what is in it")
    if manifest.uncertain.count:
        output.warn(
            f"{_many(manifest.uncertain.count, 'record')} uncertain: changed between two looks around "
            + written.stamp(manifest.moment),
            f"{NAME} names them, `mirrorpoint history` shows both versions",
        )


def _many(number: int, word: str) -> str:
    return f"1 {word}" if number == 1 else f"{number:,} {word}s"
