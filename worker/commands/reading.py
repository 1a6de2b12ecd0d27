"""`status`, `resources`, `show`, `changes`, `history`: what the mirror holds; reads the database and asks no source."""

from __future__ import annotations

from typing import Annotated

import typer

from worker.commands.calling import LARGEST, call_of

Json = Annotated[bool, typer.Option("--json", help="JSON on standard output.")]
Source = Annotated[str | None, typer.Option("--source", metavar="SOURCE", help="Where several sources have it.")]
Parent = Annotated[str | None, typer.Option("--parent", metavar="KEY", help="Where the key alone is not unique.")]
Key = Annotated[str, typer.Argument(metavar="KEY", help="The record's key.", show_default=False)]
ResourceName = Annotated[
    str, typer.Argument(metavar="RESOURCE", help="`products`, or `backoffice:products`.", show_default=False)
]
Moment = "2026-11-22, 2026-11-22T10:00:00Z, or 2h for two hours ago."


def register(app: typer.Typer) -> None:
    """Put the commands of this file under their names."""
    app.command("status", epilog="Example: mirrorpoint status --json")(status)
    app.command("resources", epilog="Example: mirrorpoint resources --source backoffice")(resources)
    app.command("show", epilog="Example: mirrorpoint show products 42 --at 2026-11-03")(show)
    app.command("changes", epilog="Example: mirrorpoint changes --resource products --since 2h --follow")(changes)
    app.command("history", epilog="Example: mirrorpoint history product_currencies 7 --parent 42")(history)


def status(context: typer.Context, source: Source = None, json: Json = False) -> None:
    """Per resource: rows, last complete scan, age, next run, last problem; per point: what is due and dead."""
    from worker.commands import standing

    standing.show(call_of(context).settings(), source_name=source, wants_json=json)


def resources(context: typer.Context, source: Source = None, json: Json = False) -> None:
    """The catalogue: resource, path, key, schedule, documented or inferred."""
    from worker.commands import listing

    listing.resources(call_of(context).settings(), source_name=source, wants_json=json)


def show(
    context: typer.Context,
    resource: ResourceName,
    key: Key,
    parent: Parent = None,
    at: Annotated[str | None, typer.Option("--at", metavar="TIME", help=f"As it was then: {Moment}")] = None,
    source: Source = None,
    json: Json = False,
) -> None:
    """A record as it is, or as it was."""
    from worker.commands import records

    settings = call_of(context).settings()
    records.show(settings, resource, key, parent_key=parent, at=at, source_name=source, wants_json=json)


def history(
    context: typer.Context,
    resource: ResourceName,
    key: Key,
    parent: Parent = None,
    source: Source = None,
    json: Json = False,
) -> None:
    """One record's versions with the fields that changed."""
    from worker.commands import records

    settings = call_of(context).settings()
    records.history(settings, resource, key, parent_key=parent, source_name=source, wants_json=json)


def changes(
    context: typer.Context,
    resource: Annotated[str | None, typer.Option("--resource", metavar="RESOURCE", help="Only of this one.")] = None,
    key: Annotated[str | None, typer.Option("--key", metavar="KEY", help="Only of records with this key.")] = None,
    parent: Annotated[str | None, typer.Option("--parent", metavar="KEY", help="Only under this parent.")] = None,
    kind: Annotated[
        list[str] | None,
        typer.Option("--kind", metavar="KIND", help="snapshot, created, updated, deleted, restored; may be repeated."),
    ] = None,
    source: Source = None,
    since: Annotated[
        str | None, typer.Option("--since", metavar="TIME", help=f"Observed from then on: {Moment}")
    ] = None,
    until: Annotated[str | None, typer.Option("--until", metavar="TIME", help="Observed before then.")] = None,
    after: Annotated[
        int, typer.Option("--after", metavar="SEQ", min=0, max=LARGEST, help="Only those behind this number.")
    ] = 0,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="No more than so many.")] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what comes, until Ctrl-C.")] = False,
    json: Json = False,
) -> None:
    """The change log, the oldest first."""
    from worker.commands import change_log

    wanted = change_log.Wanted(
        resource=resource,
        key=key,
        parent_key=parent,
        kinds=tuple(kind or ()),
        source=source,
        since=since,
        until=until,
        after_seq=after,
        limit=limit,
    )
    change_log.show(call_of(context).settings(), wanted, follows=follow, wants_json=json)
