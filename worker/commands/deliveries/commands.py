"""`deliver`, `deliveries …` and `replay`: what is owed to points, what was sent, and what is to be sent once more."""

from __future__ import annotations

from typing import Annotated

import typer

from worker.commands import completing, times
from worker.commands.calling import LARGEST, call_of, refuse_before

Json = Annotated[bool, typer.Option("--json", help="JSON on standard output.")]
Number = Annotated[int, typer.Argument(metavar="ID", min=1, max=LARGEST, help="Its number.", show_default=False)]


def register(app: typer.Typer) -> None:
    """Put the commands of this file under their names."""
    app.command("deliver", epilog="Example: mirrorpoint deliver --wait 2m")(deliver)
    group = typer.Typer()
    group.callback(invoke_without_command=True)(deliveries)
    group.command("show", epilog="Example: mirrorpoint deliveries show 1234")(show)
    group.command("retry", epilog="Example: mirrorpoint deliveries retry --point AUDIT --from 2026-11-22")(retry)
    app.add_typer(group, name="deliveries", epilog="Example: mirrorpoint deliveries --record products/42")
    app.command("replay", epilog="Example: mirrorpoint replay --point AUDIT --from 2026-11-22 --to 2026-11-23")(replay)


def deliver(
    context: typer.Context,
    wait: Annotated[
        str | None, typer.Option("--wait", metavar="TIME", help="Go on until nothing is owed, at most so long (2m).")
    ] = None,
    json: Json = False,
) -> int:
    """Attempt now all that is due.

    Exit code 3 where a delivery died, or something is still owed: what waits is told with its time.
    """
    from worker.commands.deliveries import delivering

    return delivering.deliver(call_of(context), wait=wait, wants_json=json)


def deliveries(
    context: typer.Context,
    point: Annotated[
        str | None, typer.Option("--point", metavar="CODE", help="Only to this point, or those of a glob.")
    ] = None,
    state: Annotated[
        list[str] | None,
        typer.Option("--state", metavar="STATE", help="due, leased, delivered, dead, skipped; may be repeated."),
    ] = None,
    record: Annotated[
        str | None,
        typer.Option(
            "--record",
            metavar="RECORD",
            help="`products/42`, `product_currencies/42/7`, with source or not; notices: `mirrorpoint/points/AUDIT`.",
        ),
    ] = None,
    kind: Annotated[
        list[str] | None,
        typer.Option("--kind", metavar="KIND", help="snapshot, created, updated, deleted, restored; may be repeated."),
    ] = None,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="No more than so many.")] = None,
    newest: Annotated[bool, typer.Option("--newest", help="The newest first.")] = False,
    json: Json = False,
) -> None:
    """What was sent, and what is owed, the oldest first."""
    if context.invoked_subcommand is not None:
        refuse_before(context)
        return
    from worker.commands.deliveries import delivery_list

    wanted = delivery_list.Wanted(
        point=point,
        states=tuple(state or ()),
        record=record,
        kinds=tuple(kind or ()),
        limit=limit,
        is_newest_first=newest,
    )
    delivery_list.show(call_of(context).settings(), wanted, wants_json=json)


def show(context: typer.Context, number: Number, json: Json = False) -> None:
    """One delivery: what is sent, all attempts, and what the receiver said."""
    from worker.commands.deliveries import delivery_shown

    delivery_shown.show(call_of(context).settings(), number, wants_json=json)


def retry(
    context: typer.Context,
    ids: Annotated[
        list[int] | None, typer.Argument(metavar="[ID]…", min=1, max=LARGEST, help="Numbers of `deliveries`.")
    ] = None,
    point: Annotated[
        str | None, typer.Option("--point", metavar="CODE", help="All of this point, or of those of a glob.")
    ] = None,
    state: Annotated[
        list[str] | None,
        typer.Option(
            "--state", metavar="STATE", help="dead, due, skipped or delivered; may be repeated. Without: dead and due."
        ),
    ] = None,
    since: Annotated[str | None, typer.Option("--from", metavar="TIME", help="Owed from then on.")] = None,
    until: Annotated[str | None, typer.Option("--until", "--to", metavar="TIME", help="Owed before then.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Of all points, whenever they were owed.")] = False,
    json: Json = False,
) -> None:
    """Try again now: what is dead, and what waits for its next attempt.

    None overtakes: what the point has in a newer version is left out as superseded, and is not dead any more.
    """
    from worker.commands.deliveries import delivery_retries

    wanted = delivery_retries.Wanted(
        ids=tuple(ids or ()), point=point, states=tuple(state or ()), since=since, until=until, is_all=everything
    )
    delivery_retries.retry(call_of(context).settings(), wanted, wants_json=json)


def replay(
    context: typer.Context,
    point: Annotated[
        str,
        typer.Option(
            "--point", metavar="CODE", help="Who gets them.", show_default=False, autocompletion=completing.points
        ),
    ],
    since: Annotated[
        str, typer.Option("--from", metavar="TIME", help=f"Observed from then on: {times.FORMS}.", show_default=False)
    ],
    until: Annotated[
        str | None, typer.Option("--to", metavar="TIME", help="Observed before then. Without: all until now.")
    ] = None,
    resource: Annotated[
        list[str] | None,
        typer.Option(
            "--resource",
            metavar="RESOURCE",
            help="Only of these; names or globs; may be repeated.",
            autocompletion=completing.resources,
        ),
    ] = None,
    kind: Annotated[
        list[str] | None,
        typer.Option(
            "--kind",
            metavar="KIND",
            help="Only these, of what its routes take; may be repeated.",
            autocompletion=completing.kinds,
        ),
    ] = None,
    as_new: Annotated[
        bool, typer.Option("--as-new", help="Under new ids: for a receiver that leaves out ids which it knows already.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    json: Json = False,
) -> int:
    """Send a point once more what its routes lead to it, told before or not; says first how much that is.

    Ids and bytes are the same as at first. Each record's versions go out in their order, before newer ones still owed.

    With --to a record may have newer versions that were told long ago: the receiver must go by `version`.

    Exit code 130 without --yes where nobody can be asked: it only counts. 3 where some could not be made due.
    """
    from worker.commands.deliveries import replay_choice, replaying

    wanted = replay_choice.Wanted(
        point=point,
        since=since,
        until=until,
        resources=tuple(resource or ()),
        kinds=tuple(kind or ()),
        is_new=as_new,
    )
    return replaying.replay(call_of(context), wanted, is_sure=yes, wants_json=json)
