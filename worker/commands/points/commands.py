"""`points …`: points of one's own; with `--source S` those of an integration platform, through its API."""

from __future__ import annotations

from typing import Annotated

import typer

from worker.commands.calling import LARGEST, call_of, help_when_alone
from worker.commands.points import point_forms
from worker.commands.points.point_forms import Code, Json, Source


def register(app: typer.Typer) -> None:
    """Put the commands of this file under their names."""
    group = typer.Typer(help="Integration points: where events go.")
    group.callback(invoke_without_command=True)(help_when_alone)
    for name, function, example in (
        ("list", list_, "list --filter state=paused --order code"),
        ("show", show, "show AUDIT"),
        ("add", point_forms.add, "add AUDIT --url https://audit.example.com/hook --secret env:AUDIT_SECRET"),
        ("edit", point_forms.edit, "edit AUDIT --timeout 30s --header X-Api-Key=env:AUDIT_KEY"),
        ("remove", remove, "remove AUDIT --yes"),
        ("enable", enable, "enable AUDIT"),
        ("pause", pause, "pause AUDIT"),
        ("resume", resume, "resume AUDIT"),
        ("lookup", lookup, "lookup AUDIT --source platform"),
        ("test", send_test, "test AUDIT --like products.updated --show"),
    ):
        group.command(name, epilog=f"Example: mirrorpoint points {example}")(function)
    app.add_typer(group, name="points", epilog="Example: mirrorpoint points list")


def list_(
    context: typer.Context,
    filter: Annotated[  # noqa: A002  # the platform's word
        list[str] | None,
        typer.Option("--filter", metavar="FIELD=VALUE", help="Only those that have it: type=public. Repeatable."),
    ] = None,
    mask: Annotated[
        str | None, typer.Option("--mask", metavar="FIELDS", help="Only these fields: code,opts.title.")
    ] = None,
    order: Annotated[
        str | None, typer.Option("--order", metavar="FIELDS", help="Sorted by these; -code: the last one first.")
    ] = None,
    limit: Annotated[int | None, typer.Option("--limit", min=1, max=LARGEST, help="No more than so many.")] = None,
    offset: Annotated[int, typer.Option("--offset", min=0, max=LARGEST, help="Leave out so many at first.")] = 0,
    source: Source = None,
    json: Json = False,
) -> None:
    """All points, own and mirrored.

    Values of --filter may be globs. With --source it is the platform that filters, sorts and cuts.
    """
    from worker.commands.points import own_points, platform_points, point_lists

    settings = call_of(context).settings()
    wanted = point_lists.read(filters=filter or (), mask=mask, order=order, limit=limit, offset=offset)
    if source is None:
        own_points.show_all(settings, wanted, wants_json=json)
    else:
        platform_points.show_all(settings, source, wanted, wants_json=json)


def show(context: typer.Context, code: Code, source: Source = None, json: Json = False) -> None:
    """One point with all its fields; tokens are sealed."""
    from worker.commands.points import own_points, platform_points

    settings = call_of(context).settings()
    if source is None:
        own_points.show(settings, code, wants_json=json)
    else:
        platform_points.show(settings, source, code, wants_json=json)


def remove(
    context: typer.Context,
    code: Code,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    source: Source = None,
    json: Json = False,
) -> None:
    """Take a point away; what it is still owed is kept as skipped."""
    from worker.commands.points import own_point_changes, platform_points

    settings = call_of(context).settings()
    if source is None:
        own_point_changes.remove(settings, code, is_sure=yes, wants_json=json)
    else:
        platform_points.remove(settings, source, code, is_sure=yes, wants_json=json)


def enable(context: typer.Context, code: Code, json: Json = False) -> None:
    """Let a point receive again that has answered 410, was disabled or is paused; what it is owed is due at once."""
    from worker.commands.points import own_point_changes

    own_point_changes.enable(call_of(context).settings(), code, wants_json=json)


def pause(context: typer.Context, code: Code, json: Json = False) -> None:
    """Send a point nothing until it is resumed; events go on being owed to it."""
    from worker.commands.points import own_point_changes

    own_point_changes.pause(call_of(context).settings(), code, wants_json=json)


def resume(context: typer.Context, code: Code, json: Json = False) -> None:
    """End a pause: what is due is sent."""
    from worker.commands.points import own_point_changes

    own_point_changes.resume(call_of(context).settings(), code, wants_json=json)


def lookup(
    context: typer.Context,
    value: Annotated[str, typer.Argument(metavar="VALUE", help="An id, a code or a local token.", show_default=False)],
    source: Source = None,
    json: Json = False,
) -> int:
    """The ids of the points that a value names.

    Exit code 3 where it names none.
    """
    from worker.commands.points import own_points, platform_points

    settings = call_of(context).settings()
    if source is None:
        return own_points.lookup(settings, value, wants_json=json)
    return platform_points.lookup(settings, source, value, wants_json=json)


def send_test(
    context: typer.Context,
    code: Code,
    like: Annotated[
        str | None,
        typer.Option("--like", metavar="TYPE", help="As an event of this type would be: products.updated."),
    ] = None,
    show: Annotated[bool, typer.Option("--show", help="Print the event too.")] = False,
    json: Json = False,
) -> int:
    """Send a signed event of type mirrorpoint.test and show the answer.

    With --like it is the newest real one of that type, made over so that nobody takes it for one.

    Exit code 3 where the answer is not 2xx.
    """
    from worker.commands.points import pinging

    return pinging.run(call_of(context), code, like=like, shows=show, wants_json=json)
