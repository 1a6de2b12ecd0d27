"""`python -m benchmarks [--quick] [--only NAME…] [--list]`: measures, prints the table, writes docs/benchmarks.md.

Each group's figures are kept in `.bench/`, so that one group can be measured again and the page made anew of all.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import (
    cadence,
    deliveries,
    head_scans,
    idle,
    latency,
    long_log,
    many,
    page,
    pages,
    processes,
    promptness,
    report,
    scans,
    sizes,
    startup,
)
from benchmarks import verify as verifying
from benchmarks.bench import Bench, Group
from benchmarks.measuring import Quiet

GROUPS: dict[str, Group] = {
    "sqlite": scans.on_sqlite,
    "duckdb": scans.on_duckdb,
    "postgresql": scans.on_postgresql,
    "pages": pages.measure,
    "latency": latency.measure,
    "sizes": sizes.measure,
    "deliveries": deliveries.measure,
    "promptness": promptness.measure,
    "heads": head_scans.measure,
    "cadence": cadence.measure,
    "startup": startup.measure,
    "idle": idle.measure,
    "log": long_log.measure,
    "many": many.measure,
    "verify": verifying.measure,
}
#: With so many processes waiting for a core at the beginning, times say little.
BUSY_LOAD = 0.7
#: What `--quick` measures unless it is told otherwise.
QUICK = ("startup", "sqlite", "pages", "latency", "deliveries")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure, and print the table.")
    parser.add_argument("--quick", action="store_true", help="small sizes, no peers, at most two minutes")
    parser.add_argument("--only", nargs="+", metavar="NAME", choices=GROUPS, help="only these groups")
    parser.add_argument("--list", action="store_true", help="show the groups")
    parser.add_argument("--no-peers", action="store_true", help="without dlt")
    parser.add_argument("--lock", metavar="FILE", help="hold this lock while something is measured")
    given = parser.parse_args()
    if given.list:
        for name, group in GROUPS.items():
            print(f"{name:<12} {(group.__doc__ or '').splitlines()[0]}")
        return 0
    peers = processes.ROOT / ".venv-bench" / "bin" / "python"
    has_peers = not (given.quick or given.no_peers)
    if has_peers and not peers.exists():
        print("the peers are not installed: `make bench` does so, or --no-peers", file=sys.stderr)
        return 2
    busy = _busy()
    if busy:
        print(busy, file=sys.stderr)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # whatever was started is ended then as well
    root = Path(tempfile.mkdtemp(prefix="mirrorpoint-bench-"))
    try:
        # Simulated in this process, which grows by it; the others' peak memory would be no less than its own.
        for name in sorted(given.only or (QUICK if given.quick else GROUPS), key="cadence".__eq__):
            began = time.monotonic()
            bench = Bench(given.quick, Quiet(given.lock), peers if has_peers else None, root)
            if busy:
                bench.note(busy)
            rows = GROUPS[name](bench)
            bench.tell(f"{name}: {time.monotonic() - began:.0f} s")
            if not rows:
                continue
            report.show(name, rows)
            if not given.quick:
                report.keep(name, rows, bench.notes)
    finally:
        shutil.rmtree(root, ignore_errors=True)
    if not given.quick:
        page.write(GROUPS)
    return 0


def _busy() -> str:
    """What is to be told where the machine has other work; empty where it is idle enough."""
    load = os.getloadavg()[0]
    if load <= BUSY_LOAD:
        return ""
    return f"The machine had other work to do at the beginning (a load of {load:.1f}): times are not to be relied on."


if __name__ == "__main__":
    sys.exit(main())
