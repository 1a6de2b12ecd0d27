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
    """Write what is missing of a commented mirrorpoint.toml and a seal key beside it; never overwrites."""
    from changes import sealing
    from worker import output, settings
    from worker.commands import template
    from worker.problems import UsageError

    file = settings.find_file(call_of(context).config, os.environ)
    if not file.parent.is_dir():
        raise UsageError(f"the folder {file.parent} does not exist", "create it first")
    is_configured = _is_there(file)
    key_file = _key_file(file) if is_configured else file.parent / "mirrorpoint.key"
    wanted = [] if key_file.exists() else [(key_file, sealing.new_key() + "\n", 0o600)]
    if not is_configured:
        if not wanted:
            _check_key(key_file)
        wanted.append((file, template.TEXT, 0o644))
    if not wanted:
        raise UsageError(
            f"{file} and {key_file} exist already and are left as they are", "move them away, or name another --config"
        )
    try:
        for path, text, mode in wanted:
            _write_new(path, text, mode=mode)
    except OSError as error:
        hint = "look at the rights of the folder and at the disk"
        raise UsageError(f"{error.filename or file.parent} cannot be written: {error.strerror}", hint) from None
    if json:
        written = [str(path) for path, _, _ in wanted]
        output.document({"config": str(file), "seal_key": str(key_file), "written": written})
        return
    for path, _, _ in wanted:
        output.say(
            f"wrote {path}" + (" (keep a copy: encrypted tokens are lost without it)" if path == key_file else "")
        )
    if is_configured:
        return
    named = "" if file == Path(settings.DEFAULT_FILE).absolute() else f" --config {file}"
    output.say(
        "\nnext: 1. fill in base_url and auth under [sources.backoffice]\n"
        "      2. export BACKOFFICE_PASSWORD=…\n"
        f"      3. mirrorpoint{named} check\n"
        f"      4. mirrorpoint{named} run"
    )


def _key_file(config: Path) -> Path:
    """Where an existing configuration wants its key; UsageError where none may be written for it."""
    from urllib.parse import unquote

    from worker import secret, settings
    from worker.problems import UsageError

    read = settings.load(str(config))
    place, _, name = read.storage.seal_key.reference.partition(":")
    if place != "file":
        where = read.storage.seal_key.reference
        raise UsageError(f"{config} exists already and is left as it is; its seal key is {where}", "no file is missing")
    key_file = read.folder / secret.expanded(name)
    is_file = read.storage.url.startswith("sqlite:///")
    database = unquote(read.storage.url.removeprefix("sqlite:///").partition("?")[0]) if is_file else ""
    if not key_file.exists() and database and Path(database).exists():
        raise UsageError(
            f"{key_file} is missing, and {database} was sealed with it: a new key would not open that",
            "restore the key from its copy, or move the database away for a new beginning",
        )
    return key_file


def _is_there(file: Path) -> bool:
    """A path that cannot even be looked at is not there; why not is told when it is written."""
    try:
        return file.exists()
    except OSError:
        return False


def _check_key(key_file: Path) -> None:
    from changes import sealing
    from worker.problems import UsageError

    try:
        sealing.read_key(key_file.read_text("utf-8-sig").strip())
    except (OSError, ValueError) as error:
        hint = "move it away; then `mirrorpoint init` writes a new one"
        raise UsageError(f"{key_file} exists already, is left as it is, and is no seal key: {error}", hint) from None


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
    """Validate the file, sign in, hold each resource against a few rows, try each point; print the plan.

    Each list is asked for a few rows, in at most four requests: what its catalogue gets wrong is named with the cure.
    """
    from worker.commands.check import checking

    if accept_seal_key:
        from worker.commands.backup import backing_up

        backing_up.accept_seal_key(call_of(context).settings())
    code = checking.check(call_of(context), wants_json=json)
    raise typer.Exit(code)
