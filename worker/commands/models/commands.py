"""`models`: the mirror's tables as a Python module, for programs that need nothing of ours where they run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from worker.commands.calling import call_of


def register(app: typer.Typer) -> None:
    """Put the command under its name."""
    app.command("models", epilog="Example: mirrorpoint models --out mirror_models.py")(models)


def models(
    context: typer.Context,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="Instead of standard output; overwrites only what it has written."),
    ] = None,
    source: Annotated[str | None, typer.Option("--source", help="Only this source's resources.")] = None,
) -> None:
    """Write a typed Python module with a SQLModel class per mirrored table and one for the change log."""
    from worker import bootstrap, output
    from worker.commands import selecting
    from worker.commands.models import model_text

    catalogues = bootstrap.load_catalogues(call_of(context).settings())
    resources = [resource for _, resource in selecting.resources(catalogues, (), source_name=source)]
    text = model_text.module(resources, version=_version())
    if out is None:
        typer.echo(text, nl=False)
        return
    _write(out, text)
    tables = len({resource.name for resource in resources})
    output.say(f"wrote {out}: {tables} tables and the change log")


def _version() -> str:
    from importlib import metadata

    try:
        return metadata.version("mirrorpoint")
    except metadata.PackageNotFoundError:
        return "of a checkout"


def _write(file: Path, text: str) -> None:
    """Whole or not at all; a file that somebody else has written stays as it is."""
    from worker.commands.models import model_text
    from worker.problems import UsageError

    try:
        if file.exists() and not file.read_bytes().startswith(model_text.MARK.encode()):
            raise UsageError(
                f"{file} was not written by `mirrorpoint models` and is left as it is", "give --out another name"
            )
        written = file.with_name(f".{file.name}.part")
        written.write_text(text, encoding="utf-8")
        written.replace(file)
    except OSError as error:
        hint = "look at the rights of the folder and at the disk"
        raise UsageError(f"{error.filename or file} cannot be written: {error.strerror}", hint) from None
