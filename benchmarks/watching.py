"""What benchmarks of a running daemon share: its database, looked at from outside, and percentiles of delays."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks import measuring

PATIENCE_SECONDS = 120


def percentile(ordered: list[float], percent: int) -> float:
    """The smallest value that so many percent do not exceed."""
    return ordered[max(-(-len(ordered) * percent // 100) - 1, 0)]


def select(folder: Path, text: str) -> list[tuple[str, ...]]:
    """Rows of the mirror in this folder."""
    database = sqlite3.connect(f"file:{folder / 'mirror.db'}?mode=ro", uri=True, timeout=30)
    try:
        return database.execute(text).fetchall()
    finally:
        database.close()


def wait_until(condition: Callable[[], bool], failure: str) -> None:
    """`Failed` says what did not come about in time."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise measuring.Failed(f"{failure} within {PATIENCE_SECONDS} s")
        time.sleep(0.2)
