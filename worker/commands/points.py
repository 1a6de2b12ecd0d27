"""`points …`: points of one's own; with `--source S` those of an integration platform, through its API."""

from __future__ import annotations

from typing import Annotated

import typer

from worker.commands.calling import call_of, help_when_alone

Json = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]
Source = Annotated[
    str | None,
    typer.Option("--source", metavar="SOURCE", help="Ask this integration platform instead, through its API."),
]
Code = Annotated[str, typer.Argument(metavar="CODE", help="The point's code.", show_default=False)]
Url = Annotated[str | None, typer.Option("--url", metavar="URL", help="Where events are posted.")]
Type = Annotated[str | None, typer.Option("--type", metavar="TYPE", help="The entity's type.")]
Token = Annotated[
    str | None,
    typer.Option(
        "--token-remote", metavar="TOKEN", help="Sent as a bearer token; env:NAME keeps it off the list of processes."
    ),
]
SigningSecret = Annotated[
    str | None, typer.Option("--secret", metavar="SECRET", help="whsec_…, or env:NAME: signs every delivery.")
]


def register(app: typer.Typer) -> None:
    """Put the commands of this file under their names."""
    group = typer.Typer(help="Integration points: where events go.")
    group.callback(invoke_without_command=True)(help_when_alone)
    for name, function, example in (
        ("list", list_, "list --json"),
        ("show", show, "show AUDIT"),
        ("add", add, "add AUDIT --url https://audit.example.com/hook --secret env:AUDIT_SECRET"),
        ("edit", edit, "edit AUDIT --url https://audit.example.com/new"),
        ("remove", remove, "remove AUDIT --yes"),
        ("enable", enable, "enable AUDIT"),
        ("lookup", lookup, "lookup AUDIT --source platform"),
        ("test", send_test, "test AUDIT"),
    ):
        group.command(name, epilog=f"Example: mirrorpoint points {example}")(function)
    app.add_typer(group, name="points", epilog="Example: mirrorpoint points list")


def list_(context: typer.Context, source: Source = None, json: Json = False) -> None:
    """All points, own and mirrored."""
    from worker.commands import own_points, platform_points

    settings = call_of(context).settings()
    if source is None:
        own_points.show_all(settings, wants_json=json)
    else:
        platform_points.show_all(settings, source, wants_json=json)


def show(context: typer.Context, code: Code, source: Source = None, json: Json = False) -> None:
    """One point with all its fields; tokens are sealed."""
    from worker.commands import own_points, platform_points

    settings = call_of(context).settings()
    if source is None:
        own_points.show(settings, code, wants_json=json)
    else:
        platform_points.show(settings, source, code, wants_json=json)


def add(
    context: typer.Context,
    code: Code,
    url: Annotated[str, typer.Option("--url", metavar="URL", help="Where events are posted.", show_default=False)],
    type: Annotated[str, typer.Option("--type", metavar="TYPE", help="The entity's type.")] = "public",  # noqa: A002
    token_remote: Token = None,
    secret: SigningSecret = None,
    source: Source = None,
    json: Json = False,
) -> None:
    """Add a point. It receives what a route sends to its code."""
    from worker.commands import own_points, platform_points

    given = {"url": url, "type": type, "token_remote": token_remote, "secret": secret}
    settings = call_of(context).settings()
    if source is None:
        own_points.add(settings, code, given, wants_json=json)
    else:
        platform_points.add(settings, source, code, given, wants_json=json)


def edit(
    context: typer.Context,
    code: Code,
    url: Url = None,
    type: Type = None,  # noqa: A002
    token_remote: Token = None,
    secret: SigningSecret = None,
    source: Source = None,
    json: Json = False,
) -> None:
    """Change what is given; an empty text ("") takes a token or a secret away."""
    from worker.commands import own_points, platform_points

    given = {"url": url, "type": type, "token_remote": token_remote, "secret": secret}
    settings = call_of(context).settings()
    if source is None:
        own_points.edit(settings, code, given, wants_json=json)
    else:
        platform_points.edit(settings, source, code, given, wants_json=json)


def remove(
    context: typer.Context,
    code: Code,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    source: Source = None,
    json: Json = False,
) -> None:
    """Take a point away; what it is still owed is kept as skipped."""
    from worker.commands import own_points, platform_points

    settings = call_of(context).settings()
    if source is None:
        own_points.remove(settings, code, is_sure=yes, wants_json=json)
    else:
        platform_points.remove(settings, source, code, is_sure=yes, wants_json=json)


def enable(context: typer.Context, code: Code, json: Json = False) -> None:
    """Let a point receive again that has answered 410 or was disabled; try one at once that is paused."""
    from worker.commands import own_points

    own_points.enable(call_of(context).settings(), code, wants_json=json)


def lookup(
    context: typer.Context,
    value: Annotated[str, typer.Argument(metavar="VALUE", help="An id, a code or a local token.", show_default=False)],
    source: Source = None,
    json: Json = False,
) -> None:
    """The ids of the points that a value names."""
    from worker.commands import own_points, platform_points

    settings = call_of(context).settings()
    if source is None:
        own_points.lookup(settings, value, wants_json=json)
    else:
        platform_points.lookup(settings, source, value, wants_json=json)


def send_test(context: typer.Context, code: Code, json: Json = False) -> int:
    """Send a signed event of type mirrorpoint.test and show the answer.

    Exit code 3 where it is not 2xx.
    """
    from worker.commands import pinging

    return pinging.run(call_of(context), code, wants_json=json)
