"""Follows the feed for one request: waits for a page that is not empty, or streams all that comes; used by feed.py."""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import AsyncIterator, Hashable
from dataclasses import dataclass
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from changes.problems import Problem
from storage.errors import StorageError
from storage.readers import Reader
from web.access import Caller
from web.feed.asked import Asked
from web.feed.cursors import Place
from web.feed.looking import Looks
from web.feed.progress import Progress
from web.feed.reading import Page
from web.feed.watching import Latest, Watcher
from web.services import Web

#: A comment keeps proxies from ending a stream on which nothing comes.
_COMMENT_SECONDS = 15.0


class Shared:
    """What the requests of one process have in common."""

    def __init__(self, web: Web) -> None:
        self.web = web
        self.looks = Looks(web)
        self.watcher = Watcher(self._latest)
        self.progress = Progress(web.writing)
        self._looking: dict[Hashable, asyncio.Task[Page]] = {}

    async def look(self, caller: Caller, asked: Asked, place: Place) -> Page:
        """What is there behind a place; those who are woken at the same place, and ask for the same, share one look."""
        which = (caller.point, caller.sealed, asked.resources, asked.kinds, asked.limit, asked.is_compact, place)
        task = self._looking.get(which)
        if task is None:
            task = self._looking[which] = asyncio.ensure_future(
                run_in_threadpool(self.looks.page, caller, asked, place)
            )
            task.add_done_callback(functools.partial(self._looked, which))
        return await asyncio.shield(task)

    def _looked(self, which: Hashable, task: asyncio.Task[Page]) -> None:
        del self._looking[which]
        if not task.cancelled():
            task.exception()  # whoever asked may be gone

    async def _latest(self) -> Latest:
        return await run_in_threadpool(self.looks.latest)


@dataclass(slots=True)
class Follower:
    """Whoever asks, and up to where it has everything."""

    shared: Shared
    caller: Caller
    asked: Asked
    place: Place

    async def page(self, request: Request) -> Page:
        """Waits for one that is not empty, as long as was asked and as somebody is there to be answered."""
        ends_at = time.monotonic() + self.asked.timeout_seconds
        gone = asyncio.ensure_future(_gone(request))
        try:
            while True:
                page = await self.look()
                # What was asked for says what it has; of what it does not see it has everything.
                self.note(self.place.after if page.events else page.reached)
                left = ends_at - time.monotonic()
                if page.events or left <= 0 or gone.done():
                    return page
                if page.is_at_end and (self.is_one_too_many or not await self._wait(page, gone, seconds=left)):
                    return page
        finally:
            gone.cancel()

    async def look(self) -> Page:
        """What is there now."""
        return await self.shared.look(self.caller, self.asked, self.place)

    def note(self, seq: int) -> None:
        """Everything up to there it has."""
        if not self.asked.is_of_notices:
            kind, name = ("token", self.caller.name) if self.caller.point is None else ("point", self.caller.point)
            self.shared.progress.note(Reader(name, kind, seq, self.shared.web.now()))

    @property
    def is_one_too_many(self) -> bool:
        return self.shared.watcher.is_full

    async def news(self, page: Page, *, seconds: float) -> bool:
        """Whether something came within the time that the page does not know of, and that may be for this reader."""
        of_notices, fresh = self.asked.is_of_notices, self.shared.looks.fresh

        def is_news(latest: Latest) -> bool:
            if of_notices:
                return latest.notices > page.reached
            return latest.changes > page.reached and fresh.concerns(page.reached, page.is_for)

        return await self.shared.watcher.wait(is_news, seconds=seconds)

    async def _wait(self, page: Page, gone: asyncio.Future[None], *, seconds: float) -> bool:
        """The same while somebody is there: whoever has gone must not keep others from waiting."""
        news = asyncio.ensure_future(self.news(page, seconds=seconds))
        either: set[asyncio.Future[Any]] = {news, gone}
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            return news.done() and news.result()
        finally:
            news.cancel()


async def stream(follower: Follower) -> AsyncIterator[bytes]:
    """Until the reader goes; trouble ends it, and the reader comes back with the last id that it has."""
    yield b": begins\n\n"
    told_at = time.monotonic()
    try:
        while True:
            page = await follower.look()
            for id_, body in page.events:
                yield b"id: " + id_.encode() + b"\ndata: " + body + b"\n\n"
            follower.place = Place(page.reached, page.cursor)
            follower.note(page.reached)
            if page.events:
                told_at = time.monotonic()
                continue
            left = told_at + _COMMENT_SECONDS - time.monotonic()
            if page.is_at_end and follower.is_one_too_many:
                yield b": too many wait here already\n\n"
                return
            if left <= 0 or (page.is_at_end and not await follower.news(page, seconds=left)):
                yield b": nothing new\n\n"
                told_at = time.monotonic()
    except (StorageError, Problem) as error:
        yield f": it ends here: {str(error).splitlines()[0]}\n\n".encode()


async def _gone(request: Request) -> None:
    """Until whoever asks has gone."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
