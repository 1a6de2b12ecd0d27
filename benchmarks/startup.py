"""How long a command takes that has little to do, beside an empty program that imports the library of its tables."""

from __future__ import annotations

import statistics
import sys
from collections import defaultdict
from pathlib import Path

from benchmarks import measuring, processes
from benchmarks.bench import Bench, Row
from benchmarks.measuring import Run
from benchmarks.mirror import Mirror

#: At most so many times as long.
TARGETS = {"--help": 0.5, "status": 0.9, "changes": 0.9, "sync": 1.25}


def measure(given: Bench) -> list[Row]:
    """`--help`, `status`, `changes` and a `sync` of an empty list, beside `python -c 'import sqlmodel'`."""
    pairs = given.size(15, 5)
    took: dict[str, list[Run]] = defaultdict(list)
    with processes.telling("benchmarks.server", "--rows", "1") as source, given.folder() as folder, given.quiet():
        built_in = Mirror(folder / "built_in", "http://127.0.0.1:9", catalogue="backoffice")
        small = Mirror(folder / "small", source)
        built_in.run("check")  # makes the tables
        small.sync("empty")
        for count in range(1, pairs + 1):
            given.tell(f"start: {count} of {pairs}")
            took["bare"].append(_bare(folder))
            for words in ("--help", "status", "changes"):
                took[words].append(built_in.run(words))
            took["sync"].append(small.sync("empty"))
    return [
        Row(
            work="`mirrorpoint sync` of an empty list" if words == "sync" else f"`mirrorpoint {words}`",
            measure="of `python -c 'import sqlmodel'`",
            value=measuring.median_ratio([run.seconds for run in took[words]], [run.seconds for run in took["bare"]]),
            by_cpu=measuring.median_ratio(
                [run.cpu_seconds for run in took[words]], [run.cpu_seconds for run in took["bare"]]
            ),
            target=target,
            is_most=True,
            ours=_milliseconds(took[words]),
            theirs=_milliseconds(took["bare"]),
        )
        for words, target in TARGETS.items()
    ]


def _bare(folder: Path) -> Run:
    command = [sys.executable, "-c", "import sqlmodel"]
    return measuring.run(command, folder=folder, environ=processes.environment())


def _milliseconds(runs: list[Run]) -> str:
    return f"{statistics.median(run.seconds for run in runs) * 1000:.0f} ms"
