"""`diff`: what differs between two moments; reads the database, asks no source."""

from __future__ import annotations

from datetime import UTC
from typing import Annotated

import typer

from worker.commands import completing, times
from worker.commands.calling import call_of


def register(app: typer.Typer) -> None:
    """Put the command of this file under its name."""
    app.command("diff", epilog="Example: mirrorpoint diff --from yesterday --to today 'product*'")(diff)


def diff(
    context: typer.Context,
    start: Annotated[str, typer.Option("--from", metavar="TIME", help=f"The earlier moment: {times.FORMS}.")],
    resource: Annotated[
        list[str] | None,
        typer.Argument(metavar="RESOURCE", help="Only these; names or globs.", autocompletion=completing.resources),
    ] = None,
    end: Annotated[str | None, typer.Option("--to", metavar="TIME", help="The later moment; now without it.")] = None,
    source: Annotated[
        str | None,
        typer.Option("--source", metavar="SOURCE", help="Only of this source.", autocompletion=completing.sources),
    ] = None,
    steps: Annotated[
        bool, typer.Option("--steps", help="Also each change on the way, and records that are the same in the end.")
    ] = False,
    field: Annotated[
        str | None, typer.Option("--field", metavar="POINTER", help="Only this field (/status) and what is below it.")
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Exit code 3 where anything differs, or may.")] = False,
    local: Annotated[
        bool, typer.Option("--local", help="Read and show times in the zone of this machine (or TZ), not in UTC.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="JSON Lines on standard output, one for each record.")] = False,
) -> int:
    """What differs between two moments: each record that came, went or changed, with old and new values.

    It is the net difference: what came and went in between, or changed and changed back, is none.

    `~` is uncertain: a moment lies between the two looks at a change, and each difference that may be is told.

    Records that a first scan saw in between are counted, and compared from there: nobody knows what was before.
    """
    from worker.commands.diff import diffing
    from worker.commands.diff.asked import Wanted

    wanted = Wanted(start=start, end=end, resources=tuple(resource or ()), source=source, field=field, has_steps=steps)
    zone = times.here() if local else UTC
    return diffing.show(call_of(context).settings(), wanted, zone=zone, is_check=check, wants_json=json)
