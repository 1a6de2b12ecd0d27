"""Whole processes, measured: wall time, processor time and peak memory; medians of what was measured in pairs.

The process that measures stays small: on Linux a child's peak counts from its parent's at the start.
"""

from __future__ import annotations

import fcntl
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

#: `ru_maxrss` counts these.
_MEMORY_UNIT = 1 if sys.platform == "darwin" else 1024


class Failed(Exception):  # noqa: N818  # a measurement that failed
    """A process that was measured did not end well; the message has the last that it said."""


@dataclass(frozen=True, slots=True)
class Run:
    """One process from its start to its end."""

    seconds: float
    cpu_seconds: float  #: user and system, of the process and what it waited for
    peak_bytes: int  #: resident

    def less(self, start: Run) -> Run:
        """Without what starting costs; never below a millisecond."""
        return replace(
            self,
            seconds=max(self.seconds - start.seconds, 0.001),
            cpu_seconds=max(self.cpu_seconds - start.cpu_seconds, 0.001),
        )


def run(command: Sequence[str], *, folder: Path, environ: Mapping[str, str], codes: Sequence[int] = (0,)) -> Run:
    """Run it to its end."""
    with (folder / "said").open("w+b") as said:
        began = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=folder, env=dict(environ), stdin=subprocess.DEVNULL, stdout=said, stderr=said
        )
        try:
            status, usage = _wait(process.pid)
        except BaseException:
            process.kill()
            process.wait()
            raise
        seconds = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode not in codes:
            raise Failed(f"{' '.join(command)} ended with {process.returncode}:\n{_tail(said)}")
    return Run(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * _MEMORY_UNIT)


def _wait(pid: int) -> tuple[int, resource.struct_rusage]:
    """Wait without looking again and again, which would take time from what is measured."""
    _, status, usage = os.wait4(pid, 0)
    return status, usage


def _tail(said: IO[bytes]) -> str:
    said.seek(0)
    return "\n".join(said.read().decode(errors="replace").splitlines()[-15:])


def median_run(runs: Sequence[Run]) -> Run:
    """Each figure's own median."""
    return Run(
        statistics.median(one.seconds for one in runs),
        statistics.median(one.cpu_seconds for one in runs),
        int(statistics.median(one.peak_bytes for one in runs)),
    )


def several(number: int, once: Callable[[], Run]) -> Run:
    """The median of so many."""
    return median_run([once() for _ in range(number)])


def median_ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """The median of the ratios of what was measured together."""
    return statistics.median(one / other for one, other in zip(ours, theirs, strict=True))


class Quiet:
    """Holds a lock file while something is measured, so that others who take it leave the machine alone."""

    def __init__(self, file: str | None) -> None:
        self._file = file
        self._is_held = False

    @contextmanager
    def __call__(self) -> Iterator[None]:
        if self._file is None or self._is_held:
            yield
            return
        with Path(self._file).open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self._is_held = True
            try:
                yield
            finally:
                self._is_held = False
                fcntl.flock(lock, fcntl.LOCK_UN)
