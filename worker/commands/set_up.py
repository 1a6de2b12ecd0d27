"""`init` and `check`: from nothing to a configuration that works."""

from __future__ import annotations

from typing import Annotated

import typer

from worker.commands.calling import call_of

Json = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]


def register(app: typer.Typer) -> None:
    """Put the commands of this file under their names."""
    app.command("init", epilog="Example: mirrorpoint init")(init)
    app.command("check", epilog="Example: mirrorpoint check --json")(check)


def init(context: typer.Context, json: Json = False) -> None:
    """Write what is missing of a commented mirrorpoint.toml, a seal key and a signing key; never overwrites."""
    from worker.commands import initialising

    initialising.init(call_of(context), wants_json=json)


def check(
    context: typer.Context,
    accept_seal_key: Annotated[
        bool,
        typer.Option("--accept-seal-key", help="Take the seal key of the configuration for the database's own first."),
    ] = False,
    json: Json = False,
) -> None:
    """Validate the file, sign in, hold each resource against a few rows, try each point; print the plan.

    Each list is asked for a few rows, in at most four requests: what its catalogue gets wrong is named with the cure.
    """
    from worker.commands.check import checking

    if accept_seal_key:
        from worker.commands.backup import backing_up

        backing_up.accept_seal_key(call_of(context).settings())
    code = checking.check(call_of(context), wants_json=json)
    raise typer.Exit(code)
