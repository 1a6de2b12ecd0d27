"""The application: all routes behind the guard; made by server.py, and by tests."""

from __future__ import annotations

from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount
from starlette.staticfiles import StaticFiles

from web import answers, sign_in
from web.feed import feed
from web.guard import Guard
from web.health import health
from web.metrics import metrics
from web.pages import pages
from web.rest import rest
from web.services import Web


def routes() -> list[BaseRoute]:
    """Every path that is answered, with the role that it needs."""
    return [
        *sign_in.routes(),
        *pages.routes(),
        *feed.routes(),
        *rest.routes(),
        *metrics.routes(),
        *health.routes(),
        Mount("/static", StaticFiles(directory=Path(__file__).parent / "static")),
    ]


def make(web: Web) -> Guard:
    """The whole application as an ASGI callable."""
    app = Starlette(
        routes=routes(),
        exception_handlers={HTTPException: _refused, Exception: _failed},  # type: ignore[dict-item]
    )
    guard = Guard(app, web)
    app.state.web, app.state.guard = web, guard
    return guard


def _refused(request: Request, error: HTTPException) -> Response:
    """What no route takes."""
    if error.status_code == 404:
        return answers.problem(request, 404, f"there is nothing at {request.url.path}", "begin at /")
    if error.status_code == 405:
        return answers.problem(
            request, 405, f"{request.method} means nothing at {request.url.path}", headers=error.headers
        )
    return answers.problem(request, error.status_code, str(error.detail), headers=error.headers)


def _failed(request: Request, error: Exception) -> Response:
    """What nobody has thought of: logged with its traceback by the server, told without it."""
    return answers.of_error(request, error) or answers.problem(
        request, 500, "this could not be answered: it is a defect", "the log of `mirrorpoint serve` has what happened",
        headers={"Connection": "close"},  # the server closes it, and would do so while something else is asked
    )  # fmt: skip
