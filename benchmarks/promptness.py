"""`mirrorpoint run` under light load: how long after a change was seen its event has arrived at the receiver."""

from __future__ import annotations

import random
import time
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import processes
from benchmarks.bench import Bench, Row
from benchmarks.mirror import Mirror
from benchmarks.rows import FIRST_KEY
from benchmarks.watching import percentile, select, wait_until

ROWS = 1_000
#: Between two changes in the source; the list is scanned every second.
PAUSE_SECONDS = (0.2, 0.8)
_MORE = """
[[points]]
code = "FAST"
url = "{receiver}/point"

[[routes]]
points = ["*"]
"""


def measure(given: Bench) -> list[Row]:
    """`run` under light load: from `observed_at`, which lies just before the commit, to the arrival."""
    number = given.size(120, 20)
    with (
        processes.telling("benchmarks.server", "--rows", str(ROWS)) as source,
        processes.telling("benchmarks.receiver") as receiver,
        given.folder() as folder,
        given.quiet(),
    ):
        schedule = '{ "*" = "off", products = "1s" }'
        mirror = Mirror(folder, source, schedule=schedule, more=_MORE.format(receiver=receiver))
        mirror.sync("products")
        with processes.running(mirror.command("run"), folder=folder):
            given.tell("run: until the first scan of its own")
            wait_until(lambda: _scans(folder) > 3, "run scanned nothing")
            rng = random.Random(4)
            for count in range(1, number + 1):
                given.tell(f"run: change {count} of {number}")
                processes.order(source, f"/_control/touch?key={FIRST_KEY + rng.randrange(ROWS)}")
                time.sleep(rng.uniform(*PAUSE_SECONDS))
            # A row that changed twice between two scans is one change.
            time.sleep(3)
            wait_until(lambda: len(_arrivals(receiver)) >= len(_observed(folder)), "not all changes arrived")
        arrived, observed = _arrivals(receiver), _observed(folder)
    delays = sorted(arrived[event_id] - seen for event_id, seen in observed.items())
    work = f"from a change that was seen to its arrival, {len(delays)} changes in about {number // 2} s"
    return [
        Row(work=work, measure="p50", value=percentile(delays, 50), unit="s", target=0.3, is_most=True),
        Row(work=work, measure="p99", value=percentile(delays, 99), unit="s", target=1.0, is_most=True),
    ]


def _arrivals(receiver: str) -> dict[str, float]:
    """The first arrival of each event."""
    found: dict[str, float] = {}
    for event_id, moment in processes.ask(receiver, "/_control/arrivals"):
        found.setdefault(event_id, moment)
    return found


def _observed(folder: Path) -> dict[str, float]:
    rows = select(folder, "SELECT id, observed_at FROM mirrorpoint_change WHERE kind = 'updated'")
    return {row[0]: datetime.fromisoformat(row[1]).replace(tzinfo=UTC).timestamp() for row in rows}


def _scans(folder: Path) -> int:
    return int(select(folder, "SELECT count(*) FROM mirrorpoint_scan WHERE state = 'complete'")[0][0])
