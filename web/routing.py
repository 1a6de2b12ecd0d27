"""The one way to make a route here: each says which role it needs, so that none can be forgotten."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from web import answers
from web.access import Caller, Role

Endpoint = Callable[[Request], Response] | Callable[[Request], Awaitable[Response]]


def at(
    path: str, endpoint: Endpoint, *, needs: Role | None, methods: Sequence[str] = ("GET",), points: bool = False
) -> Route:
    """`needs` None: open to everybody. `points`: points may come, too, with their own local tokens.

    An endpoint that is no coroutine runs in a thread: it may wait for the database.
    """

    @functools.wraps(endpoint)
    async def guarded(request: Request) -> Response:
        caller = caller_of(request)
        if needs is not None and not _is_let_in(caller, needs, points=points):
            name = caller.name if caller is not None else "nobody"
            return answers.problem(
                request, 403, f"{name} may not do this: it needs the role {needs.name.lower()}",
                "use a token with that role; [[serve.tokens]] in the configuration gives roles",
            )  # fmt: skip
        try:
            if inspect.iscoroutinefunction(endpoint):
                answer: Response = await endpoint(request)
            else:
                answer = await run_in_threadpool(endpoint, request)  # type: ignore[arg-type]
        except Exception as error:
            told = answers.of_error(request, error)
            if told is None:
                raise
            return told
        return answer

    guarded.needs = needs  # type: ignore[attr-defined]
    return Route(path, guarded, methods=list(methods))


def _is_let_in(caller: Caller | None, needs: Role, *, points: bool) -> bool:
    return caller is not None and (caller.may(needs) or (points and caller.point is not None))


def caller_of(request: Request) -> Caller | None:
    """Who asks, as the guard found it; None on what is open to everybody."""
    caller: Any = getattr(request.state, "caller", None)
    return caller if isinstance(caller, Caller) else None
