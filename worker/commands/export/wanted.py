"""What is to be exported: the command line, understood."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from datetime import datetime, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING

from changes import written
from worker.commands import times
from worker.problems import UsageError, did_you_mean

if TYPE_CHECKING:
    from record.export_formats import Format


@dataclass(frozen=True, slots=True)
class Wanted:
    """As it was written on the command line."""

    resources: tuple[str, ...]
    format: str
    source: str | None
    at: str | None
    has_deleted: bool
    has_changes: bool
    folder: Path
    is_raw: bool


def format_of(wanted: Wanted) -> Format:
    """UsageError where there is no such format, or it does not go with `--raw`."""
    from record.export_formats import Format

    known = [each.value for each in Format]
    if wanted.format not in known:
        raise UsageError(f'there is no format "{wanted.format}"', did_you_mean(wanted.format, known))
    if wanted.is_raw and wanted.format != Format.CSV:
        raise UsageError(f"--raw means nothing for {wanted.format}", "leave it out: only CSV guards cells")
    return Format(wanted.format)


def moment_of(wanted: Wanted, *, now: datetime, zone: tzinfo) -> datetime | None:
    """The moment of `--at`; UsageError where it is still to come."""
    if wanted.at is None:
        return None
    return times.past_moment(wanted.at, option="--at", now=now, zone=zone)


def command_line(wanted: Wanted, *, at: datetime | None) -> str:
    """For the manifest: what gives the same again, wherever it is written to."""
    words = ["mirrorpoint", "export", *wanted.resources, "--format", wanted.format]
    words += ["--source", wanted.source] if wanted.source is not None else []
    words += ["--at", written.stamp(at)] if at is not None else []
    flags = {"--deleted": wanted.has_deleted, "--changes": wanted.has_changes, "--raw": wanted.is_raw}
    return shlex.join([*words, *(flag for flag, is_given in flags.items() if is_given)])
