"""`sync`, `approve`, `rebase` and `retire`: scans in the foreground, and what becomes of rows after a change."""

from __future__ import annotations

from contextlib import closing
from typing import Annotated

import typer

from worker.commands import completing
from worker.commands.calling import call_of


def register(app: typer.Typer) -> None:
    """Put the commands of this file under their names."""
    app.command("sync", epilog="Example: mirrorpoint sync products 'product_*'")(sync)
    app.command("approve", epilog="Example: mirrorpoint approve 01a205cefb2b0fae3baf2cc612")(approve)
    app.command("rebase", epilog="Example: mirrorpoint rebase backoffice:products")(rebase)
    app.command("retire", epilog="Example: mirrorpoint retire oldoffice --yes")(retire)


def sync(
    context: typer.Context,
    resource: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="RESOURCE",
            help="Names or globs, whatever their schedule says.",
            autocompletion=completing.resources,
        ),
    ] = None,
    source: Annotated[str | None, typer.Option(help="Only this source.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Also what is off.")] = False,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait for a scan that somebody else runs.")] = True,
    json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,
) -> int:
    """Scan now: all that is not off, or the resources that are named, or with --all really all.

    Exit code 0: all complete; 3: something is incomplete or held; 4: credentials refused; 5: a source out of reach.

    Ctrl-C stops at the next page, with exit code 130: nothing is lost, and the next one goes on from there.
    """
    from worker import output
    from worker.commands.sync import jobs, outcome
    from worker.problems import SettingsError

    call = call_of(context)
    settings = call.settings()
    if not settings.sources:
        raise SettingsError(str(settings.file), "sources", "there is nothing to mirror", "add [sources.NAME]")
    # One source can be scanned while another's password is missing.
    only = [source] if source in settings.sources else None
    with closing(call.services(settings, only_sources=only)) as services:
        plan = jobs.plan(services, resource or [], source_name=source, with_off=everything)
        for line in plan.notes:
            output.note(line)
        return outcome.scan_and_tell(services, plan.jobs, waits=wait, wants_json=json)


def approve(
    context: typer.Context,
    scan: Annotated[str, typer.Argument(metavar="SCAN", help="The scan that `status` and `sync` name.")],
    json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,
) -> int:
    """Let deletions through that the guard has held: looks again, and deletes what is still absent, once.

    Exit code 0: nothing of it is held any more; 3: something is, since its absence could not be confirmed.
    """
    from worker import output
    from worker.commands.acting import acting
    from worker.commands.sync import jobs, outcome

    with (
        closing(call_of(context).services()) as services,
        acting(services.database, "approve", target=scan) as action,
    ):
        job, approved = jobs.approve(services, scan)
        output.note(f"{_deletions(approved)} of {job.name} are approved; looking again")
        code = outcome.scan_and_tell(services, [job], waits=True, wants_json=json)
        rest = "" if code == 0 else f"; the scan after it ended with exit code {code}"
        action.outcome = f"done: {_deletions(approved)} of {job.name} approved{rest}"
        return code


def rebase(
    context: typer.Context,
    resource: Annotated[
        str,
        typer.Argument(
            metavar="RESOURCE",
            help="`products`, `backoffice:products`, or of `backoffice:*` all that has changed.",
            autocompletion=completing.resources,
        ),
    ],
    source: Annotated[str | None, typer.Option(help="Where several sources have it.")] = None,
    same: Annotated[
        bool, typer.Option("--same", help="The records are the same: go on with them, and tell what differs.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,
) -> int:
    """Say what a changed catalogue or base_url means for a resource that is held for it, and scan it.

    Its rows are retired: deleted in the log, told to no receiver; what is there now is a new base line of snapshots.
    """
    from worker.commands.sync import rebasing

    call = call_of(context)
    return rebasing.rebase(call, resource, source_name=source, is_same=same, is_sure=yes, wants_json=json)


def retire(
    context: typer.Context,
    source: Annotated[
        str | None, typer.Argument(metavar="[SOURCE]", help="Without it: show what there is.", show_default=False)
    ] = None,
    resource: Annotated[
        str | None, typer.Argument(metavar="[RESOURCE]", help="Only this one of the source.", show_default=False)
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,
) -> None:
    """Retire the rows of sources and resources that are not configured any more; alone, show which there are.

    They end in the log as deleted, and no receiver is told. `changes`, `history` and `show` have them as before.
    """
    from worker.commands.sync import rebasing

    rebasing.retire(call_of(context), source, resource, is_sure=yes, wants_json=json)


def _deletions(count: int) -> str:
    return "1 deletion" if count == 1 else f"{count:,} deletions"
