"""`init` and `check`: from nothing to a configuration that works."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from worker.commands.calling import call_of

Json = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]


def register(app: typer.Typer) -> None:
    """Put the commands of this file under their names."""
    app.command("init", epilog="Example: mirrorpoint init")(init)
    app.command("check", epilog="Example: mirrorpoint check --json")(check)


def init(context: typer.Context, json: Json = False) -> None:
    """Write a commented mirrorpoint.toml and a seal key beside it; never overwrites."""
    from changes import sealing
    from worker import settings
    from worker.commands import output, template
    from worker.problems import UsageError

    file = settings.find_file(call_of(context).config, os.environ)
    key_file = file.parent / "mirrorpoint.key"
    if not file.parent.is_dir():
        raise UsageError(f"the folder {file.parent} does not exist", "create it first")
    try:
        for path in (file, key_file):
            if path.exists():
                hint = "move it away, or name another --config"
                raise UsageError(f"{path} exists already and is left as it is", hint)
        _write_new(key_file, sealing.new_key() + "\n", mode=0o600)
        _write_new(file, template.TEXT, mode=0o644)
    except OSError as error:
        hint = "look at the rights of the folder and at the disk"
        raise UsageError(f"{error.filename or file.parent} cannot be written: {error.strerror}", hint) from None
    if json:
        output.document({"config": str(file), "seal_key": str(key_file)})
        return
    named = "" if file == Path(settings.DEFAULT_FILE).absolute() else f" --config {file}"
    output.say(f"wrote {file}\nwrote {key_file} (keep a copy: encrypted tokens are lost without it)\n")
    output.say(
        "next: 1. fill in base_url and auth under [sources.backoffice]\n"
        "      2. export BACKOFFICE_PASSWORD=…\n"
        f"      3. mirrorpoint{named} check\n"
        f"      4. mirrorpoint{named} run"
    )


def _write_new(path: Path, text: str, *, mode: int) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w", encoding="utf-8") as file:
        file.write(text)


def check(
    context: typer.Context,
    accept_seal_key: Annotated[
        bool,
        typer.Option("--accept-seal-key", help="Take the seal key of the configuration for the database's own first."),
    ] = False,
    json: Json = False,
) -> None:
    """Validate the file, sign in, read one row of each resource, try each point; print the plan."""
    from worker.commands import checking

    if accept_seal_key:
        from worker.commands import backing_up

        backing_up.accept_seal_key(call_of(context).settings())
    code = checking.check(call_of(context), wants_json=json)
    raise typer.Exit(code)
