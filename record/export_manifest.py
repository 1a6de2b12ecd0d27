"""What an export says of itself: `manifest.json`, and the text that is signed of it for `manifest.note`.

Written by the command after all other files. docs/exports.md describes both for whoever checks them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

NAME, NOTE_NAME = "manifest.json", "manifest.note"
#: The first line of the text that is signed: no checkpoint and no other note of this key begins so.
HEADING = "mirrorpoint-export/v1"


@dataclass(frozen=True, slots=True)
class ExportedFile:
    """One of the files beside the manifest."""

    name: str
    resource: str
    holds: str  #: records, changes
    sources: Mapping[str, datetime | None]  #: when the last complete scan of the resource in it began; None: never
    columns: Sequence[tuple[str, str]]
    rows: int
    bytes: int
    sha256: str
    guarded_cells: int


@dataclass(frozen=True, slots=True)
class UncertainRecord:
    """A record that may have been another at the moment: it changed between the two looks around it."""

    source: str
    resource: str
    parent_key: str
    key: str
    version: int  #: what it was after that change
    kind: str
    observed_after: datetime | None
    observed_at: datetime


@dataclass(frozen=True, slots=True)
class Uncertain:
    """All of these."""

    count: int
    records: Sequence[UncertainRecord]  #: the first of them


@dataclass(frozen=True, slots=True)
class Manifest:
    """All of it."""

    mirrorpoint: str  #: the version of the program
    command: str  #: with the moment as it was understood
    moment: datetime  #: at which the records stood so
    exported_at: datetime
    last_seq: int  #: of the newest change that the database had then
    checkpoint: str | None
    files: Sequence[ExportedFile]
    left_out: Sequence[tuple[str, str, datetime | None]]  #: source, resource, first look: later, or none yet
    uncertain: Uncertain

    def document(self) -> dict[str, Any]:
        """As JSON; times are RFC 3339 in UTC."""
        return {
            "format": HEADING,
            "mirrorpoint": self.mirrorpoint,
            "command": self.command,
            "moment": _stamp(self.moment),
            "exported_at": _stamp(self.exported_at),
            "last_seq": self.last_seq,
            "checkpoint": self.checkpoint,
            "rows": sum(file.rows for file in self.files),
            "guarded_cells": sum(file.guarded_cells for file in self.files),
            "files": [_file(file) for file in self.files],
            "left_out": [
                {"source": source, "resource": resource, "first_look": _stamp(at)}
                for source, resource, at in self.left_out
            ],
            "uncertain": {
                "count": self.uncertain.count,
                "listed": len(self.uncertain.records),
                "records": [_uncertain(each) for each in self.uncertain.records],
            },
        }

    def text(self) -> str:
        """What stands in the file."""
        return json.dumps(self.document(), ensure_ascii=False, indent=2) + "\n"


def signed_text(manifest_text: str) -> str:
    """What is signed: the heading, then a line that `sha256sum --check` reads."""
    return f"{HEADING}\n{hashlib.sha256(manifest_text.encode()).hexdigest()}  {NAME}\n"


def _file(file: ExportedFile) -> dict[str, Any]:
    return {
        "name": file.name,
        "resource": file.resource,
        "holds": file.holds,
        "last_complete_scan_began_at": {source: _stamp(at) for source, at in file.sources.items()},
        "columns": dict(file.columns),
        "rows": file.rows,
        "bytes": file.bytes,
        "sha256": file.sha256,
        "guarded_cells": file.guarded_cells,
    }


def _uncertain(each: UncertainRecord) -> dict[str, Any]:
    return {
        "source": each.source,
        "resource": each.resource,
        "parent_key": each.parent_key,
        "key": each.key,
        "version": each.version,
        "kind": each.kind,
        "observed_after": _stamp(each.observed_after),
        "observed_at": _stamp(each.observed_at),
    }


def _stamp(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"
