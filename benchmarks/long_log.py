"""A change log of 5,000,000 changes beside one of 50,000: a scan, and the commands that read it; on SQLite."""

from __future__ import annotations

import statistics
from collections import defaultdict

from benchmarks import measuring, processes
from benchmarks.bench import Bench, Row
from benchmarks.mirror import Mirror, scripted
from benchmarks.rows import FIRST_KEY
from record import notes

ROWS = 10_000
FEW, MANY = 50_000, 5_000_000
#: A moment at which the products had had some of their changes.
MOMENT = "2026-01-01T00:30:00Z"
#: Ten minutes before it.
BEFORE = "2026-01-01T00:20:00Z"
_RECORD = """
[record]
name = "bench.example/log"
signing_key = "file:mirrorpoint.sign"
verify = "off"
"""


def measure(given: Bench) -> list[Row]:
    """5,000,000 changes in the log beside 50,000: whole commands, starts included."""
    many, pairs = given.size(MANY, 500_000), given.size(9, 3)
    took: dict[tuple[str, int], list[float]] = defaultdict(list)
    with processes.telling("benchmarks.server", "--rows", str(ROWS)) as source, given.folder() as folder:
        mirrors = {}
        for number in (FEW, many):
            given.tell(f"log: {number:,} changes are written")
            mirror = mirrors[number] = Mirror(folder / str(number), source, more=_RECORD)
            (mirror.folder / "mirrorpoint.sign").write_text(notes.new_pem())
            (mirror.folder / "mirrorpoint.sign").chmod(0o600)
            mirror.sync("products")
            with given.quiet():
                scripted("benchmarks.fill_log", str(mirror.folder / "mirror.db"), str(number), folder=mirror.folder)
                mirror.sync("products")  # seals what was written
        for count in range(1, pairs + 1):
            given.tell(f"log: round {count} of {pairs}")
            with given.quiet():
                for number, mirror in mirrors.items():
                    for what, words in _commands(number, out=str(count)).items():
                        took[what, number].append(mirror.run(*words).seconds)
    return [
        Row(
            work=f"{what}, {many:,} changes in the log",
            measure=f"of the time with {FEW:,}",
            value=measuring.median_ratio(took[what, many], took[what, FEW]),
            target=1.2,
            is_most=True,
            ours=_milliseconds(took[what, many]),
            theirs=_milliseconds(took[what, FEW]),
        )
        for what in _commands(many, out="")
    ]


def _commands(number: int, *, out: str) -> dict[str, tuple[str, ...]]:
    """What is measured where the log holds so many changes; `out`: a folder that is not there yet."""
    key = str(FIRST_KEY + ROWS // 2)
    return {
        f"unchanged scan of {ROWS:,} rows": ("sync", "--source", "bench", "products"),
        "`status`": ("status",),
        "`changes --after`, the last 100": ("changes", "--after", str(number - 100), "--json"),
        "`history`": ("history", "products", key, "--json"),
        "`show --at`": ("show", "products", key, "--at", MOMENT, "--json"),
        "`diff` over 6,000 changes": ("diff", "products", "--from", BEFORE, "--to", MOMENT, "--json"),
        "`prove`": ("prove", str(ROWS + 4711), "--out", out),
    }


def _milliseconds(seconds: list[float]) -> str:
    return f"{statistics.median(seconds) * 1000:.0f} ms"
