"""Works off scans in the foreground, several at a time, with a progress bar; the inside of `mirrorpoint sync`."""

from __future__ import annotations

import os
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any

import structlog

from changes import schedules
from changes.resources import Resource
from storage import scans, suspects
from tasks.scan import lease
from tasks.scan.lease import Progress
from tasks.scan.slice import Outcome, SliceEnd, scan_slice
from tasks.services import Services
from upstream.errors import StopSource, Unreachable
from worker import failures, output
from worker.commands import odd_rows, selecting
from worker.problems import UsageError

log = structlog.get_logger("mirrorpoint.sync")

#: Resources scanned at the same time; a source's own limit holds below it.
THREADS = 8
#: How often somebody else's lease is looked at again.
LOOK_AGAIN_SECONDS = 0.5
#: So many that are seen for the first time are listed one by one.
FEW_RESOURCES = 12
#: How long a stop may take without a word.
SILENT_SECONDS = 1.0
#: With so many resources out of reach and none reached, the rest of a source is left.
OUT_OF_REACH = 3
#: The public columns of `mirrorpoint_scan`, in their order.
_SHOWN = [
    *("id", "source", "resource", "kind", "state", "reason", "started_at", "ended_at", "pages", "requests", "rows"),
    *("created", "updated", "deleted", "restored", "skipped", "held", *odd_rows.COUNTED),
]


@dataclass(frozen=True, slots=True)
class Job:
    source: str
    resource: Resource

    @property
    def name(self) -> str:
        return f"{self.source}:{self.resource.name}"


@dataclass(frozen=True, slots=True)
class Plan:
    jobs: list[Job]
    notes: list[str]


@dataclass(frozen=True, slots=True)
class JobEnd:
    """`end` is None where the source was given up before this resource's turn, or where the scan broke off."""

    job: Job
    end: SliceEnd | None
    seconds: float = 0.0
    surprise: str = ""  #: a defect that has ended this scan, and no other

    @property
    def is_left_out(self) -> bool:
        return self.end is None and not self.surprise


def plan(services: Services, names: Sequence[str], *, source_name: str | None, with_off: bool) -> Plan:
    """What to scan, parents before their children; parents that were never scanned, or are others now, come along."""
    catalogues = {source.name: source.catalogue for source in services.sources.values()}
    chosen = selecting.resources(catalogues, names, source_name=source_name)
    if not names and not with_off:
        chosen = [(source, each) for source, each in chosen if _is_on(services, source, each)]
    wanted = {(source, each.name) for source, each in chosen}
    notes = []
    with services.database.read() as session:
        for source, each in list(chosen):
            for ancestor in each.ancestors:
                is_known = lease.are_records_known(session, services.sources[source], ancestor)
                if not is_known and (source, ancestor) not in wanted:
                    wanted.add((source, ancestor))
                    notes.append(f"{ancestor} is scanned too: {each.name} is listed per record of it")
    jobs = [
        Job(source, each)
        for source, catalogue in catalogues.items()
        for each in catalogue.resources.values()
        if (source, each.name) in wanted
    ]
    return Plan(sorted(jobs, key=lambda job: len(job.resource.ancestors)), notes)


def _is_on(services: Services, source: str, resource: Resource) -> bool:
    return schedules.resolve(resource, services.sources[source].schedule) != "off"


def approve(services: Services, scan_id: str) -> tuple[Job, int]:
    """Approve what a scan holds back; the resource to look at again, and how many deletions they are."""
    with services.database.write() as session:
        scan, holders = scans.get(session, scan_id), suspects.holders(session)
        hint = "; ".join(f"{held_by} holds some of {resource}" for (_, resource), held_by in holders.items())
        if scan is None:
            raise UsageError(f'there is no scan "{scan_id}"', hint or "nothing is held at the moment")
        source = services.sources.get(scan.source)
        if source is None or scan.resource not in source.catalogue.resources:
            raise UsageError(f"{scan.source}:{scan.resource} is not mirrored any more", "configure it again first")
        approved = suspects.approve_suspects(session, scan.source, scan.resource, scan_id=scan_id)
    if not approved:
        raise UsageError(f"scan {scan_id} holds nothing", hint or "nothing is held at the moment")
    return Job(scan.source, source.catalogue.resources[scan.resource]), approved


class Scans:
    """Scans several resources at a time; a child waits for its parent when both are to be scanned."""

    def __init__(self, services: Services, *, waits: bool) -> None:
        self._services = services
        self._waits = waits
        self._ended: dict[str, JobEnd] = {}
        self._failed_ends: dict[str, list[bool]] = defaultdict(list)  # per source: was it out of reach?
        self._refused: set[str] = set()

    def work_off(self, jobs: Sequence[Job]) -> list[JobEnd]:
        """Scan all of them; KeyboardInterrupt stops each at its next page and is raised again."""
        todo, running = list(jobs), dict[Future[JobEnd], Job]()
        with output.progress() as bar, ThreadPoolExecutor(THREADS) as pool:
            whole = bar.add_task("resources", total=len(jobs)) if bar else None
            try:
                while todo or running:
                    for job in [job for job in todo if self._is_ready(job, todo, running.values())]:
                        if len(running) < THREADS:
                            todo.remove(job)
                            running[pool.submit(self._scan, job, bar)] = job
                    done, _ = wait(running, return_when=FIRST_COMPLETED, timeout=1.0)
                    for future in done:
                        self._note(running.pop(future), future.result())
                        if bar and whole is not None:
                            bar.advance(whole)
            except BaseException as error:
                self._services.stopping.set()
                if isinstance(error, KeyboardInterrupt):
                    self._let_end(running, bar)
                raise
        return [self._ended[job.name] for job in jobs]

    def _let_end(self, running: Iterable[Future[JobEnd]], bar: Any) -> None:
        """A page may take as long as the source's time-out; who has no patience for that presses Ctrl-C again."""
        try:
            if wait(running, timeout=SILENT_SECONDS).not_done:
                output.note("stopping at the next page; Ctrl-C again stops at once")
                wait(running)
        except KeyboardInterrupt:
            if bar:
                bar.stop()
            os._exit(130)  # the threads would be waited for; what they hold is leased, and nothing is half written

    def _is_ready(self, job: Job, todo: Iterable[Job], running: Iterable[Job]) -> bool:
        waiting_for = {f"{job.source}:{ancestor}" for ancestor in job.resource.ancestors}
        return not any(other.name in waiting_for for other in [*todo, *running])

    def _note(self, job: Job, end: JobEnd) -> None:
        self._ended[job.name] = end
        if end.end is None or end.end.outcome is not Outcome.ENDED:
            return
        if isinstance(end.end.error, StopSource):
            self._refused.add(job.source)
        self._failed_ends[job.source].append(isinstance(end.end.error, Unreachable))

    def _is_given_up(self, source: str) -> bool:
        ends = self._failed_ends[source]
        return source in self._refused or (len(ends) >= OUT_OF_REACH and all(ends))

    def _scan(self, job: Job, bar: Any) -> JobEnd:
        if self._is_given_up(job.source):
            return JobEnd(job, None)
        began = time.monotonic()
        task = bar.add_task(job.resource.name, total=None) if bar else None

        def on_progress(progress: Progress) -> None:
            what = "confirming " if progress.is_confirming else ""
            bar.update(task, description=what + job.resource.name, completed=progress.rows, total=progress.total)

        try:
            while True:
                end = scan_slice(
                    self._services, job.source, job.resource.name, on_progress=on_progress if bar else None
                )
                is_over = end.outcome in (Outcome.ENDED, Outcome.WAITING) or self._services.stopping.is_set()
                if is_over or (end.outcome is Outcome.HELD and not self._waits):
                    return JobEnd(job, end, time.monotonic() - began)
                if end.outcome is Outcome.HELD:
                    self._services.stopping.wait(LOOK_AGAIN_SECONDS)
        except Exception as error:
            failure = failures.read(error)
            if failure.code != failures.UNEXPECTED:
                raise
            log.exception("scan_broke", source=job.source, resource=job.resource.name)
            return JobEnd(job, None, surprise=failure.message)
        finally:
            if bar:
                bar.remove_task(task)


def scan_and_tell(services: Services, jobs: Sequence[Job], *, waits: bool, wants_json: bool) -> int:
    """Work off the jobs and show what came of them; the exit code."""
    ends = Scans(services, waits=waits).work_off(jobs)
    rows = scan_rows(services, ends)
    if wants_json:
        output.document({"scans": rows})
    else:
        show(ends, rows)
    return exit_code(ends, rows)


def scan_rows(services: Services, ends: Iterable[JobEnd]) -> list[dict[str, Any]]:
    """The rows of `mirrorpoint_scan` that the jobs ended with, in their order."""
    ids = [end.end.scan_id for end in ends if end.end and end.end.scan_id and end.end.outcome is Outcome.ENDED]
    with services.database.read() as session:
        return [{name: getattr(scan, name) for name in _SHOWN} for scan in scans.get_all(session, ids)]


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
            shown.append((end.job.resource.name, (_why_not(end), "yellow"), None, *[None] * len(counts), None))
        elif (
            row["state"] != "complete"
            or any(row[name] for name in (*counts, *odd_rows.COUNTED))
            or (end.job.name in firsts and len(ends) <= 12)
        ):
            state = (row["state"], "green" if row["state"] == "complete" else "red")
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
    scanned = sum(row["state"] != "failed" for row in rows)
    output.say(f"{scanned} of {len(ends)} resources scanned{rest}: {total:,} rows, {changed:,} changes{seen}")


def _remark(row: Mapping[str, Any]) -> str | None:
    is_only_skipped = row["state"] == "complete" and row["skipped"]
    said = odd_rows.skipped(row["skipped"], row["reason"]) if is_only_skipped else row["reason"]
    return "; ".join(each for each in (said, *odd_rows.others(row)) if each) or None


def _why_not(end: JobEnd) -> str:
    if end.surprise:
        return f"broke off: {end.surprise}"
    if end.end is not None and end.end.outcome is Outcome.WAITING:
        return f"waits for a complete scan of {end.job.resource.parent}"
    return "somebody else is scanning it"


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
    is_whole = len(rows) == len(ends) and all(row["state"] == "complete" and not row["held"] for row in rows)
    return 0 if is_whole else 3
