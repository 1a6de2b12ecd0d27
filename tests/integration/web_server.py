"""The page as it is served: the real application over the small mirror of tests/shop.py, in a thread on a free port."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import uvicorn

from tests import waiting
from web import server
from web.services import Web
from worker import settings as settings_module
from worker.commands.serve import wiring

OPS, READER, METRICS = "ops-token-12345", "reader-token-12345", "metrics-token-12345"
#: One token of each role.
TOKENS = "".join(
    f'\n[[serve.tokens]]\nname = "{name}"\ntoken = "{token}"\nrole = "{role}"\n'
    for name, token, role in (("ops", OPS, "operate"), ("reader", READER, "read"), ("prometheus", METRICS, "metrics"))
)


@dataclass(frozen=True, slots=True)
class Served:
    """Where it is, and what it was made of."""

    url: str
    web: Web
    links: wiring.Links

    def client(self, token: str | None = None, **options: Any) -> httpx.Client:
        headers = {**options.pop("headers", {}), **({"Authorization": f"Bearer {token}"} if token else {})}
        return httpx.Client(base_url=self.url, headers=headers, trust_env=False, timeout=30, **options)


@contextmanager
def serving(config: Path, *, now: Callable[[], datetime] | None = None) -> Iterator[Served]:
    """Until the block is left; `now` in place of the clock."""
    links = KeptLinks()
    web = wiring.web(settings_module.load(str(config), environ={}), "127.0.0.1", links=links)
    web = web if now is None else replace(web, now=now)
    listener = server.listen("127.0.0.1", 0)
    links.url = server.url(listener)
    one = uvicorn.Server(server.configured(web))
    thread = threading.Thread(target=one.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    waiting.until(lambda: one.started, what="the server")
    try:
        yield Served(links.url, web, links)
    finally:
        one.should_exit = True
        thread.join(20)
        listener.close()
        web.reading.close()
        web.writing.dispose()


class KeptLinks(wiring.Links):
    """Keeps the links instead of printing them."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[str] = []

    def tell(self, code: str) -> None:
        self.told.append(f"{self.url}/login?code={code}")
