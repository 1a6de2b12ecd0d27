"""`GET /feed`: the same events that are pushed to webhooks, pulled: in batches, by long polling, or as a stream."""

from __future__ import annotations

import hashlib
import time
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import structlog
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute

from changes.problems import Problem
from storage import feed, readers
from storage.errors import StorageError
from web import answers, services
from web.access import Caller, Role
from web.feed import asked as asking
from web.feed import reading, sieve
from web.feed.asked import Asked, CursorGone
from web.feed.reading import Page, Reached
from web.feed.watching import Watcher
from web.routing import at, caller_of
from web.services import Web

if TYPE_CHECKING:
    from collections.abc import Hashable

log = structlog.get_logger("mirrorpoint.feed")

BATCH = "application/cloudevents-batch+json"
_STREAM = "text/event-stream"
#: A comment keeps proxies from ending a stream on which nothing comes.
_COMMENT_SECONDS = 15.0
#: How far a reader is, is written down at most so often.
_NOTE_SECONDS = 5.0


def routes() -> list[BaseRoute]:
    """One; points come with their own local tokens."""
    return [at("/feed", Feed().show, needs=Role.READ, points=True)]


class Feed:
    """What the readers of one process have in common."""

    def __init__(self) -> None:
        self._watcher: Watcher | None = None
        self._reached = Reached()
        self._noted: dict[tuple[str, str], tuple[float, int]] = {}

    async def show(self, request: Request) -> Response:
        """A page, or with `Accept: text/event-stream` all that comes."""
        web, caller = services.of(request), caller_of(request)
        assert caller is not None  # noqa: S101  # the route lets in nobody else
        try:
            asked = asking.read(request)
            after = await run_in_threadpool(_start, web, asked)
            if _STREAM in request.headers.get("accept", ""):
                stream = self._stream(request, web, caller, asked, after)
                return StreamingResponse(stream, media_type=_STREAM, headers=_headers(await _span(web, asked)))
            page = await self._page(request, web, caller, asked, after)
        except CursorGone as gone:
            return answers.problem(
                request, 410, gone.message, gone.hint, oldest=gone.span.oldest, latest=gone.span.latest
            )
        return _batch(request, web, asked, page)

    async def _page(self, request: Request, web: Web, caller: Caller, asked: Asked, after: int) -> Page:
        """Waits for one that is not empty, as long as was asked."""
        deadline = time.monotonic() + asked.timeout_seconds
        await run_in_threadpool(self._note, web, caller, asked, after)
        while True:
            page = await run_in_threadpool(self._read, web, caller, asked, after)
            left = deadline - time.monotonic()
            watcher = self._watching(web)
            if page.events or left <= 0 or watcher.is_full or await request.is_disconnected():
                return page
            if not await self._has_news(web, asked, page):
                await watcher.wait(min(left, _COMMENT_SECONDS))

    async def _stream(
        self, request: Request, web: Web, caller: Caller, asked: Asked, after: int
    ) -> AsyncIterator[bytes]:
        """Until the reader goes; trouble ends it, and the reader comes back with the last id that it has."""
        watcher = self._watching(web)
        yield b": begins\n\n"
        try:
            while not await request.is_disconnected():
                await run_in_threadpool(self._note, web, caller, asked, after)
                page = await run_in_threadpool(self._read, web, caller, asked, after)
                for id_, body in page.events:
                    yield b"id: " + id_.encode() + b"\ndata: " + body + b"\n\n"
                after = page.reached
                if page.events:
                    continue
                if watcher.is_full:
                    return
                if not await self._has_news(web, asked, page) and not await watcher.wait(_COMMENT_SECONDS):
                    yield b": nothing new\n\n"
        except (StorageError, Problem) as error:
            yield f": it ends here: {str(error).splitlines()[0]}\n\n".encode()

    def _read(self, web: Web, caller: Caller, asked: Asked, after: int) -> Page:
        # One state for all of it: a resource that is new meanwhile must not be passed over.
        with web.reading.snapshot() as session:
            if asked.is_of_notices:
                types = sieve.notice_types(session, web, caller, asked)
                return reading.read_notices(session, types, after=after, limit=asked.limit)
            found = sieve.of(session, web, caller, asked)
            own = None if found.routes is None else tuple(found.routes)
            reader: Hashable = (own, asked.resources, asked.kinds, asked.is_compact)
            begin = self._reached.skip(reader, after)
            page = reading.read(session, found, after=begin, limit=asked.limit, is_compact=asked.is_compact)
            if not page.events:
                self._reached.note(reader, after, page.reached)
            return page

    def _note(self, web: Web, caller: Caller, asked: Asked, after: int) -> None:
        """What it asks for says what it has. That this could not be written keeps nobody from reading."""
        if asked.is_of_notices:
            return
        kind, name = ("token", caller.name) if caller.point is None else ("point", caller.point)
        noted_at, noted = self._noted.get((kind, name), (-_NOTE_SECONDS, -1))
        if after == noted or time.monotonic() - noted_at < _NOTE_SECONDS:
            return
        self._noted[kind, name] = (time.monotonic(), after)
        try:
            with web.writing.write() as session:
                readers.note(session, readers.Reader(name, kind, after, web.now()))
        except StorageError as error:
            log.warning("reader_not_noted", reader=name, error=error.message)

    def _watching(self, web: Web) -> Watcher:
        if self._watcher is None:
            self._watcher = Watcher(lambda: run_in_threadpool(_latest, web))
        return self._watcher

    async def _has_news(self, web: Web, asked: Asked, page: Page) -> bool:
        """Since the page was read: the watcher knows only of what comes after it has begun to look."""
        return (await _span(web, asked)).latest > page.reached


def _latest(web: Web) -> object:
    with web.reading.read() as session:
        return feed.span(session).latest, feed.notice_span(session).latest


def _start(web: Web, asked: Asked) -> int:
    with web.reading.read() as session:
        return asking.start(session, asked)


async def _span(web: Web, asked: Asked) -> feed.Span:
    def read() -> feed.Span:
        with web.reading.read() as session:
            return feed.notice_span(session) if asked.is_of_notices else feed.span(session)

    return await run_in_threadpool(read)


def _batch(request: Request, web: Web, asked: Asked, page: Page) -> Response:
    body = b"[" + b",".join(event for _, event in page.events) + b"]"
    headers = {
        **_headers(page.span),
        "Link": f'<{web.root}/feed{asked.next_query(page.reached)}>; rel="next"',
        "ETag": f'"{hashlib.sha256(body + str(page.reached).encode()).hexdigest()[:32]}"',
    }
    if request.headers.get("if-none-match") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type=BATCH)


def _headers(span: feed.Span) -> dict[str, str]:
    return {
        "Mirrorpoint-Latest": str(span.latest),
        "Cache-Control": "private, no-cache",
        "Vary": "Authorization, Accept",
    }
