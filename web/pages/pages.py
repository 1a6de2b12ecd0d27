"""The routes of the pages."""

from __future__ import annotations

from starlette.routing import BaseRoute

from web.access import Role
from web.pages import overview
from web.routing import at


def routes() -> list[BaseRoute]:
    """All of them are read; what acts is in actions.py."""
    return [at("/", overview.show, needs=Role.READ)]
