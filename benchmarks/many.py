"""Many sources: what a clock and its housekeeping cost where thousands of lists are due at once, and `status` there."""

from __future__ import annotations

import json
import subprocess
import sys
import uuid
from pathlib import Path

from benchmarks import measuring, processes
from benchmarks.bench import Bench, Row
from benchmarks.mirror import scripted
from benchmarks.scans import named
from changes.sealing import new_key

_CONFIGURATION = """\
[storage]
url = "{database}"
seal_key = "file:mirrorpoint.key"
"""
_SOURCE = """
[sources.office_{number}]
catalogue = "backoffice"
base_url = "http://127.0.0.1:9"
auth = {{ method = "bearer", token = "not asked for here" }}
schedule = {{ default = "5m" }}
"""


def measure(given: Bench) -> list[Row]:
    """A clock's first tick, housekeeping and `status` with 50 and 500 sources of the built-in catalogue."""
    rows: list[Row] = []
    with processes.telling("benchmarks.postgres") as server:
        for number in (5,) if given.is_quick else (50, 500):
            with given.folder() as folder, given.quiet():
                given.tell(f"{number} sources")
                rows += _of(server, folder, number)
    given.note(
        "Many sources: the built-in catalogue in each, all lists every 5 minutes, PostgreSQL. Nobody scans: what is "
        "woken counts as scanned. The plans were made before."
    )
    return rows


def _of(server: str, folder: Path, number: int) -> list[Row]:
    name = f"bench_{uuid.uuid4().hex}"
    scripted("benchmarks.new_database", server, name, folder=folder)
    text = _CONFIGURATION.format(database=named(server, name))
    text += "".join(_SOURCE.format(number=each) for each in range(number))
    (folder / "mirrorpoint.toml").write_text(text, "utf-8")
    (folder / "mirrorpoint.key").write_text(new_key(), "utf-8")
    command = [sys.executable, "-m", "benchmarks.many_clock"]
    done = subprocess.run(
        command, cwd=folder, env=processes.environment(), capture_output=True, text=True, check=False, timeout=1200
    )
    if done.returncode:
        raise RuntimeError(done.stderr)
    told = json.loads(done.stdout)
    status = measuring.run(
        [str(Path(sys.executable).with_name("mirrorpoint")), "status", "--json"],
        folder=folder,
        environ=processes.environment(),
        codes=(0, 3),
    )
    what, is_target = f"{number} sources", number == 50
    tick, housekeeping, idle = told["tick"], told["housekeeping"], told["idle"]

    def row(work: str, value: float, unit: str, target: float | None = None) -> Row:
        return Row(work=f"{work}, {what}", measure="", value=value, unit=unit, target=target, is_most=True)

    return [
        row("first tick of a clock, all lists due", tick["statements"], "statements", 50 if is_target else None),
        row("first tick of a clock, all lists due", tick["seconds"], "s", 0.3 if is_target else None),
        row("housekeeping while all lists are due", housekeeping["statements"], "statements"),
        row("housekeeping while all lists are due", housekeeping["seconds"], "s"),
        row("a tick with nothing to do", idle["seconds"] / 60 * 1000, "ms"),
        row("making all plans, and the first tick", told["planning"]["seconds"], "s"),
        row("memory of a clock", told["bytes"] / 1e6, "MB"),
        row("`status --json`", status.seconds, "s"),
    ]
