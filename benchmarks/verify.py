"""Verifying the record of a mirror on SQLite, beside a bare loop that computes the same hashes."""

from __future__ import annotations

import json
import statistics

from benchmarks import measuring, processes
from benchmarks.bench import Bench, Row, per_second, rate
from benchmarks.mirror import Mirror, scripted

ROWS = 100_000


def measure(given: Bench) -> list[Row]:
    """`verify` over 100,000 changes and their rows: digests and roots beside a bare loop, and rows a second."""
    rows, pairs = given.size(ROWS, 20_000), given.size(9, 3)
    hashing, bare, comparing, peaks = list[float](), list[float](), list[float](), list[int]()
    with processes.telling("benchmarks.server", "--rows", str(rows)) as source, given.folder() as folder:
        mirror = Mirror(folder, source)
        given.tell(f"verify: {rows:,} rows are loaded")
        mirror.sync("products")
        for count in range(1, pairs + 1):
            given.tell(f"verify: round {count} of {pairs}")
            with given.quiet():
                run = mirror.run("verify", "--json")
                seconds = {check["name"]: check["seconds"] for check in json.loads(mirror.said)["checks"]}
                scripted("benchmarks.bare_hashes", str(folder / "mirror.db"), folder=folder)
            hashing.append(seconds["digests"] + seconds["roots"])
            comparing.append(seconds["mirror"])
            bare.append(float(mirror.said))
            peaks.append(run.peak_bytes)
    return [
        Row(
            work=f"digests and roots of {rows:,} changes",
            measure="of a bare loop with the same hashes",
            value=measuring.median_ratio(bare, hashing),
            target=0.5,
            ours=per_second([rate(rows, each) for each in hashing], "changes"),
            theirs=per_second([rate(rows, each) for each in bare], "changes"),
        ),
        Row(
            work=f"{rows:,} rows of the mirror",
            measure="",
            value=statistics.median(rate(rows, each) for each in comparing),
            unit="rows/s",
            target=50_000,
        ),
        Row(
            work=f"peak memory, {rows:,} changes and rows",
            measure="",
            value=statistics.median(peaks) / 1e6,
            unit="MB",
        ),
    ]
