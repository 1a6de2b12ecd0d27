"""`deliver`, `deliveries` and `deliveries retry`: what is owed to points, and what was sent."""

from __future__ import annotations

from typing import Annotated

import typer

from worker.commands.calling import LARGEST, call_of

Json = Annotated[bool, typer.Option("--json", help="JSON on standard output.")]


def register(app: typer.Typer) -> None:
    """Put the commands of this file under their names."""
    app.command("deliver", epilog="Example: mirrorpoint deliver --wait 2m")(deliver)
    group = typer.Typer()
    group.callback(invoke_without_command=True)(deliveries)
    group.command("retry", epilog="Example: mirrorpoint deliveries retry --point AUDIT --from 2026-11-22")(retry)
    app.add_typer(group, name="deliveries", epilog="Example: mirrorpoint deliveries --point AUDIT --state dead")


def deliver(
    context: typer.Context,
    wait: Annotated[
        str | None, typer.Option("--wait", metavar="TIME", help="Go on until nothing is owed, at most so long (2m).")
    ] = None,
    json: Json = False,
) -> int:
    """Attempt now all that is due.

    Exit code 3 where a delivery is dead.
    """
    from worker.commands import delivering

    return delivering.deliver(call_of(context), wait=wait, wants_json=json)


def deliveries(
    context: typer.Context,
    point: Annotated[str | None, typer.Option("--point", metavar="CODE", help="Only to this point.")] = None,
    state: Annotated[
        list[str] | None,
        typer.Option("--state", metavar="STATE", help="due, leased, delivered, dead, skipped; may be repeated."),
    ] = None,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="No more than so many.")] = None,
    json: Json = False,
) -> None:
    """What was sent, and what is owed, the oldest first."""
    if context.invoked_subcommand is not None:
        return
    from worker.commands import delivering

    settings = call_of(context).settings()
    delivering.show(settings, point=point, states=tuple(state or ()), limit=limit, wants_json=json)


def retry(
    context: typer.Context,
    ids: Annotated[
        list[int] | None, typer.Argument(metavar="[ID]…", min=1, max=LARGEST, help="Numbers of `deliveries`.")
    ] = None,
    point: Annotated[str | None, typer.Option("--point", metavar="CODE", help="All of this point.")] = None,
    state: Annotated[str, typer.Option("--state", metavar="STATE", help="dead, skipped or delivered.")] = "dead",
    since: Annotated[str | None, typer.Option("--from", metavar="TIME", help="Owed from then on.")] = None,
    until: Annotated[str | None, typer.Option("--until", "--to", metavar="TIME", help="Owed before then.")] = None,
    json: Json = False,
) -> None:
    """Make deliveries due again that have ended."""
    from worker.commands import delivering

    settings = call_of(context).settings()
    delivering.retry(
        settings, ids=tuple(ids or ()), point=point, state=state, since=since, until=until, wants_json=json
    )
