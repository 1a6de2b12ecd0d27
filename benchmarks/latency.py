"""A source that takes its time: 50 ms a request, and a nested resource at 20 ms, beside bare httpx with 8 threads."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from benchmarks import bench, measuring, processes
from benchmarks.bench import Bench, Row
from benchmarks.measuring import Run
from benchmarks.mirror import Mirror, scripted
from benchmarks.server import CHILDREN, PARENTS

THREADS = 8
PAGE = 100


@dataclass(slots=True)
class _Pairs:
    """What was measured together, less its start."""

    number: int
    ours: dict[str, list[Run]] = field(default_factory=lambda: defaultdict(list))
    theirs: dict[str, list[Run]] = field(default_factory=lambda: defaultdict(list))

    def row(self, stage: str, work: str, target: float) -> Row:
        ours = [self.number / run.seconds for run in self.ours[stage]]
        theirs = [self.number / run.seconds for run in self.theirs[stage]]
        return Row(
            work=f"{stage}, {work}",
            measure=f"of bare httpx with {THREADS} threads",
            value=measuring.median_ratio(ours, theirs),
            target=target,
            ours=bench.per_second(ours),
            theirs=bench.per_second(theirs),
        )


def measure(given: Bench) -> list[Row]:
    """50 ms a request, pages of 100; 2,000 parents at 20 ms a request; 8 at a time."""
    number = given.size(40_000, 5_000)
    with processes.telling("benchmarks.server", "--rows", str(number)) as source:
        flat = _pairs(given, source, "products", number, ms=50, rounds=given.size(5, 1))
        work = f"{number:,} rows at 50 ms a request, pages of {PAGE}, {THREADS} at a time"
        rows = [flat.row(stage, work, 0.75) for stage in ("unchanged", "first load")]
        if given.is_quick:
            return rows
        nested = _pairs(given, source, "children", PARENTS * CHILDREN, ms=20, rounds=3)
        work = f"{PARENTS:,} parents with {CHILDREN} rows each at 20 ms a request, {THREADS} at a time"
        return rows + [nested.row(stage, work, 0.7) for stage in ("unchanged", "first load")]


def _pairs(given: Bench, source: str, resource: str, number: int, *, ms: int, rounds: int) -> _Pairs:
    pairs = _Pairs(number)
    for count in range(1, rounds + 1):
        with given.folder() as folder, given.quiet():
            mirror = Mirror(folder, source, page_size=PAGE)
            mirror.sync("empty")
            if resource == "children":
                mirror.sync("parents")
            our_start = measuring.several(3, partial(mirror.sync, "empty"))
            their_start = measuring.several(3, partial(_read, source, "empty", folder))
            processes.order(source, f"/_control/latency?ms={ms}")
            try:
                for stage in ("first load", "unchanged"):
                    given.tell(f"{resource} at {ms} ms: round {count} of {rounds}, {stage}")
                    pairs.ours[stage].append(mirror.sync(resource).less(our_start))
                    pairs.theirs[stage].append(_read(source, resource, folder).less(their_start))
            finally:
                processes.order(source, "/_control/latency?ms=0")
    return pairs


def _read(source: str, resource: str, folder: Path) -> Run:
    words = (source, resource, "--page", str(PAGE), "--threads", str(THREADS))
    return scripted("benchmarks.reading", *words, folder=folder)
