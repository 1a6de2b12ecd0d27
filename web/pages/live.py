"""What all pages have in common: a page for people that a browser asks for again and again, or the document as JSON."""

from __future__ import annotations

import hashlib
import re
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from changes import written
from web import rendering

#: Ages grow by themselves, and the script of the page lets them grow: they make no page another one.
_AGES = re.compile(r"<span class=age>[^<]*</span>|<[^>]* data-clock[^>]*>[^<]*<|<progress .*?</progress>", re.DOTALL)


def wants_json(request: Request) -> bool:
    """Whether a program asks."""
    accept = request.headers.get("accept", "")
    return "application/json" in accept and "text/html" not in accept


def as_json(request: Request, value: Any) -> Response:
    """The document that a command gives with `--json`; JSON Lines are an array."""
    return _answer(request, written.dumps(value).encode(), "application/json")


def page(request: Request, template: str, *, status_code: int = 200, **values: Any) -> Response:
    """The template; 304 where nothing of it but ages has changed since the browser's."""
    answer = rendering.page(request, template, status_code=status_code, **values)
    tag = _tag(_AGES.sub("", bytes(answer.body).decode()).encode())
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers={"ETag": tag, "Vary": "Accept, Cookie"})
    answer.headers["ETag"] = tag
    answer.headers["Vary"] = "Accept, Cookie"
    return answer


def _answer(request: Request, body: bytes, media_type: str) -> Response:
    tag = _tag(body)
    headers = {"ETag": tag, "Vary": "Accept, Cookie, Authorization", "Cache-Control": "private, no-cache"}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    return Response(body, media_type=media_type, headers=headers)


def _tag(body: bytes) -> str:
    return f'"{hashlib.sha256(body).hexdigest()[:32]}"'
