"""`status`, `resources`, `show`, `changes`, `history`, `actions`: what there is; reads the database, asks no source."""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import UTC, tzinfo
from typing import Annotated

import typer

from worker.commands import completing, times
from worker.commands.calling import LARGEST, call_of
from worker.commands.dashed_keys import DashedKeys

Json = Annotated[bool, typer.Option("--json", help="JSON on standard output.")]
Source = Annotated[str | None, typer.Option("--source", metavar="SOURCE", help="Where several sources have it.")]
Parent = Annotated[str | None, typer.Option("--parent", metavar="KEY", help="Where the key alone is not unique.")]
Key = Annotated[str | None, typer.Argument(metavar="KEY", help="The record's key.", show_default=False)]
ResourceName = Annotated[
    str,
    typer.Argument(
        metavar="RESOURCE",
        help="`products`, or `backoffice:products`; or the record in one word: `products/42`.",
        show_default=False,
        autocompletion=completing.resources,
    ),
]
Local = Annotated[
    bool, typer.Option("--local", help="Read and show times in the zone of this machine (or TZ), not in UTC.")
]


def register(app: typer.Typer) -> None:
    """Put the commands of this file under their names."""
    app.command("status", epilog="Example: mirrorpoint status --problems")(status)
    app.command("resources", epilog="Example: mirrorpoint resources --source backoffice")(resources)
    app.command("show", cls=DashedKeys, epilog="Example: mirrorpoint show products 42 --at 2026-11-03")(show)
    app.command("changes", epilog="Example: mirrorpoint changes --resource 'product*' --since yesterday")(changes)
    app.command("actions", epilog="Example: mirrorpoint actions --since 1w")(actions)
    app.command("history", cls=DashedKeys, epilog="Example: mirrorpoint history product_currencies 7 --parent 42")(
        history
    )


def status(
    context: typer.Context,
    resource: Annotated[
        list[str] | None,
        typer.Argument(metavar="RESOURCE", help="Only these; names or globs.", autocompletion=completing.resources),
    ] = None,
    source: Source = None,
    problems: Annotated[bool, typer.Option("--problems", help="Only what is in trouble.")] = False,
    check: Annotated[
        bool,
        typer.Option("--check", help="For monitoring: the reasons, one a line, and exit code 3; 0 where all is well."),
    ] = False,
    local: Local = False,
    json: Json = False,
) -> int:
    """How everything stands, problems first: lists, points, who is at work, and what waits for a person.

    With --check exit code 3 where a list is incomplete or late, deletions are held, or deliveries are dead;

    also where a point is gone or left alone, credentials are refused, the broker is away, or nobody is at work.
    """
    from worker.commands.status import standing
    from worker.commands.status.wanted import Wanted

    wanted = Wanted(tuple(resource or ()), source, has_only_problems=problems)
    settings = call_of(context).settings()
    with _times(local):
        return standing.show(settings, wanted, is_check=check, wants_json=json)


def resources(context: typer.Context, source: Source = None, json: Json = False) -> None:
    """The catalogue: resource, path, key, schedule, documented or inferred."""
    from worker.commands.reading import listing

    listing.resources(call_of(context).settings(), source_name=source, wants_json=json)


def show(
    context: typer.Context,
    resource: ResourceName,
    key: Key = None,
    parent: Parent = None,
    at: Annotated[str | None, typer.Option("--at", metavar="TIME", help=f"As it was then: {times.FORMS}.")] = None,
    source: Source = None,
    local: Local = False,
    json: Json = False,
) -> None:
    """A record as it is, or as it was.

    Where the moment of --at lies between the two looks at a change, both are shown that it may have been.
    """
    from worker.commands.reading import records
    from worker.commands.record_names import Named

    named = Named(resource, key, parent, source)
    records.show(call_of(context).settings(), named, at=at, zone=_zone(local), wants_json=json)


def history(
    context: typer.Context,
    resource: ResourceName,
    key: Key = None,
    parent: Parent = None,
    field: Annotated[
        str | None,
        typer.Option("--field", metavar="POINTER", help="Only the values of this field (/status), and who was told."),
    ] = None,
    source: Source = None,
    local: Local = False,
    json: Json = False,
) -> None:
    """One record's versions, each field that changed with its old and its new value.

    With --field its values, each with the looks between which it came, and who was told: point, when, answer.
    """
    from worker.commands.reading import records
    from worker.commands.record_names import Named

    settings, named = call_of(context).settings(), Named(resource, key, parent, source)
    with _times(local):
        records.history(settings, named, field=field, wants_json=json)


def changes(
    context: typer.Context,
    resource: Annotated[
        list[str] | None,
        typer.Option(
            "--resource",
            metavar="RESOURCE",
            help="Only of these; names or globs; may be repeated.",
            autocompletion=completing.resources,
        ),
    ] = None,
    record: Annotated[
        str | None, typer.Option("--record", metavar="RECORD", help="Only of this one record: `products/42`.")
    ] = None,
    key: Annotated[
        str | None, typer.Option("--key", metavar="KEY", help="Only of records with this key, or glob.")
    ] = None,
    parent: Annotated[str | None, typer.Option("--parent", metavar="KEY", help="Only under this parent.")] = None,
    kind: Annotated[
        list[str] | None,
        typer.Option(
            "--kind",
            metavar="KIND",
            help="snapshot, created, updated, deleted, restored; may be repeated. Default: all but snapshot.",
            autocompletion=completing.kinds,
        ),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Also snapshots: what a first scan saw.")] = False,
    field: Annotated[
        list[str] | None,
        typer.Option("--field", metavar="POINTER", help="Only updates of this field (/status) or below it."),
    ] = None,
    source: Source = None,
    since: Annotated[
        str | None, typer.Option("--since", metavar="TIME", help=f"Observed from then on: {times.FORMS}.")
    ] = None,
    until: Annotated[str | None, typer.Option("--until", metavar="TIME", help="Observed before then.")] = None,
    after: Annotated[
        int, typer.Option("--after", metavar="SEQ", min=0, max=LARGEST, help="Only those behind this number.")
    ] = 0,
    limit: Annotated[int | None, typer.Option("--limit", metavar="N", min=1, help="No more than so many.")] = None,
    newest: Annotated[bool, typer.Option("--newest", help="The newest first.")] = False,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what comes, until Ctrl-C.")] = False,
    local: Local = False,
    json: Json = False,
) -> None:
    """The change log, the oldest first, each field with its old and its new value; first sights on request.

    Who changed a record, the API does not say: the log knows what changed, and between which two looks.
    """
    from worker.commands.reading import change_log

    wanted = change_log.Wanted(
        resources=tuple(resource or ()),
        record=record,
        key=key,
        parent_key=parent,
        kinds=tuple(kind or ()),
        fields=tuple(field or ()),
        source=source,
        since=since,
        until=until,
        after_seq=after,
        limit=limit,
        has_all_kinds=everything,
        is_newest_first=newest,
    )
    settings = call_of(context).settings()
    change_log.show(settings, wanted, zone=_zone(local), follows=follow, wants_json=json)


def actions(
    context: typer.Context,
    what: Annotated[
        str | None, typer.Option("--what", metavar="GLOB", help="Only of this name, or glob (points*).")
    ] = None,
    target: Annotated[
        str | None, typer.Option("--target", metavar="GLOB", help="Only what was done to this, or to a glob.")
    ] = None,
    since: Annotated[str | None, typer.Option("--since", metavar="TIME", help=f"From then on: {times.FORMS}.")] = None,
    limit: Annotated[
        int | None, typer.Option("--limit", metavar="N", min=1, help="No more than the newest so many.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Also what Mirrorpoint did by itself.")] = False,
    local: Local = False,
    json: Json = False,
) -> None:
    """Who did what by a command: who approved, edited a point, had deliveries tried again; the oldest first."""
    from worker.commands.reading import action_log

    wanted = action_log.Wanted(what=what, target=target, since=since, limit=limit, has_own=everything)
    action_log.show(call_of(context).settings(), wanted, zone=_zone(local), wants_json=json)


def _zone(is_local: bool) -> tzinfo:  # the option's value
    return times.here() if is_local else UTC


def _times(is_local: bool) -> AbstractContextManager[None]:  # the option's value
    from worker import output

    return output.times_in(_zone(is_local))
