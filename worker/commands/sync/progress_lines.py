"""What `sync` says while it works where no bar can be shown: a line at its beginning, and one for each resource.

And one where Ctrl-C has stopped it.
"""

from __future__ import annotations

from tasks.scan.slice_end import Outcome
from worker import output
from worker.commands.sync.jobs import Job, JobEnd

#: What becomes of scans that were stopped.
GOES_ON = "nothing is lost, and the next `mirrorpoint sync` goes on from there"


class Lines:
    """Counts what is done. Nothing is said where somebody wants JSON, or a terminal shows the bar."""

    def __init__(self, jobs: list[Job], *, is_quiet: bool) -> None:
        self._of, self._done, self._is_quiet = len(jobs), 0, is_quiet
        if jobs:
            self._say(f"scanning {jobs[0].name}" if self._of == 1 else f"scanning {self._of:,} resources")

    def tell(self, end: JobEnd) -> None:
        """Of those of a source that was given up, the result tells all together."""
        self._done += 1
        if not end.is_left_out:
            self._say(f"{self._done} of {self._of}  {end.job.name}: {_what_came(end)}")

    def _say(self, text: str) -> None:
        if not self._is_quiet:
            output.step(text)


def _what_came(end: JobEnd) -> str:
    if end.end is None or end.end.scan is None:
        return why_not(end)
    scan = end.end.scan
    changes = scan.created + scan.updated + scan.deleted + scan.restored
    rows = "1 row" if scan.rows == 1 else f"{scan.rows:,} rows"
    if end.end.is_baseline:
        return f"{scan.state}, {rows}, seen for the first time"
    return f"{scan.state}, {rows}, {'1 change' if changes == 1 else f'{changes:,} changes'}"


def why_not(end: JobEnd) -> str:
    """Why the resource has no scan of its own that has ended."""
    if end.surprise:
        return f"broke off: {end.surprise}"
    if end.end is not None and end.end.outcome is Outcome.WAITING:
        return f"waits for a complete scan of {end.job.resource.parent}"
    return "somebody else is scanning it"


def stopped(begun: list[JobEnd], *, of: int) -> str:
    """What Ctrl-C has stopped; `begun` are those of the `of` scans that were begun."""
    ended = sum(end.end is None or end.end.outcome is Outcome.ENDED for end in begun)
    parts = [f"{ended:,} of {of:,} {'resource is' if of == 1 else 'resources are'} scanned"]
    if len(begun) > ended:
        parts.append(f"{len(begun) - ended:,} half-way")
    if of > len(begun):
        parts.append(f"{of - len(begun):,} not begun")
    return f"stopped: {', '.join(parts)}; {GOES_ON}"
