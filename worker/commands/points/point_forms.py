"""`points add` and `points edit`: what can be said of a point on the command line."""

from __future__ import annotations

from typing import Annotated

import typer

from worker.commands.calling import call_of
from worker.commands.points.point_given import Given

Json = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]
Source = Annotated[
    str | None,
    typer.Option("--source", metavar="SOURCE", help="Ask this integration platform instead, through its API."),
]
Code = Annotated[str, typer.Argument(metavar="CODE", help="The point's code.", show_default=False)]
Url = Annotated[str | None, typer.Option("--url", metavar="URL", help="Where events are posted.")]
Type = Annotated[str | None, typer.Option("--type", metavar="TYPE", help="The entity's type; routes may go by it.")]
Token = Annotated[
    str | None,
    typer.Option(
        "--token-remote", metavar="TOKEN", help="Sent as a bearer token; env:NAME keeps it off the list of processes."
    ),
]
LocalToken = Annotated[
    str | None,
    typer.Option(
        "--token-local", metavar="TOKEN", help="With it the point reads the feed; one is made where none is given."
    ),
]
SigningSecret = Annotated[
    str | None, typer.Option("--secret", metavar="SECRET", help="whsec_…, or env:NAME: signs every delivery.")
]
Header = Annotated[
    list[str] | None,
    typer.Option("--header", metavar="NAME=VALUE", help="Sent with each delivery; VALUE may be env:NAME. Repeatable."),
]
Timeout = Annotated[str | None, typer.Option("--timeout", metavar="TIME", help="How long it may take to answer: 30s.")]
Retries = Annotated[
    str | None, typer.Option("--retries", metavar="TIMES", help='Pauses before the next attempt: "5s,5m"; or none.')
]
Rate = Annotated[str | None, typer.Option("--rate", metavar="NUMBER", help="Attempts started in any second, at most.")]
ContentType = Annotated[
    str | None, typer.Option("--content-type", metavar="TYPE", help="Of the body, such as application/json.")
]
Ca = Annotated[
    str | None, typer.Option("--ca", metavar="FILE", help="PEM: the authorities that its certificate is held against.")
]
ClientCertificate = Annotated[
    str | None, typer.Option("--client-certificate", metavar="FILE", help="PEM: how we show who we are.")
]
ClientKey = Annotated[
    str | None, typer.Option("--client-key", metavar="FILE", help="PEM: its key, where it is in a file of its own.")
]
Proxy = Annotated[
    str | None, typer.Option("--proxy", metavar="URL", help="http://user:password@host:port, or env:NAME.")
]
Sets = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="FIELD=VALUE", help="Another field at the platform: opts.title=CRM. Repeatable."),
]
NewCode = Annotated[str | None, typer.Option("--code", metavar="NEW", help="Rename it at the platform.")]


def add(
    context: typer.Context,
    code: Code,
    url: Url = None,
    type: Annotated[  # noqa: A002  # the field's name
        str, typer.Option("--type", metavar="TYPE", help="The entity's type; routes may go by it.")
    ] = "public",
    token_local: LocalToken = None,
    token_remote: Token = None,
    secret: SigningSecret = None,
    header: Header = None,
    timeout: Timeout = None,
    retries: Retries = None,
    rate: Rate = None,
    content_type: ContentType = None,
    ca: Ca = None,
    client_certificate: ClientCertificate = None,
    client_key: ClientKey = None,
    proxy: Proxy = None,
    sets: Sets = None,
    source: Source = None,
    json: Json = False,
) -> None:
    """Add a point. It receives what a route sends to its code; one without a --url reads that from the feed.

    Its local token is shown this once.

    With --source it is made at the platform, where one without a --url can only receive.
    """
    given = Given(
        url=url,
        type=type,
        token_local=token_local,
        token_remote=token_remote,
        secret=secret,
        sets=tuple(sets or ()),
        headers=tuple(header or ()),
        timeout=timeout,
        retries=retries,
        rate=rate,
        content_type=content_type,
        ca=ca,
        client_certificate=client_certificate,
        client_key=client_key,
        proxy=proxy,
    )
    from worker.commands.points import own_point_changes, platform_points

    settings = call_of(context).settings()
    if source is None:
        own_point_changes.add(settings, code, given, wants_json=json)
    else:
        platform_points.add(settings, source, code, given, wants_json=json)


def edit(
    context: typer.Context,
    code: Code,
    url: Url = None,
    type: Type = None,  # noqa: A002  # the field's name
    token_remote: Token = None,
    secret: SigningSecret = None,
    header: Header = None,
    timeout: Timeout = None,
    retries: Retries = None,
    rate: Rate = None,
    content_type: ContentType = None,
    ca: Ca = None,
    client_certificate: ClientCertificate = None,
    client_key: ClientKey = None,
    proxy: Proxy = None,
    new_code: NewCode = None,
    sets: Sets = None,
    source: Source = None,
    json: Json = False,
) -> None:
    """Change what is given; an empty text ("") takes something away, `--header NAME=` a header.

    How a mirrored point is sent to (all from --secret to --proxy) is kept here and changed without --source.
    """
    given = Given(
        url=url,
        type=type,
        token_remote=token_remote,
        secret=secret,
        code=new_code,
        sets=tuple(sets or ()),
        headers=tuple(header or ()),
        timeout=timeout,
        retries=retries,
        rate=rate,
        content_type=content_type,
        ca=ca,
        client_certificate=client_certificate,
        client_key=client_key,
        proxy=proxy,
    )
    from worker.commands.points import own_point_changes, platform_points

    settings = call_of(context).settings()
    if source is None:
        own_point_changes.edit(settings, code, given, wants_json=json)
    else:
        platform_points.edit(settings, source, code, given, wants_json=json)
