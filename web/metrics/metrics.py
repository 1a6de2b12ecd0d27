"""`/metrics`, for Prometheus and what speaks like it; its routes are put together in web/app.py."""

from __future__ import annotations

import time

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from storage.errors import StorageError
from web import services
from web.access import Role
from web.metrics import scrape
from web.routing import at


def routes() -> list[BaseRoute]:
    """With a memory of its own for each application."""
    return [at("/metrics", Metrics(scrape.Scrape(time.monotonic)).answer, needs=Role.METRICS)]


class Metrics:
    """The endpoint."""

    def __init__(self, scraping: scrape.Scrape) -> None:
        self._scraping = scraping

    def answer(self, request: Request) -> Response:
        """The text form, or OpenMetrics where that is asked for; without a database 503, and what is known without."""
        web, status = services.of(request), 200
        try:
            page = self._scraping.page(web, request.headers.get("accept", ""))
        except StorageError as error:
            page, status = scrape.without_database(web, f"{error.message}; {error.hint}"), 503
        return Response(page.body, status, {"Content-Type": page.media_type, "Cache-Control": "no-store"})
