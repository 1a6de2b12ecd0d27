"""How verifying looks at the database: in many short looks, each of one state, until the process is to end.

Used by the checks of this folder. A scan that runs meanwhile causes no false alarm: what belongs together is read in
one look, and what is written once is never changed. So no transaction is open for long.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from storage.engine import Look
from storage.session import Session
from tasks.record.checks.outcome import Name


class StoppedError(Exception):
    """The process is to end: what was looked at until then says nothing."""


def _nothing(*_: object) -> None:
    """Nobody wants to know."""


@dataclass(frozen=True, slots=True)
class Looks:
    """Short looks at the database, one after the other, until the process is to end."""

    open: Look
    stopping: threading.Event = field(default_factory=threading.Event)
    pause: Callable[[float], object] = _nothing  #: called after each look, with the seconds that it took
    tell: Callable[[Name, int, int], object] = _nothing  #: which check, how far, of how many

    @contextmanager
    def look(self) -> Iterator[Session]:
        """StoppedError where the process is to end."""
        if self.stopping.is_set():
            raise StoppedError
        began = time.perf_counter()
        with self.open() as session:
            yield session
        self.pause(time.perf_counter() - began)


class Pace:
    """How many rows a look takes: as many as go into a fifth of a second, so that none takes much memory or time."""

    _SECONDS = 0.2

    def __init__(self, *, first: int = 200, most: int = 1000) -> None:
        self.rows, self._most = first, most

    def note(self, seconds: float) -> None:
        """So long the last one took."""
        if seconds > self._SECONDS:
            self.rows = max(10, self.rows // 2)
        elif seconds < self._SECONDS / 3:
            self.rows = min(self._most, self.rows * 2)
