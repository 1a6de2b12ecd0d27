"""Ten times the rows: memory stays, and so do the rows a second; from 10,000 to 1,000,000 rows, on SQLite."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field

from benchmarks import measuring, processes
from benchmarks.bench import Bench, Row
from benchmarks.measuring import Run
from benchmarks.mirror import Mirror

#: Rows -> how often; a short run moves more from one time to the next.
TIMES = {10_000: 5, 20_000: 3, 100_000: 3, 1_000_000: 1}
STAGES = ("first load", "unchanged")
MOST_MEGABYTES = 160


@dataclass(slots=True)
class _Size:
    number: int
    runs: dict[str, list[Run]] = field(default_factory=lambda: {stage: [] for stage in STAGES})

    def rate(self, stage: str, clock: str = "wall") -> float:
        return statistics.median(
            self.number / (run.cpu_seconds if clock == "cpu" else run.seconds) for run in self.runs[stage]
        )

    def peak(self, stage: str) -> float:
        """In megabytes."""
        return max(run.peak_bytes for run in self.runs[stage]) / 1e6


def measure(given: Bench) -> list[Row]:
    """Peak memory and rows a second, 10,000 to 1,000,000 rows."""
    numbers = [10_000, 20_000, 100_000] if given.is_quick else list(TIMES)
    sizes = {number: _Size(number) for number in numbers}
    with processes.telling("benchmarks.server", "--rows", "0") as source:
        for number, size in sizes.items():
            processes.order(source, f"/_control/rows?number={number}")
            for count in range(1, TIMES[number] + 1):
                _once(given, source, size, f"{number:,} rows, {count} of {TIMES[number]}")
    most = max(numbers)
    grown = [sizes[number] for number in numbers if number != 20_000]
    rows = [row for stage in STAGES for row in _memory(stage, sizes[20_000], sizes[most])]
    return rows + [row for stage in STAGES for row in _rates(stage, grown)]


def _once(given: Bench, source: str, size: _Size, what: str) -> None:
    with given.folder() as folder:
        mirror = Mirror(folder, source)
        mirror.sync("empty")
        for stage in STAGES:
            given.tell(f"{what}, {stage}")
            with given.quiet():
                start = measuring.several(3, lambda: mirror.sync("empty"))
                size.runs[stage].append(mirror.sync("products").less(start))


def _memory(stage: str, few: _Size, many: _Size) -> list[Row]:
    work = f"peak memory, {stage}, {many.number:,} rows"
    few_mb, many_mb = few.peak(stage), many.peak(stage)
    return [
        Row(
            work=work,
            measure=f"of that at {few.number:,} rows",
            value=many_mb / few_mb,
            target=1.25,
            is_most=True,
            ours=f"{many_mb:.0f} MB",
            theirs=f"{few_mb:.0f} MB",
        ),
        Row(work=work, measure="", value=many_mb, unit="MB", target=MOST_MEGABYTES, is_most=True),
    ]


def _rates(stage: str, sizes: list[_Size]) -> list[Row]:
    return [
        Row(
            work=f"{stage}, {more.number:,} rows",
            measure=f"of the rate with {fewer.number:,}",
            value=more.rate(stage) / fewer.rate(stage),
            by_cpu=more.rate(stage, "cpu") / fewer.rate(stage, "cpu"),
            target=0.85,
            ours=f"{more.rate(stage):,.0f} rows/s",
            theirs=f"{fewer.rate(stage):,.0f} rows/s",
        )
        for fewer, more in ((sizes[0], sizes[1]), (sizes[0], sizes[-1]))
        if fewer is not more
    ]
