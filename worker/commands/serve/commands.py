"""`serve`: the page, the feed, metrics and health; alone, or as a child of `run`."""

from __future__ import annotations

from typing import Annotated

import typer

from worker.commands.calling import LogJson, call_of


def register(app: typer.Typer) -> None:
    """Put the command of this file under its name."""
    app.command("serve", epilog="Example: mirrorpoint serve --listen 127.0.0.1:8480")(serve)


def serve(
    context: typer.Context,
    listen: Annotated[
        str | None, typer.Option("--listen", metavar="HOST:PORT", help="In place of serve.listen.")
    ] = None,
    log_json: LogJson = None,
) -> None:
    """Serve the page, the feed, metrics, health and points; ends with Ctrl-C.

    Without serve.tokens it listens on this machine alone, and prints a link that signs in once.
    """
    from worker import child, logs
    from worker.commands.serve import serving

    is_child = child.tie_to_parent()
    call = call_of(context)
    settings = call.settings()
    logs.set_up(is_json=logs.wants_json(log_json), is_debug=call.is_debug, process="serve")
    raise typer.Exit(serving.serve(settings, listen=listen, is_child=is_child))
