"""Works off scans in the foreground, several at a time, with a progress bar; the inside of `mirrorpoint sync`."""

from __future__ import annotations

import os
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any

from changes import schedules
from storage import slots
from storage.slots import Slot
from tasks.log_lines import Logger
from tasks.scan.lease import Progress
from tasks.scan.slice import scan_slice
from tasks.scan.slice_end import Outcome
from tasks.services import Services
from upstream.errors import StopSource, Unreachable
from worker import failures, output
from worker.commands.sync import progress_lines
from worker.commands.sync.jobs import Job, JobEnd

log = Logger("mirrorpoint.sync")

#: Resources scanned at the same time; a source's own limit holds below it.
THREADS = 8
#: How often somebody else's lease is looked at again.
LOOK_AGAIN_SECONDS = 0.5
#: How long a stop may take without a word.
SILENT_SECONDS = 1.0
#: With so many resources out of reach and none reached, the rest of a source is left.
OUT_OF_REACH = 3


class Scans:
    """Scans several resources at a time; a child waits for its parent when both are to be scanned."""

    def __init__(self, services: Services, *, waits: bool, is_quiet: bool = False) -> None:
        self._services = services
        self._waits = waits
        self._is_quiet = is_quiet
        self._ended: dict[str, JobEnd] = {}
        self._failed_ends: dict[str, list[bool]] = defaultdict(list)  # per source: was it out of reach?
        self._refused: set[str] = set()

    def work_off(self, jobs: Sequence[Job]) -> list[JobEnd]:
        """Scan all of them; KeyboardInterrupt stops each at its next page and is raised again."""
        todo, running = list(jobs), dict[Future[JobEnd], Job]()
        lines = progress_lines.Lines(todo, is_quiet=self._is_quiet)
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
                        end = future.result()
                        self._note(running.pop(future), end)
                        lines.tell(end)
                        if bar and whole is not None:
                            bar.advance(whole)
            except BaseException as error:
                self._services.stopping.set()
                if isinstance(error, KeyboardInterrupt):
                    self._let_end(running, bar)
                    for future, job in running.items():
                        if future.exception() is None:
                            self._ended[job.name] = future.result()
                raise
        return self.so_far(jobs)

    def so_far(self, jobs: Iterable[Job]) -> list[JobEnd]:
        """Those of the jobs that were begun, in their order; after a KeyboardInterrupt some have not ended."""
        return [self._ended[job.name] for job in jobs if job.name in self._ended]

    def _let_end(self, running: Iterable[Future[JobEnd]], bar: Any) -> None:
        """A page may take as long as the source's time-out; who has no patience for that presses Ctrl-C again."""
        try:
            if wait(running, timeout=SILENT_SECONDS).not_done:
                output.note("stopping at the next page; Ctrl-C again stops at once")
                wait(running)
        except KeyboardInterrupt:
            if bar:
                bar.stop()
            output.note(f"stopped at once; {progress_lines.GOES_ON}")
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
                if end.outcome is Outcome.AGAIN and is_over:
                    self._leave(job)
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

    def _leave(self, job: Job) -> None:
        """A scan that was stopped is gone on with by `run`, at once where that is up: else a promise would be broken.

        Not so where the resource is scanned only when asked for.
        """
        schedule = schedules.resolve(job.resource, self._services.sources[job.source].schedule)
        if isinstance(schedules.parse(schedule), schedules.Off):
            return
        now = self._services.now()
        with self._services.database.write() as session:
            slots.open_slots(session, [Slot(job.source, job.resource.name, slots.FULL, now)], now=now, woken=())
