"""What came of scans in the foreground: told as a table or as JSON, and as an exit code."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from storage import actions, scans
from storage.states import ScanState
from tasks.scan import put_back
from tasks.scan.slice_end import Outcome
from tasks.services import Services
from upstream.errors import StopSource, Unreachable
from worker import output
from worker.commands import odd_rows
from worker.commands.sync import foreground, progress_lines
from worker.commands.sync.jobs import Job, JobEnd

#: So many that are seen for the first time are listed one by one.
FEW_RESOURCES = 12
#: The public columns of `mirrorpoint_scan`, in their order.
_SHOWN = [
    *("id", "source", "resource", "kind", "state", "reason", "started_at", "ended_at", "pages", "requests", "rows"),
    *("created", "updated", "deleted", "restored", "skipped", "held", *odd_rows.COUNTED),
]


def scan_and_tell(services: Services, jobs: Sequence[Job], *, waits: bool, wants_json: bool) -> int:
    """Work off the jobs and show what came of them; the exit code."""
    work = foreground.Scans(services, waits=waits, is_quiet=wants_json)
    with services.database.read() as session:
        last_action = actions.last_id(session)
    try:
        ends = work.work_off(jobs)
    except KeyboardInterrupt:
        begun = work.so_far(jobs)
        output.note(progress_lines.stopped(begun, of=len(jobs)))
        if wants_json:
            output.document({"scans": rows_so_far(services, begun)})
        raise
    _seal(services)
    _tell_put_back(services, after_id=last_action)
    rows = scan_rows(services, ends)
    if wants_json:
        output.document({"scans": rows})
        for end in ends:
            if end.surprise:  # there may be no row of it
                output.complain(f"{end.job.name}: {progress_lines.why_not(end)}")
    else:
        show(ends, rows)
    return exit_code(ends, rows)


def _seal(services: Services) -> None:
    """What was found is sealed at once: there may be no daemon that does it."""
    from tasks.record import sealing
    from tasks.record.log_hashes import LogBrokenError

    try:
        sealing.seal_all(services.database, services.record.signer, now=services.now())
    except LogBrokenError as error:
        output.warn(str(error))


def _tell_put_back(services: Services, *, after_id: int) -> None:
    with services.database.read() as session:
        rows = sum(each.arguments["rows"] for each in actions.intents(session, [put_back.PUT_BACK], after_id=after_id))
    if rows:
        what, were = ("1 row", "was") if rows == 1 else (f"{rows:,} rows", "were")
        said = f"{what} of the mirror {were} not as the change log says, and {were} put back"
        output.note(f"{said}: `mirrorpoint actions --all`")


def scan_rows(services: Services, ends: Iterable[JobEnd]) -> list[dict[str, Any]]:
    """The rows of `mirrorpoint_scan` that the jobs ended with, in their order."""
    ids = [end.end.scan_id for end in ends if end.end and end.end.scan_id and end.end.outcome is Outcome.ENDED]
    with services.database.read() as session:
        return [_row(scan) for scan in scans.get_all(session, ids)]


def rows_so_far(services: Services, begun: Iterable[JobEnd]) -> list[dict[str, Any]]:
    """The same of scans of which some were stopped: those are `running`, and the next sync goes on with them."""
    with services.database.read() as session:
        found = []
        for end in begun:
            if end.end is not None and end.end.outcome is Outcome.ENDED and end.end.scan_id:
                found.append(scans.get(session, end.end.scan_id))
            elif end.end is not None and end.end.outcome is Outcome.AGAIN:
                found.append(scans.running(session, end.job.source, end.job.resource.name))
        return [_row(scan) for scan in found if scan is not None]


def _row(scan: scans.Scan) -> dict[str, Any]:
    return {name: getattr(scan, name) for name in _SHOWN}


def show(ends: Sequence[JobEnd], rows: Sequence[dict[str, Any]]) -> None:
    """A line for each resource of which there is something to say, and a sum."""
    counts = ("created", "updated", "deleted", "restored", "skipped", "held")
    by_name = {f"{row['source']}:{row['resource']}": row for row in rows}
    firsts = {end.job.name for end in ends if end.end and end.end.is_baseline}
    left_out = Counter(end.job.source for end in ends if end.is_left_out)
    shown, quiet = [], 0
    for end in ends:
        row = by_name.get(end.job.name)
        if end.is_left_out:
            continue  # a line for all of them together, below
        if row is None:
            shown.append(
                (end.job.resource.name, (progress_lines.why_not(end), "yellow"), None, *[None] * len(counts), None)
            )
        elif (
            row["state"] != ScanState.COMPLETE
            or any(row[name] for name in (*counts, *odd_rows.COUNTED))
            or (end.job.name in firsts and len(ends) <= FEW_RESOURCES)
        ):
            state = (row["state"], "green" if row["state"] == ScanState.COMPLETE else "red")
            numbers = [row[name] or None for name in counts]
            shown.append((end.job.resource.name, state, row["rows"], *numbers, _remark(row)))
        else:
            quiet += 1
    if shown:
        output.table(("resource", "state", "rows", *counts, "reason"), shown, right=("rows", *counts))
    for source, count in left_out.items():
        what = "1 resource is" if count == 1 else f"{count} resources are"
        output.say(f"{source} does not answer, or refuses the credentials: {what} left out")
    for row in rows:
        if row["held"]:
            output.say(f"{row['held']} deletions of {row['resource']} are held: too many to believe without a person")
            output.say(f"  `mirrorpoint approve {row['id']}` looks again and lets through what is still absent")
    total = sum(row["rows"] for row in rows)
    rest = f", {quiet} of them without anything to tell" if shown and quiet else ""
    changed = sum(row[name] for row in rows for name in counts[:4])
    seen = f"; {len(firsts)} seen for the first time" if firsts else ""
    scanned = sum(row["state"] != ScanState.FAILED for row in rows)
    changes = "1 change" if changed == 1 else f"{changed:,} changes"
    output.say(f"{scanned} of {len(ends)} resources scanned{rest}: {total:,} rows, {changes}{seen}")


def _remark(row: Mapping[str, Any]) -> str | None:
    is_only_skipped = row["state"] == ScanState.COMPLETE and row["skipped"]
    said = odd_rows.skipped(row["skipped"], row["reason"]) if is_only_skipped else row["reason"]
    return "; ".join(each for each in (said, *odd_rows.others(row)) if each) or None


def exit_code(ends: Sequence[JobEnd], rows: Sequence[dict[str, Any]]) -> int:
    """0 all complete; 3 something is not, or is held; 4 credentials refused; 5 nothing of a source was reached.

    1 where a scan broke off for a defect. Who waits for a parent or for somebody else has asked nothing.
    """
    if any(end.surprise for end in ends):
        return 1
    errors = defaultdict(list)
    for end in ends:
        if end.end and end.end.outcome is Outcome.ENDED:
            errors[end.job.source].append(end.end.error)
    if any(isinstance(error, StopSource) for found in errors.values() for error in found):
        return 4
    if any(all(isinstance(error, Unreachable) for error in found) for found in errors.values()):
        return 5
    is_whole = len(rows) == len(ends) and all(row["state"] == ScanState.COMPLETE and not row["held"] for row in rows)
    return 0 if is_whole else 3
