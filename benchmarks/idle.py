"""`mirrorpoint run` with the built-in catalogue and its default plan where nothing changes: its cost; Linux only."""

from __future__ import annotations

import json
import os
import time
from collections import defaultdict
from pathlib import Path

from benchmarks import processes
from benchmarks.bench import Bench, Row
from benchmarks.mirror import Mirror

#: Until everything has started, and how long is then looked.
SETTLE_SECONDS, LOOK_SECONDS = 30, 120


def measure(given: Bench) -> list[Row]:
    """Processor time of all processes of an idle `run`, the broker among them; a note tells the parts."""
    if not Path("/proc/self/stat").exists():
        given.note("Doing nothing is measured on Linux only.")
        return []
    with given.folder() as folder, processes.telling("sandbox", "api") as line:
        source = json.loads(line)["url"]
        mirror = Mirror(folder, source, catalogue="backoffice", schedule='{ default = "auto" }', more=_SIGN_IN)
        given.tell("idle: the first scans")
        mirror.run("sync", codes=(0, 3))
        with given.quiet(), processes.running(mirror.command("run"), folder=folder) as run:
            given.tell(f"idle: {SETTLE_SECONDS} s to settle, {LOOK_SECONDS} s to look")
            time.sleep(SETTLE_SECONDS)
            before, began = _cpu_seconds(run.pid), time.monotonic()
            time.sleep(LOOK_SECONDS)
            after, seconds = _cpu_seconds(run.pid), time.monotonic() - began
            parts = {pid: _part(pid, run.pid) for pid in after}
    percents = defaultdict[str, float](float)
    for pid, used in after.items():
        percents[parts[pid]] += 100 * (used - before.get(pid, 0)) / seconds
    percent = sum(percents.values())
    told = ", ".join(f"{part} {share:.2f} %" for part, share in sorted(percents.items(), key=lambda item: -item[1]))
    given.note(f"Of a core, doing nothing: {told}.")
    work = f"`mirrorpoint run`, {len(after)} processes, {LOOK_SECONDS} s"
    return [Row(work=work, measure="of a core", value=percent, unit="%", target=1.0, is_most=True)]


#: The word of a child's command by which it is known.
_PARTS = ("clock", "scan", "deliver", "serve")
_SIGN_IN = """
[sources.bench.auth]
method = "sign-in"
email = "mirror@example.com"
password = "sandbox"
"""


def _part(pid: int, run: int) -> str:
    """What a process of `run` is, by its command."""
    if pid == run:
        return "supervisor"
    words = Path(f"/proc/{pid}/cmdline").read_text("utf-8", "replace").split("\0")
    if "worker" in words[:4]:
        return next(f"{word} worker" if word in {"scan", "deliver"} else word for word in words if word in _PARTS)
    return "broker"


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
