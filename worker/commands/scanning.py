"""`mirrorpoint sync`: scans in the foreground, with the steps that the workers use."""

from __future__ import annotations

from typing import Annotated

import typer

from worker.commands.calling import call_of


def register(app: typer.Typer) -> None:
    """Put the commands of this file under their names."""
    app.command("sync", epilog="Example: mirrorpoint sync products 'product_*'")(sync)


def sync(
    context: typer.Context,
    resource: Annotated[
        list[str] | None, typer.Argument(metavar="[RESOURCE]…", help="Names or globs, whatever their schedule says.")
    ] = None,
    source: Annotated[str | None, typer.Option(help="Only this source.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Also what is off.")] = False,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait for a scan that somebody else runs.")] = True,
    json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,
) -> int:
    """Scan now: all that is not off, or the resources that are named, or with --all really all.

    Exit code 0: all complete; 3: something is incomplete or held; 4: credentials refused; 5: a source out of reach.
    """
    from worker.commands import foreground, output

    services = call_of(context).services()
    plan = foreground.plan(services, resource or [], source_name=source, with_off=everything)
    for line in plan.notes:
        output.note(line)
    run = foreground.Scans(services, waits=wait)
    ends = run.work_off(plan.jobs)
    rows = foreground.scan_rows(services, ends)
    if json:
        output.document({"scans": rows})
    else:
        foreground.show(ends, rows)
    return foreground.exit_code(ends, rows)
