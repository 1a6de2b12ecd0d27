"""`mirrorpoint run` with the built-in catalogue and nothing to scan for the while: what it costs; Linux only."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

from benchmarks import processes
from benchmarks.bench import Bench, Row
from benchmarks.mirror import Mirror

#: Until everything has started, and how long is then looked.
SETTLE_SECONDS, LOOK_SECONDS = 20, 30


def measure(given: Bench) -> list[Row]:
    """Processor time of all processes of an idle `run`, the broker among them."""
    if not Path("/proc/self/stat").exists():
        given.note("Doing nothing is measured on Linux only.")
        return []
    with given.folder() as folder, processes.telling("sandbox", "api") as line:
        source = json.loads(line)["url"]
        mirror = Mirror(folder, source, catalogue="backoffice", schedule='{ default = "12h" }', more=_SIGN_IN)
        given.tell("idle: the first scans")
        mirror.run("sync", codes=(0, 3))
        with given.quiet(), processes.running(mirror.command("run"), folder=folder) as run:
            given.tell(f"idle: {SETTLE_SECONDS} s to settle, {LOOK_SECONDS} s to look")
            time.sleep(SETTLE_SECONDS)
            before, began = _cpu_seconds(run.pid), time.monotonic()
            time.sleep(LOOK_SECONDS)
            after, seconds = _cpu_seconds(run.pid), time.monotonic() - began
    percent = 100 * sum(used - before.get(pid, 0) for pid, used in after.items()) / seconds
    work = f"`mirrorpoint run`, {len(after)} processes, {LOOK_SECONDS} s"
    return [Row(work=work, measure="of a core", value=percent, unit="%", target=1.0, is_most=True)]


_SIGN_IN = """
[sources.bench.auth]
method = "sign-in"
email = "mirror@example.com"
password = "sandbox"
"""


def _cpu_seconds(pid: int) -> dict[int, float]:
    """Process id -> user and system seconds, of a process and of all below it."""
    parents: dict[int, int] = {}
    used: dict[int, float] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
            except (FileNotFoundError, ProcessLookupError):
                continue
            parents[int(entry.name)] = int(fields[1])
            used[int(entry.name)] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    ours = {pid}
    while more := {child for child, parent in parents.items() if parent in ours} - ours:
        ours |= more
    return {each: used[each] for each in ours if each in used}
