"""Head scans of `mirrorpoint run`: how long after its creation a record is seen, and what that costs the source."""

from __future__ import annotations

import json
import random
import time
import urllib.request
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import processes
from benchmarks.bench import Bench, Row
from benchmarks.mirror import Mirror
from benchmarks.watching import percentile, select, wait_until

RESOURCE, PATH, HEAD_SECONDS = "clients", "/api/v2/clients", 5
#: Between two creations; some come in pairs, some while a head scan is under way.
PAUSE_SECONDS = (0.05, 1.0)
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
            wait_until(lambda: len(_heads(folder)) > 0, "run made no head scan")
            quiet = _heads(folder)[-1]
            rng, created = random.Random(5), dict[str, float]()
            for count in range(1, number + 1):
                given.tell(f"head scans: creation {count} of {number}")
                at = time.time()
                created[_create(source)] = at
                time.sleep(rng.uniform(*PAUSE_SECONDS))
            wait_until(lambda: len(_seen(folder)) >= number, "not all creations were seen")
        seen, heads = _seen(folder), _heads(folder)
    delays = sorted(seen[key] - at for key, at in created.items())
    work = f"{number} creations in a list of {rows:,} rows, a head scan each {HEAD_SECONDS} s"
    return [
        Row(work=work, measure="seen after, p50", value=percentile(delays, 50), unit="s"),
        Row(work=work, measure="seen after, p99", value=percentile(delays, 99), unit="s", target=7.0, is_most=True),
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


def _seen(folder: Path) -> dict[str, float]:
    """Key -> when its creation was seen."""
    rows = select(folder, "SELECT key, observed_at FROM mirrorpoint_change WHERE kind = 'created'")
    return {row[0]: datetime.fromisoformat(row[1]).replace(tzinfo=UTC).timestamp() for row in rows}


def _heads(folder: Path) -> list[int]:
    """The requests of head scans that are still known: all that found something, and the last one."""
    return [int(row[0]) for row in select(folder, "SELECT requests FROM mirrorpoint_scan WHERE kind = 'head'")]
