"""Stands before every route: which host was meant, who asks, whether a form is ours, how long a body may be.

Nothing is open that is not named here: a path that no rule lets through needs a token or a cookie.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from types import MappingProxyType
from typing import Any, NamedTuple
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from storage.errors import StorageError
from web import access, answers, point_tokens
from web.access import Caller
from web.failures import Failures
from web.hosts import Seen
from web.services import Web
from web.sessions import COOKIE, Sessions

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

#: A form, or a point's entity, is far below it.
LARGEST_BODY = 1024 * 1024
_TOO_LARGE = f"a body may have {LARGEST_BODY:,} bytes"
_SAFE = ("GET", "HEAD", "OPTIONS")
_OPEN_TO_ALL = ("/login", "/static/")
#: Open where only this machine can ask and no tokens are configured.
_OPEN_ON_LOOPBACK = ("/metrics", "/health")

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; form-action 'self'; "
        "frame-ancestors 'none'; base-uri 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Refused(NamedTuple):
    """Why a token that was typed into the form lets nobody in."""

    status: int
    message: str
    hint: str
    headers: Mapping[str, str] = MappingProxyType({})


class Guard:
    """ASGI middleware around the whole application."""

    def __init__(self, app: Callable[[Scope, Receive, Send], Awaitable[None]], web: Web) -> None:
        self._app = app
        self._web = web
        self._sessions = Sessions(web.cookie_key, web.tokens)
        self._failures = Failures(time.monotonic)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope["app"] = self._app  # as it does itself, and later: a refusal may be a page, too
        request = Request(scope)
        sending = _with_headers(send)
        refusal = await self._look_at(request)
        if refusal is not None:
            await refusal(scope, receive, sending)
            return
        await self._app(scope, _bounded(receive), sending)

    async def _look_at(self, request: Request) -> Response | None:
        """The answer where the request goes no further; else `request.state.caller` is set."""
        web = self._web
        seen = web.hosts.seen(_peer(request), request.headers, scheme=request.url.scheme)
        if not web.hosts.are_ours(seen.host, server=(request.scope.get("server") or ("",))[0]):
            return answers.problem(
                request, 421, "this host is not served here",
                "set [serve] public_url to the address that this page is reached at",
            )  # fmt: skip
        if self._has_nul(request.scope):
            return answers.problem(
                request, 400, "the address has a character U+0000, which stands in nothing that is kept", "leave it out"
            )
        length = request.headers.get("content-length", "0")
        if not length.isdigit() or int(length) > LARGEST_BODY:
            return self._too_large(request)
        caller, refusal = await self._caller(request, seen)
        if refusal is not None:
            return refusal
        if request.method not in _SAFE and not self._is_ours(request, seen):
            return answers.problem(
                request, 403, "this form was not sent by a page of ours",
                "open the page anew and try again; programs send `Authorization: Bearer TOKEN`",
            )  # fmt: skip
        request.state.caller = caller
        request.state.seen = seen
        return None

    async def _caller(self, request: Request, seen: Seen) -> tuple[Caller | None, Response | None]:
        header = request.headers.get("authorization")
        if header is not None:
            return await self._by_token(request, seen, header)
        cookie = request.cookies.get(COOKIE)
        caller = None if cookie is None else self._sessions.read(cookie, now=self._web.now())
        path: str = request.scope["path"]  # as the routes see it
        if caller is None and self._web.is_open and path.startswith(_OPEN_ON_LOOPBACK):
            caller = access.NOBODY
        if caller is not None or path.startswith(_OPEN_TO_ALL):
            return caller, None
        if request.method in _SAFE and answers.wants_html(request):
            query = f"?{request.url.query}" if request.url.query else ""
            asked = quote(quote(path, safe="/:") + query, safe="/")
            return None, RedirectResponse(f"{self._web.root}/login?next={asked}", 303)
        return None, self._unknown(request, "this needs a token")

    async def _by_token(self, request: Request, seen: Seen, header: str) -> tuple[Caller | None, Response | None]:
        refusal = self._must_wait(request, seen.address)
        if refusal is not None:
            return None, refusal
        given = access.credentials(header)
        caller = None if given is None else access.caller_with(self._web.tokens, given)
        if caller is None and given is not None:
            try:
                caller = await run_in_threadpool(point_tokens.caller_with, self._web, given)
            except StorageError:  # where the database is, is nothing for somebody who is not known yet
                return None, answers.problem(
                    request, 503, "whose token this is cannot be looked up: the database cannot be read",
                    "try again in a moment; a token of [[serve.tokens]] needs no database",
                    headers={"Retry-After": "5"},
                )  # fmt: skip
        if caller is None:
            self._failures.note(seen.address)
            return None, self._unknown(request, "this token is not known here")
        return caller, None

    def _must_wait(self, request: Request, address: str) -> Response | None:
        """Where too many wrong tokens came from this address; a right one waits, too."""
        refused = self._too_often(address)
        if refused is None:
            return None
        return answers.problem(request, refused.status, refused.message, refused.hint, headers=refused.headers)

    def sign_in(self, request: Request, token: str) -> Caller | Refused:
        """Who has this token, typed into the form; or why nobody is let in."""
        address = request.state.seen.address
        refused = self._too_often(address)
        if refused is not None:
            return refused
        caller = access.caller_with(self._web.tokens, access.Credentials(token)) if token else None
        if caller is None:
            self._failures.note(address)
            return Refused(401, "this token is not known here", "look whether it was copied whole")
        return caller

    def _too_often(self, address: str) -> Refused | None:
        seconds = self._failures.wait_seconds(address)
        if not seconds:
            return None
        message, hint = f"too many wrong tokens came from {address}", f"try again in {seconds} s"
        return Refused(429, message, hint, {"Retry-After": str(seconds)})

    def cookie(self, caller: Caller) -> str:
        return self._sessions.make(caller, now=self._web.now())

    def _is_ours(self, request: Request, seen: Seen) -> bool:
        """A browser sends a cookie along with whatever page asks for it, so a form says where it stands.

        It does the same with a name and a token that somebody has typed into its own window for Basic. No program
        that sends those says where it stands, and each browser does.
        """
        header, has_cookie = request.headers.get("authorization"), COOKIE in request.cookies
        if header is not None and not has_cookie and not access.is_basic(header):
            return True
        site = request.headers.get("sec-fetch-site")
        if site is not None:
            return site in {"same-origin", "none"}
        origin = request.headers.get("origin")
        if origin is None:
            return header is not None and not has_cookie
        return origin.lower() in self._web.hosts.origins(seen)

    @staticmethod
    def _has_nul(scope: Scope) -> bool:
        """PostgreSQL cannot even be asked for it. The feed asks for no such id: it was never given."""
        path: str = scope["path"]
        return "\0" in path or (b"%00" in scope["query_string"] and path != "/feed")

    def _unknown(self, request: Request, message: str) -> Response:
        return answers.problem(
            request, 401, message, "send `Authorization: Bearer TOKEN`, of [[serve.tokens]] or a point's own",
            headers={"WWW-Authenticate": 'Bearer realm="mirrorpoint", Basic realm="mirrorpoint", charset="UTF-8"'},
        )  # fmt: skip

    def _too_large(self, request: Request) -> Response:
        return answers.problem(request, 413, _TOO_LARGE, "send less at once")


def _peer(request: Request) -> str:
    return request.client.host if request.client is not None else ""


def _bounded(receive: Receive) -> Receive:
    left = LARGEST_BODY

    async def counted() -> MutableMapping[str, Any]:
        nonlocal left
        message = await receive()
        left -= len(message.get("body", b""))
        if left < 0:
            raise HTTPException(413, _TOO_LARGE)
        return message

    return counted


def _with_headers(send: Send) -> Send:
    async def sending(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
            if headers.get("content-type", "").startswith("text/html"):
                headers["Cache-Control"] = "no-store"
        await send(message)

    return sending
