"""What is answered where something is wrong: a page for people, a problem document (RFC 9457) for programs.

The points API has a form of its own, which its clients know.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from changes.problems import Problem
from changes.sealing import SealKeyError
from storage.errors import DatabaseTrouble, StorageError
from web import rendering

#: What for these is read by programs alone.
_FOR_PROGRAMS = ("/feed", "/rest/", "/metrics", "/health")
_POINTS_API = "/rest/"
#: `code` of a Problem -> status.
_STATUSES = {"usage": HTTPStatus.BAD_REQUEST, "not-found": HTTPStatus.NOT_FOUND, "token": HTTPStatus.UNAUTHORIZED}


def wants_html(request: Request) -> bool:
    """Whether a person looks at the answer, and not a program."""
    return "text/html" in request.headers.get("accept", "") and not request.url.path.startswith(_FOR_PROGRAMS)


def problem(
    request: Request,
    status: int,
    message: str,
    hint: str = "",
    *,
    headers: Mapping[str, str] | None = None,
    **more: Any,
) -> Response:
    """`message` is one sentence of what is wrong, `hint` what to do; `more` are members of the problem document."""
    title = HTTPStatus(status).phrase
    if wants_html(request):
        page = rendering.page(
            request, "problem.html", title=title, status=status, message=message, hint=hint, status_code=status
        )
        page.headers.update(headers or {})
        return page
    if request.url.path.startswith(_POINTS_API):
        return api_error(status, f"{message}; {hint}" if hint else message, headers=headers)
    body = {"type": "about:blank", "title": title, "status": status, "detail": message, **more}
    if hint:
        body["hint"] = hint
    text = json.dumps(body, ensure_ascii=False).encode()
    return Response(text, status, dict(headers or {}), media_type="application/problem+json")


def api_error(status: int, message: str, *, headers: Mapping[str, str] | None = None) -> Response:
    """As the points API tells errors: the code is the status with 1000 added."""
    body = {"error_code": 1000 + status, "error_message": message}
    return Response(
        json.dumps(body, ensure_ascii=False).encode(), status, dict(headers or {}), media_type="application/json"
    )


def of_error(request: Request, error: Exception) -> Response | None:
    """What an error means to who asked; None where nobody has thought of it."""
    if isinstance(error, ClientDisconnect):  # while it sent its body: there is nobody to be answered
        return Response(status_code=HTTPStatus.BAD_REQUEST)
    if isinstance(error, DatabaseTrouble):
        return problem(request, 503, error.message, error.hint, headers={"Retry-After": "5"})
    if isinstance(error, StorageError):
        return problem(request, 503, error.message, error.hint, headers={"Retry-After": "60"})
    if isinstance(error, SealKeyError):
        return problem(request, HTTPStatus.INTERNAL_SERVER_ERROR, str(error))
    if isinstance(error, Problem):
        return problem(request, _STATUSES.get(error.code, HTTPStatus.INTERNAL_SERVER_ERROR), error.message, error.hint)
    return None
