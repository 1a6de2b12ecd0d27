"""A clock that stands still until somebody sleeps, so that tests of waiting take no time."""

from __future__ import annotations

import threading


class MadeUpTime:
    """Hand in `clock` and `sleep`; `slept` is what was asked for."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self.now = now
        self.slept: list[float] = []
        self._lock = threading.Lock()

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self.slept.append(seconds)
            self.now += seconds
