"""How long a command takes to start, beside an empty program that imports the library of its tables."""

from __future__ import annotations

import sys

from benchmarks import measuring, processes
from benchmarks.bench import Bench, Row
from benchmarks.mirror import Mirror


def measure(given: Bench) -> list[Row]:
    """`--help` and `status`, with the built-in catalogue, beside `python -c 'import sqlmodel'`."""
    pairs = given.size(15, 5)
    bare: list[float] = []
    took: dict[str, list[float]] = {"--help": [], "status": []}
    with given.folder() as folder, given.quiet():
        mirror = Mirror(folder, "http://127.0.0.1:9", catalogue="backoffice")
        mirror.run("check")  # makes the tables
        for count in range(1, pairs + 1):
            given.tell(f"start: {count} of {pairs}")
            command = [sys.executable, "-c", "import sqlmodel"]
            bare.append(measuring.run(command, folder=folder, environ=processes.environment()).seconds)
            for words, seconds in took.items():
                seconds.append(mirror.run(words).seconds)
    return [
        Row(
            work=f"`mirrorpoint {words}`",
            measure="of `python -c 'import sqlmodel'`",
            value=measuring.median_ratio(took[words], bare),
            target=target,
            is_most=True,
            ours=_milliseconds(took[words]),
            theirs=_milliseconds(bare),
        )
        for words, target in (("--help", 0.5), ("status", 1.2))
    ]


def _milliseconds(seconds: list[float]) -> str:
    import statistics

    return f"{statistics.median(seconds) * 1000:.0f} ms"
