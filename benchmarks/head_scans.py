"""Head scans of `mirrorpoint run`: how long after its creation a record is seen, and what that costs the source."""

from __future__ import annotations

import json
import random
import sqlite3
import time
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import measuring, processes
from benchmarks.bench import Bench, Row
from benchmarks.mirror import Mirror

RESOURCE, PATH, HEAD_SECONDS = "clients", "/api/v2/clients", 5
#: Between two creations; some come in pairs, some while a head scan is under way.
PAUSE_SECONDS = (0.05, 1.0)
PATIENCE_SECONDS = 120
_MORE = """
[sources.bench.auth]
method = "sign-in"
email = "mirror@example.com"
password = "sandbox"
"""


def measure(given: Bench) -> list[Row]:
    """`run` with `head = "5s"`: from a creation in a long list to `observed_at`; requests a head scan."""
    rows, number = given.size(20_000, 2_000), given.size(200, 20)
    with (
        given.folder() as folder,
        processes.telling("sandbox", "api", f"--count={PATH}={rows}") as line,
        given.quiet(),
    ):
        source = json.loads(line)["url"]
        schedule = f'{{ "*" = "off", {RESOURCE} = {{ head = "{HEAD_SECONDS}s", full = "4h" }} }}'
        mirror = Mirror(folder, source, catalogue="backoffice", page_size=100, schedule=schedule, more=_MORE)
        given.tell("head scans: the first full scan")
        mirror.sync(RESOURCE)
        with processes.running(mirror.command("run"), folder=folder):
            _until(lambda: len(_heads(folder)) > 0, "run made no head scan")
            quiet = _heads(folder)[-1]
            rng, created = random.Random(5), dict[str, float]()
            for count in range(1, number + 1):
                given.tell(f"head scans: creation {count} of {number}")
                at = time.time()
                created[_create(source)] = at
                time.sleep(rng.uniform(*PAUSE_SECONDS))
            _until(lambda: len(_seen(folder)) >= number, "not all creations were seen")
        seen, heads = _seen(folder), _heads(folder)
    delays = sorted(seen[key] - at for key, at in created.items())
    work = f"{number} creations in a list of {rows:,} rows, a head scan each {HEAD_SECONDS} s"
    return [
        Row(work=work, measure="seen after, p50", value=_percentile(delays, 50), unit="s"),
        Row(work=work, measure="seen after, p99", value=_percentile(delays, 99), unit="s", target=7.0, is_most=True),
        Row(work=work, measure="requests a scan", value=max(heads), unit="", target=3, is_most=True),
        Row(work="a head scan that finds nothing", measure="requests", value=quiet, unit="", target=1, is_most=True),
    ]


def _create(source: str) -> str:
    """The key of the new record."""
    body = json.dumps({"path": PATH, "op": "create"}).encode()
    request = urllib.request.Request(f"{source}/_sandbox/change", data=body, method="POST")
    with urllib.request.urlopen(request, timeout=30) as answer:
        effects = json.loads(answer.read())
    return str(effects[0]["key"])


def _percentile(ordered: list[float], percent: int) -> float:
    """The smallest value that so many percent do not exceed."""
    return ordered[max(-(-len(ordered) * percent // 100) - 1, 0)]


def _seen(folder: Path) -> dict[str, float]:
    """Key -> when its creation was seen."""
    rows = _select(folder, "SELECT key, observed_at FROM mirrorpoint_change WHERE kind = 'created'")
    return {row[0]: datetime.fromisoformat(row[1]).replace(tzinfo=UTC).timestamp() for row in rows}


def _heads(folder: Path) -> list[int]:
    """The requests of head scans that are still known: all that found something, and the last one."""
    return [int(row[0]) for row in _select(folder, "SELECT requests FROM mirrorpoint_scan WHERE kind = 'head'")]


def _select(folder: Path, text: str) -> list[tuple[str, ...]]:
    database = sqlite3.connect(f"file:{folder / 'mirror.db'}?mode=ro", uri=True, timeout=30)
    try:
        return database.execute(text).fetchall()
    finally:
        database.close()


def _until(condition: Callable[[], bool], failure: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise measuring.Failed(f"{failure} within {PATIENCE_SECONDS} s")
        time.sleep(0.2)
