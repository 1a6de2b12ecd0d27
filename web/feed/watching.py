"""Wakes those who wait for news: one look every half second for all of them, and none while nobody waits."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

#: Between two looks.
_LOOK_SECONDS = 0.5
#: So many may wait; whoever comes then is answered at once.
MOST_WAITING = 200


class Watcher:
    """Of one process and its event loop. `latest` gives something that differs when there is news."""

    def __init__(self, latest: Callable[[], Awaitable[object]]) -> None:
        self._latest = latest
        self._waiting = 0
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def is_full(self) -> bool:
        return self._waiting >= MOST_WAITING

    async def wait(self, seconds: float) -> bool:
        """Until there is news, at most so long; whether there is. Errors of `latest` come through."""
        self._waiting += 1
        if self._task is None or self._task.done():
            self._news = asyncio.Event()
            self._task = asyncio.create_task(self._watch())
        task, news = self._task, self._news
        waiter = asyncio.create_task(news.wait())
        try:
            await asyncio.wait({waiter, task}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            if task.done() and not task.cancelled() and task.exception() is not None:
                raise task.exception() or RuntimeError
            return news.is_set()
        finally:
            waiter.cancel()
            self._waiting -= 1
            if not self._waiting and not task.done():
                task.cancel()

    async def _watch(self) -> None:
        known = await self._latest()
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            found = await self._latest()
            if found != known:
                known = found
                self._news.set()
                self._news = asyncio.Event()
