"""`export`: records and their changes as files for spreadsheets and notebooks, with their evidence."""

from __future__ import annotations

from datetime import UTC
from pathlib import Path
from typing import Annotated

import typer

from worker.commands import completing, times
from worker.commands.calling import call_of


def register(app: typer.Typer) -> None:
    """Put the command under its name."""
    app.command("export", epilog="Example: mirrorpoint export products --format csv --at 2026-11-03 --out november")(
        export
    )


def _formats(incomplete: str) -> list[str]:
    return [name for name in ("csv", "jsonl", "parquet", "xlsx") if name.startswith(incomplete)]


def export(
    context: typer.Context,
    resource: Annotated[
        list[str],
        typer.Argument(
            metavar="RESOURCE",
            help="Names or globs; `'*'` is everything.",
            show_default=False,
            autocompletion=completing.resources,
        ),
    ],
    format: Annotated[  # noqa: A002  # the option's name
        str, typer.Option("--format", metavar="FORMAT", help="csv, jsonl, parquet or xlsx.", autocompletion=_formats)
    ],
    source: Annotated[
        str | None,
        typer.Option(
            "--source", metavar="SOURCE", help="Only this source's records.", autocompletion=completing.sources
        ),
    ] = None,
    at: Annotated[str | None, typer.Option("--at", metavar="TIME", help=f"As they were then: {times.FORMS}.")] = None,
    deleted: Annotated[bool, typer.Option("--deleted", help="Deleted records too.")] = False,
    changes: Annotated[bool, typer.Option("--changes", help="The change log of each resource besides.")] = False,
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="Where the files go; it is made where there is none.")
    ] = Path(),
    raw: Annotated[
        bool, typer.Option("--raw", help="CSV for programs: cells that a spreadsheet would run stay as they are.")
    ] = False,
    local: Annotated[
        bool, typer.Option("--local", help="Read TIME in the zone of this machine (or TZ), not in UTC.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,
) -> None:
    """Write a file for each resource, and a manifest with the checksums of all; never overwrites.

    All files show the same moment. parquet and xlsx need an extra; where it is missing, its installation is told.
    """
    from worker.commands.export import evidence, exporting
    from worker.commands.export.wanted import Wanted

    wanted = Wanted(
        resources=tuple(resource),
        format=format,
        source=source,
        at=at,
        has_deleted=deleted,
        has_changes=changes,
        folder=out,
        is_raw=raw,
    )
    settings = call_of(context).settings()
    checkpoint_of, sign = evidence.of(settings)
    exporting.export(
        settings,
        wanted,
        zone=times.here() if local else UTC,
        wants_json=json,
        checkpoint_of=checkpoint_of,
        sign=sign,
    )
