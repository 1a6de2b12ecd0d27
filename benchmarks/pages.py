"""What a page costs on its way from the socket, before anything is read of it: our connections beside bare httpx."""

from __future__ import annotations

import statistics
import sys
from pathlib import Path

from benchmarks import measuring, processes
from benchmarks.bench import Bench, Row
from benchmarks.measuring import Run
from benchmarks.read_pages import DIFFERENT, ROWS_A_PAGE

#: glibc would give memory back after each page and fetch it anew for the next, or not, by chance. A process that does
#: more than this keeps it.
_KEEPING_MEMORY = {"MALLOC_TRIM_THRESHOLD_": "100000000", "MALLOC_MMAP_THRESHOLD_": "33000000"}


def measure(given: Bench) -> list[Row]:
    """Pages of 500 rows over one connection, beside bare httpx."""
    pages, rounds = given.size(3_000, 1_000), given.size(11, 5)
    took: dict[str, list[Run]] = {"ours": [], "httpx": []}
    with (
        processes.telling("benchmarks.server", "--rows", str(DIFFERENT * ROWS_A_PAGE)) as source,
        given.folder() as folder,
        given.quiet(),
    ):
        start = {name: measuring.median_run([_read(source, name, 0, folder) for _ in range(3)]) for name in took}
        for count in range(1, rounds + 1):
            given.tell(f"pages: {count} of {rounds}")
            for name in took if count % 2 else reversed(took):
                took[name].append(_read(source, name, pages, folder).less(start[name]))
    walls = {name: [run.seconds for run in runs] for name, runs in took.items()}
    cpus = {name: [run.cpu_seconds for run in runs] for name, runs in took.items()}
    return [
        Row(
            work=f"a page of {ROWS_A_PAGE} rows over plain HTTP",
            measure="of bare httpx",
            value=measuring.median_ratio(walls["ours"], walls["httpx"]),
            target=0.75,
            is_most=True,
            ours=_milliseconds(walls["ours"], pages),
            theirs=_milliseconds(walls["httpx"], pages),
            by_cpu=measuring.median_ratio(cpus["ours"], cpus["httpx"]),
        )
    ]


def _read(source: str, by: str, pages: int, folder: Path) -> Run:
    command = [sys.executable, "-m", "benchmarks.read_pages", source, by, str(pages)]
    return measuring.run(command, folder=folder, environ=processes.environment(**_KEEPING_MEMORY))


def _milliseconds(seconds: list[float], pages: int) -> str:
    return f"{statistics.median(seconds) / pages * 1000:.2f} ms"
