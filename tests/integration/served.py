"""The application of `serve` as it is wired, asked without a socket."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx

from web import app
from web.guard import Guard
from web.services import Web
from worker import settings
from worker.commands.serve import wiring


class Client:
    """Asks as somebody on this machine does."""

    def __init__(self, web: Web) -> None:
        self.web = web
        self._app: Guard = app.make(web)

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> httpx.Response:
        return asyncio.run(self._get(path, headers or {}))

    async def _get(self, path: str, headers: Mapping[str, str]) -> httpx.Response:
        transport = httpx.ASGITransport(self._app, client=("127.0.0.1", 50_000))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8480") as client:
            return await client.get(path, headers=dict(headers))


@contextmanager
def client(file: Path) -> Iterator[Client]:
    """With the configuration in the file."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("MIRRORPOINT_")}
    web = wiring.web(settings.load(str(file), environ=environ), "127.0.0.1", links=wiring.Links())
    try:
        yield Client(web)
    finally:
        web.reading.close()
        web.writing.dispose()
