"""`verify`: whether the record was altered."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from worker.commands import times
from worker.commands.calling import call_of

Json = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]


def register(app: typer.Typer) -> None:
    """Put the commands of this file under their names."""
    app.command("verify", epilog="Example: mirrorpoint verify --head heads.log")(verify)


def verify(
    context: typer.Context,
    head: Annotated[
        list[Path] | None,
        typer.Option("--head", metavar="FILE", help="Heads that were kept elsewhere: signed notes, one or several."),
    ] = None,
    since: Annotated[
        str | None, typer.Option("--since", metavar="TIME", help=f"Only what was seen from then on: {times.FORMS}.")
    ] = None,
    sample: Annotated[
        int | None, typer.Option("--sample", metavar="N", min=1, help="Only N changes and N records, drawn at random.")
    ] = None,
    json: Json = False,
) -> None:
    """Say whether anybody has altered the change log, the tables, deliveries or actions; 6 where somebody has.

    Everything is computed again from what is stored and compared with the checkpoints, and with heads that were kept
    elsewhere. All that is found is named, and nothing is changed. It may run while everything else does.
    """
    from worker.commands.record import verifying

    code = verifying.verify(call_of(context), head_files=head or (), since=since, sample=sample, wants_json=json)
    raise typer.Exit(code)
