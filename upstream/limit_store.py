"""What all processes share about a source's budget; implemented over the database by who wires, in memory here.

Called by throttle.py. Times are seconds since the epoch.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, Protocol

#: Who waits says so each second, and a little more.
WAITING_SECONDS = 3.0


class LimitStore(Protocol):
    """Each call is atomic over all processes."""

    def reserve(self, source: str, *, n: int, spacing_seconds: float) -> list[float]:
        """The next `n` start times, none before now, before those given out earlier, or inside a pause."""

    def pause(self, source: str, until: float) -> None:
        """No start before `until`; a pause that lasts longer already is not shortened."""

    def paused_until(self, source: str) -> float:
        """The end of the last pause; 0 where there was none."""

    def acquire_permit(
        self, source: str, holder: str, *, limit: int, lease_seconds: float, waits: bool = False
    ) -> int | None:
        """The number of a permit below `limit` that is free or whose lease is over; None where all are taken.

        Who `waits`, asking again each second, goes before those who do not: they get none meanwhile.
        """

    def is_waited_for(self, source: str) -> bool:
        """Whether somebody who waits found no permit just now, and nobody who waits has got one since."""

    def renew_permit(self, source: str, number: int, holder: str, *, lease_seconds: float) -> bool:
        """False where another holder has it by now."""

    def within(self, transaction: Any) -> LimitStore:
        """The same store, whose calls are a part of that transaction; whoever has begun it commits it."""

    def release_permit(self, source: str, number: int, holder: str) -> None:
        """Nothing happens where another holder has it by now."""


class LocalLimitStore:
    """A store for a single process, held in memory."""

    def __init__(self, *, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._next_at: dict[str, float] = {}
        self._paused_until: dict[str, float] = {}
        self._permits: dict[tuple[str, int], tuple[str, float]] = {}
        self._waited_at: dict[str, float] = {}

    def reserve(self, source: str, *, n: int, spacing_seconds: float) -> list[float]:
        with self._lock:
            first = max(self._clock(), self._next_at.get(source, 0.0), self._paused_until.get(source, 0.0))
            self._next_at[source] = first + n * spacing_seconds
            return [first + index * spacing_seconds for index in range(n)]

    def pause(self, source: str, until: float) -> None:
        with self._lock:
            self._paused_until[source] = max(until, self._paused_until.get(source, 0.0))

    def paused_until(self, source: str) -> float:
        with self._lock:
            return self._paused_until.get(source, 0.0)

    def acquire_permit(
        self, source: str, holder: str, *, limit: int, lease_seconds: float, waits: bool = False
    ) -> int | None:
        with self._lock:
            if not waits and self._is_waited_for(source):
                return None
            now = self._clock()
            for number in range(limit):
                _, expires_at = self._permits.get((source, number), ("", 0.0))
                if expires_at <= now:
                    self._permits[source, number] = (holder, now + lease_seconds)
                    self._waited_at.pop(source, None)
                    return number
            if waits:
                self._waited_at[source] = now
            return None

    def is_waited_for(self, source: str) -> bool:
        with self._lock:
            return self._is_waited_for(source)

    def _is_waited_for(self, source: str) -> bool:
        return self._clock() - self._waited_at.get(source, float("-inf")) <= WAITING_SECONDS

    def within(self, transaction: Any) -> LimitStore:  # noqa: ARG002  # it has none
        return self

    def renew_permit(self, source: str, number: int, holder: str, *, lease_seconds: float) -> bool:
        with self._lock:
            if self._permits.get((source, number), ("", 0.0))[0] != holder:
                return False
            self._permits[source, number] = (holder, self._clock() + lease_seconds)
            return True

    def release_permit(self, source: str, number: int, holder: str) -> None:
        with self._lock:
            if self._permits.get((source, number), ("", 0.0))[0] == holder:
                del self._permits[source, number]
