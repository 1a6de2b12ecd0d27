"""`prove`, `erase`, `verify --live`: the record shown to outsiders, taken out where it must be, and compared."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from worker.commands.calling import LARGEST, call_of

Json = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]


def register(app: typer.Typer) -> None:
    """Put the commands of this file under their names."""
    app.command("prove", epilog="Example: mirrorpoint prove 4711 --out proof-4711")(prove)


def prove(
    context: typer.Context,
    seq: Annotated[
        int, typer.Argument(metavar="SEQ", min=1, max=LARGEST, help="The change's number.", show_default=False)
    ],
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="A folder that is not there yet, or empty.", show_default=False)
    ],
    json: Json = False,
) -> None:
    """Write a folder by which an outsider can check one change, without Mirrorpoint and without trusting anybody.

    It holds the change, the proof that it is in the signed record, the verifier key and a program of a page, and
    nothing of any other record. A change that is not sealed yet is sealed first.
    """
    from worker.commands.record import proving

    proving.prove(call_of(context).settings(), seq, out=out, wants_json=json)
