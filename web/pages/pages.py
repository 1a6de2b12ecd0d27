"""The pages' routes."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from web import rendering, services
from web.access import Role
from web.routing import at


def routes() -> list[BaseRoute]:
    return [at("/", overview, needs=Role.READ)]


def overview(request: Request) -> Response:
    """Whether all is well, and what waits."""
    status = services.of(request).document("status")
    return rendering.page(request, "overview.html", status=status)
