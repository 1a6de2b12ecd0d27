"""`backup` and `restore`: the database as a file, and back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from worker.commands.calling import call_of

Json = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]


def register(app: typer.Typer) -> None:
    """Put the commands of this file under their names."""
    app.command("backup", epilog="Example: mirrorpoint backup /backups/mirrorpoint-2026-11-22.db")(backup)
    app.command("restore", epilog="Example: mirrorpoint restore /backups/mirrorpoint-2026-11-22.db")(restore)


def backup(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where it is written.", show_default=False)],
    json: Json = False,
) -> None:
    """Write the whole database to a file, while everything runs; never overwrites.

    The seal key and the configuration are not in it: keep them too, elsewhere. PostgreSQL: with its own `pg_dump`.
    """
    from worker.commands.backup import backing_up

    backing_up.backup(call_of(context).settings(), file, wants_json=json)


def restore(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What `backup` has written.", show_default=False)],
    json: Json = False,
) -> None:
    """Put a backup in the database's place, and keep what was there beside it under a dated name.

    Refused while Mirrorpoint runs. Restoring what was kept takes it back.
    """
    from worker.commands.backup import backing_up

    backing_up.restore(call_of(context).settings(), file, wants_json=json)
