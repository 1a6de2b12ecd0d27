"""`listen`: for those who build a receiver; shows each event as a point would get it, and forwards it to them."""

from __future__ import annotations

from typing import Annotated

import typer

from worker.commands.calling import LARGEST, call_of


def register(app: typer.Typer) -> None:
    """Put the command of this file under its name."""
    app.command("listen", epilog="Example: mirrorpoint listen --point AUDIT --port 8000")(listen)


def listen(
    context: typer.Context,
    forward_to: Annotated[
        str | None, typer.Option("--forward-to", metavar="URL", help="Post each event there too, wherever that is.")
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(
            "--port",
            metavar="PORT",
            min=1,
            max=65535,
            help="The same as --forward-to, for / at this port of this machine.",
        ),
    ] = None,
    point: Annotated[
        str | None,
        typer.Option("--point", metavar="CODE", help="What its routes send it, signed and with its headers."),
    ] = None,
    secret: Annotated[
        str | None, typer.Option("--secret", metavar="SECRET", help="whsec_…, or env:NAME: signs instead.")
    ] = None,
    resource: Annotated[
        list[str] | None, typer.Option("--resource", metavar="RESOURCE", help="Only of these, names or globs.")
    ] = None,
    kind: Annotated[
        list[str] | None,
        typer.Option("--kind", metavar="KIND", help="Only these; without it all but snapshot. Repeatable."),
    ] = None,
    since: Annotated[
        str | None, typer.Option("--since", metavar="TIME", help="Begin with what was observed from then on: 2h.")
    ] = None,
    after: Annotated[
        int | None, typer.Option("--after", metavar="SEQ", min=0, max=LARGEST, help="Begin behind this number.")
    ] = None,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="End after so many.")] = None,
    show: Annotated[bool, typer.Option("--show", help="Print bodies where they are forwarded too.")] = False,
    json: Annotated[bool, typer.Option("--json", help="One JSON document a line on standard output.")] = False,
) -> None:
    """Follow the change log and show each event as a point would get it, until Ctrl-C.

    Nothing is recorded, no delivery is touched, and nothing is sent twice: try things as often as you like.
    """
    from worker.commands.listen import listening

    wanted = listening.Wanted(
        forward_to=f"http://localhost:{port}/" if port is not None and forward_to is None else forward_to,
        point=point,
        secret=secret,
        resources=tuple(resource or ()),
        kinds=tuple(kind or ()),
        since=since,
        after_seq=after,
        limit=limit,
        shows_bodies=show,
    )
    listening.run(call_of(context).settings(), wanted, wants_json=json)
