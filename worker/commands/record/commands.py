"""`verify`, `prove`, `erase`: whether the record was altered; shown to outsiders; taken out where it must be."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from worker.commands import completing, times
from worker.commands.calling import LARGEST, call_of
from worker.commands.dashed_keys import DashedKeys

Json = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]


def register(app: typer.Typer) -> None:
    """Put the commands of this file under their names."""
    app.command("verify", epilog="Example: mirrorpoint verify --head heads.log")(verify)
    app.command("prove", epilog="Example: mirrorpoint prove 4711 --out proof-4711")(prove)
    app.command(
        "erase", cls=DashedKeys, epilog='Example: mirrorpoint erase clients 42 --reason "asked for on 2026-11-03"'
    )(erase)


def verify(
    context: typer.Context,
    head: Annotated[
        list[Path] | None,
        typer.Option("--head", metavar="FILE", help="Heads that were kept elsewhere: signed notes, one or several."),
    ] = None,
    since: Annotated[
        str | None, typer.Option("--since", metavar="TIME", help=f"Only what was seen from then on: {times.FORMS}.")
    ] = None,
    sample: Annotated[
        int | None, typer.Option("--sample", metavar="N", min=1, help="Only N changes and N records, drawn at random.")
    ] = None,
    live: Annotated[
        int | None,
        typer.Option(
            "--live", metavar="N", min=1, help="Instead: compare N records, drawn at random, with their sources."
        ),
    ] = None,
    seed: Annotated[
        int | None, typer.Option("--seed", metavar="NUMBER", help="With --live: draw the same records again.")
    ] = None,
    source: Annotated[
        str | None, typer.Option("--source", metavar="SOURCE", help="With --live: only records of this source.")
    ] = None,
    json: Json = False,
) -> None:
    """Say whether anybody has altered the change log, the tables, deliveries or actions; 6 where somebody has.

    Everything is computed again from what is stored, and compared with checkpoints and with heads kept elsewhere.

    All that is found is named, and nothing is changed. It may run while everything else does.

    With --live: exit code 3 where records differ from their sources for longer than `check` promises.
    """
    from worker.problems import UsageError

    if live is not None:
        from worker.commands.record import live as comparing

        if head or since or sample:
            raise UsageError(
                "--live compares with the sources, not with what was stored before", "leave the others out"
            )
        code = comparing.verify_live(call_of(context), live, seed=seed, source_name=source, wants_json=json)
        raise typer.Exit(code)
    if seed is not None or source is not None:
        raise UsageError("--seed and --source are for --live", "add --live N")
    from worker.commands.record import verifying

    code = verifying.verify(call_of(context), head_files=head or (), since=since, sample=sample, wants_json=json)
    raise typer.Exit(code)


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

    It holds the change, its proof, the verifier key and a program of a page, and nothing of any other record.

    A change that is not sealed yet is sealed first.
    """
    from worker.commands.record import proving

    proving.prove(call_of(context).settings(), seq, out=out, wants_json=json)


def erase(
    context: typer.Context,
    resource: Annotated[
        str,
        typer.Argument(
            metavar="RESOURCE",
            help="`clients`, or `backoffice:clients`; or the record in one word: `clients/42`.",
            show_default=False,
            autocompletion=completing.resources,
        ),
    ],
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; it is kept.", show_default=False)],
    key: Annotated[str | None, typer.Argument(metavar="KEY", help="The record's key.", show_default=False)] = None,
    parent: Annotated[
        str | None, typer.Option("--parent", metavar="KEY", help="Where the key alone is not unique.")
    ] = None,
    source: Annotated[
        str | None, typer.Option("--source", metavar="SOURCE", help="Where several sources have it.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    json: Json = False,
) -> int:
    """Take the content of one record out of the mirror, all its versions and the database's files; proofs stay valid.

    Keys, digests and times stay: where a key itself says who somebody is, it remains. So does what is below the record.

    A record that the source still has comes back at the next scan: delete it there first.

    Exit code 3: something is left to do by hand; 130: nobody has said yes, and it was only told what would go.
    """
    from worker.commands.record import erasing
    from worker.commands.record_names import Named

    wanted = erasing.Wanted(Named(resource, key, parent, source), reason)
    return erasing.erase(call_of(context).settings(), wanted, is_sure=yes, wants_json=json)
