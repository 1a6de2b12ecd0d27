"""`/plan`: what is planned, what it promises and what it costs, without asking anybody."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from web import services
from web.pages import live


def show(request: Request) -> Response:
    """Programs get it in the shape of `check --json`; `not_checked` says what only the command asks."""
    plan = services.of(request).document("check")
    return live.as_json(request, plan) if live.wants_json(request) else live.page(request, "plan.html", plan=plan)
