"""Wakes those who wait for news: one look every half second for all of them, and none while nobody waits."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import NamedTuple

#: Between two looks.
_LOOK_SECONDS = 0.5
#: So many may wait; whoever comes then is answered at once.
MOST_WAITING = 200


class Latest(NamedTuple):
    """The last number of each log."""

    changes: int
    notices: int


class Watcher:
    """Of one process and its event loop. `look` reads the last numbers."""

    def __init__(self, look: Callable[[], Awaitable[Latest]]) -> None:
        self._look = look
        self._waiting = 0
        self._found: Latest | None = None  # by the last look; None: there was none since somebody waits
        self._looked: asyncio.Future[None] | None = None  # done by the next look that finds something else
        self._task: asyncio.Task[None] | None = None

    @property
    def is_full(self) -> bool:
        return self._waiting >= MOST_WAITING

    async def wait(self, is_news: Callable[[Latest], bool], *, seconds: float) -> bool:
        """Until a look finds news, at most so long; whether it did. Errors of the look come through.

        Each who waits says what is news to him. So nothing is missed that came between his reading and his waiting.
        """
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + seconds
        self._waiting += 1
        try:
            if self._task is None:
                self._found, self._looked = None, loop.create_future()
                self._task = loop.create_task(self._watch())
            while self._found is None or not is_news(self._found):
                left, looked = ends_at - loop.time(), self._looked
                if left <= 0 or looked is None:
                    return False
                await asyncio.wait({looked}, timeout=left)
                if looked.done():
                    looked.result()
            return True
        finally:
            self._waiting -= 1

    async def _watch(self) -> None:
        """Ends by itself half a second after nobody waits any more."""
        try:
            while self._waiting:
                found = await self._look()
                if found != self._found:
                    self._found = found
                    self._wake(None)
                await asyncio.sleep(_LOOK_SECONDS)
        except Exception as error:  # noqa: BLE001  # told to each who waits
            self._wake(error)
        finally:
            self._task = None

    def _wake(self, error: Exception | None) -> None:
        looked, self._looked = self._looked, asyncio.get_running_loop().create_future()
        if looked is None or looked.cancelled():
            return
        if error is None:
            looked.set_result(None)
        else:
            looked.set_exception(error)
            looked.exception()  # whoever waited may be gone
