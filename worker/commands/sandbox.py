"""`sandbox api`, `receiver` and `story`: starts the sandbox as a process of its own; our code never imports it."""

from __future__ import annotations

import os
import sys

import typer

from worker.commands.calling import help_when_alone

_PASSED_ON = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}


def register(app: typer.Typer) -> None:
    """Put the commands of this file under their names."""
    group = typer.Typer(help="APIs to mirror, and a receiver for webhooks, to try things on.")
    group.callback(invoke_without_command=True)(help_when_alone)
    group.command("api", context_settings=_PASSED_ON, epilog="Example: mirrorpoint sandbox api --port 8088")(api)
    group.command("receiver", context_settings=_PASSED_ON, epilog="Example: mirrorpoint sandbox receiver --port 8089")(
        receiver
    )
    group.command(
        "story",
        context_settings=_PASSED_ON,
        epilog="Example: mirrorpoint sandbox story --url http://127.0.0.1:8088",
    )(story)
    app.add_typer(group, name="sandbox", epilog="Example: mirrorpoint sandbox api --port 8088")


def api(context: typer.Context) -> None:
    """A Back Office, an integration platform and a foreign API with seeded data; ends with Ctrl-C."""
    _become("api", context.args)


def receiver(context: typer.Context) -> None:
    """A webhook receiver that checks signatures and prints what arrives; ends with Ctrl-C."""
    _become("receiver", context.args)


def story(context: typer.Context) -> None:
    """A morning in the Back Office of a running `sandbox api`: fourteen changes, one after the other."""
    _become("story", context.args)


def _become(what: str, arguments: list[str]) -> None:
    """The sandbox takes this process's place, so that signals and the exit code are its own."""
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-P", "-m", "sandbox", what, *arguments])  # noqa: S606  # no shell is wanted
