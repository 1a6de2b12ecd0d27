"""`GET /feed`: the same events that are pushed to webhooks, pulled: in batches, by long polling, or as a stream."""

from __future__ import annotations

import hashlib

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute

from storage.feed import Span
from web import answers, services
from web.access import Role
from web.feed import asked as asking
from web.feed import following
from web.feed.asked import Asked
from web.feed.cursors import CursorGone
from web.feed.following import Follower, Shared
from web.feed.reading import Page
from web.routing import at, caller_of
from web.services import Web

BATCH = "application/cloudevents-batch+json"
_STREAM = "text/event-stream"
_VARY = "Authorization, Accept"


def routes() -> list[BaseRoute]:
    """One; points come with their own local tokens."""
    return [at("/feed", Feed().show, needs=Role.READ, points=True)]


class Feed:
    """The feed of one process."""

    def __init__(self) -> None:
        self._shared: Shared | None = None

    async def show(self, request: Request) -> Response:
        """A page, or with `Accept: text/event-stream` all that comes."""
        web, caller = services.of(request), caller_of(request)
        assert caller is not None  # noqa: S101  # the route lets in nobody else
        if self._shared is None:
            self._shared = Shared(web)
        try:
            asked = asking.read(request)
            place, span = await run_in_threadpool(self._shared.looks.start, asked)
            follower = Follower(self._shared, caller, asked, place)
            if _STREAM in request.headers.get("accept", ""):
                # A proxy that gathers an answer before it passes it on would keep the events.
                headers = {**_headers(span), "X-Accel-Buffering": "no"}
                # To HEAD nothing is sent, so nothing must be waited for: its reader could be asked nothing more.
                coming = iter(()) if request.method == "HEAD" else following.stream(follower)
                return StreamingResponse(coming, media_type=_STREAM, headers=headers)
            page = await follower.page(request)
        except CursorGone as gone:
            return answers.problem(
                request, 410, gone.message, gone.hint, oldest=gone.span.oldest, latest=gone.span.latest,
                headers={"Cache-Control": "no-store", "Vary": _VARY},
            )  # fmt: skip
        return _batch(request, web, asked, page)


def _batch(request: Request, web: Web, asked: Asked, page: Page) -> Response:
    body = b"[" + b",".join(event for _, event in page.events) + b"]"
    following_it = asked.next_query(page.reached, id=page.cursor)
    tag = f'"{hashlib.sha256(body + following_it.encode()).hexdigest()[:32]}"'
    headers = {**_headers(page.span), "Link": f'<{web.root}/feed{following_it}>; rel="next"', "ETag": tag}
    if _has(request, tag):
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type=BATCH)


def _has(request: Request, tag: str) -> bool:
    """Whether who asks has this very answer; a proxy that packs answers makes the tag a weak one."""
    given = [each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")]
    return tag in given or "*" in given


def _headers(span: Span) -> dict[str, str]:
    return {"Mirrorpoint-Latest": str(span.latest), "Cache-Control": "private, no-cache", "Vary": _VARY}
