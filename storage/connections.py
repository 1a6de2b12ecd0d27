"""The open connections of a process, each used by one session at a time; for engine.py."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from storage.errors import DatabaseTrouble

if TYPE_CHECKING:
    from sqlalchemy import Connection

#: So many sessions of a process at a time; as many connections stay open as were needed, up to the lower number.
_MOST, _KEPT = 15, 5
#: Held by the first thread of a forked process that takes a connection.
_FORKED = threading.Lock()
#: How long a session waits for another to end.
_PATIENCE_SECONDS = 30


@dataclass(slots=True, eq=False)
class Opened:
    """A connection of the driver."""

    driver: Any
    generation: int
    sqlalchemy: Connection | None = None  #: SQLAlchemy's view of it, once there was a need for one
    is_spent: bool = False  #: it is closed when it comes back


class Connections:
    """The last one that came back is taken first. After a fork the parent's are left alone: they are in use there."""

    def __init__(
        self,
        name: str,
        connect: Callable[[], Any],
        *,
        is_at_rest: Callable[[Any], bool],
        is_alive: Callable[[Any], bool] = lambda _: True,
        keeps: bool = True,
    ) -> None:
        """`name` is for messages. One that is not at rest when it comes back is closed, and one that was kept is asked
        whether it is alive. Not `keeps`: each session opens its own.
        """
        self._name, self.connect, self._is_at_rest, self._is_alive = name, connect, is_at_rest, is_alive
        self._kept = _KEPT if keeps else 0
        self._of_parents: list[list[Opened]] = []  # collected, they would be closed
        self._begin_anew()

    def _begin_anew(self) -> None:
        self._generation = 0
        self._lock = threading.Lock()
        self._room = threading.BoundedSemaphore(_MOST)
        self._idle: list[Opened] = []
        pid = os.getpid()
        weakref.finalize(self, _close_all, self._idle, pid)
        self._pid = pid  # last: another thread may look at it now

    def take(self) -> Opened:
        """DatabaseTrouble: none became free."""
        if self._pid != os.getpid():
            with _FORKED:
                if self._pid != os.getpid():  # no other thread was first
                    self._of_parents.append(self._idle)
                    self._begin_anew()
        if not self._room.acquire(timeout=_PATIENCE_SECONDS):
            raise DatabaseTrouble(f"no connection to {self._name} became free", "use fewer threads")
        try:
            while (opened := self._pop()) is not None:
                is_alive = False
                try:
                    is_alive = self._is_alive(opened.driver)
                finally:
                    if not is_alive:
                        _close(opened)
                if is_alive:
                    return opened
            return Opened(self.connect(), self._generation)
        except BaseException:
            self._room.release()
            raise

    def give_back(self, opened: Opened) -> None:
        """After its session."""
        is_at_rest = self._is_at_rest(opened.driver)
        with self._lock:
            is_fit = is_at_rest and not opened.is_spent and opened.generation == self._generation
            is_kept = is_fit and len(self._idle) < self._kept
            if is_kept:
                self._idle.append(opened)
        try:
            if not is_kept:
                _close(opened)
        finally:
            self._room.release()

    def close(self) -> None:
        """All that nobody uses; the others when they come back."""
        if self._pid != os.getpid():
            return
        with self._lock:
            idle, self._generation = list(self._idle), self._generation + 1
            self._idle.clear()
        for opened in idle:
            _close(opened)

    def _pop(self) -> Opened | None:
        with self._lock:
            return self._idle.pop() if self._idle else None


def _close(opened: Opened) -> None:
    if opened.sqlalchemy is not None:
        opened.sqlalchemy.close()  # collected as garbage it would swallow a Ctrl-C of that moment
    opened.driver.close()


def _close_all(idle: list[Opened], pid: int) -> None:
    """When nobody has the database any more, or the process ends."""
    while idle and pid == os.getpid():
        _close(idle.pop())
