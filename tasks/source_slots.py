"""How many threads of a process may scan the same source; used by the scan's task.

A source whose host does not answer holds whoever asks it for as long as a time-out lasts. So no source gets the last
threads, and nobody waits for a permit: a scan without room is handed back (`tasks/scan/waiting_line.py`).
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager


class SourceSlots:
    """The threads of one process."""

    def __init__(self, *, most_per_source: int | None = None) -> None:
        """`most_per_source` None: as many as there are, as for a process that is given one source."""
        self._most = most_per_source
        self._taken: Counter[str] = Counter()
        self._lock = threading.Lock()

    @contextmanager
    def take(self, source: str) -> Iterator[bool]:
        """Whether there is room for one more scan of this source, which then counts until the block is left."""
        with self._lock:
            is_free = self._most is None or self._taken[source] < self._most
            self._taken[source] += is_free
        try:
            yield is_free
        finally:
            with self._lock:
                self._taken[source] -= is_free


def share(*, threads: int, others: int) -> int:
    """Of so many threads each source may have this many, so that one is left for each of the others."""
    return max(1, threads - others)
