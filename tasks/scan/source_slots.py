"""Who of a process's threads may scan which source, and who is next where there was no room; used by the scan's door.

A source whose host does not answer holds whoever asks it for as long as a time-out lasts. So no source gets the last
threads, and nobody waits for a permit: a turn without room is handed back, and who makes room wakes the next.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from storage import backoff, slots

if TYPE_CHECKING:
    from tasks.services import Services


class Turns:
    """The threads of one process."""

    def __init__(self, *, most_per_source: int | None = None) -> None:
        """`most_per_source` None: as many as there are, as for a process that is given one source."""
        self._most = most_per_source
        self._taken: Counter[str] = Counter()
        self._lock = threading.Lock()

    @contextmanager
    def turn(self, source: str) -> Iterator[bool]:
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


def hand_back(services: Services, source: str, resource: str) -> None:
    """Stand at the end of the line: the slot stays open, and neither a thread nor a permit is held meanwhile."""
    with services.database.write() as session:
        slots.note_handed_back(session, source, resource, now=services.now())


def wake_next(services: Services, source: str) -> bool:
    """There is room again; False where nobody of this source has waited for it."""
    now = services.now()
    with services.database.read() as session:
        line = slots.handed_back(session, source, now=now)
        if line:
            line = [name for _, name in backoff.awake(session, [(source, name) for name in line], now=now)]
    if not line:
        return False
    with services.database.write() as session:
        slots.note_woken(session, source, line[0], now=now)
    services.wake("scan", source=source, resource=line[0])
    return True
