"""A sandbox in this process that lies to order about its lists, and what mirrors it."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from changes.sealing import new_key
from storage import scans, suspects
from tasks.services import Services
from tests import mirrored_world
from tests.commands import Commands
from tests.integration.sandbox_visitor import CREDENTIALS
from tests.mirrored_world import World

#: What is mirrored: a list without paths of their own for its records, and one below each product.
TAGS, PRODUCTS, CURRENCIES = "/api/v2/tags", "/api/v2/products", "/api/v2/products/{productId}/currencies"
CATALOGUE = """
[source]
paging = { style = "offset", limit = "limit", offset = "offset" }
envelope = { rows = ["data", "$"], total = ["total"] }

[resources.tags]
path = "/api/v2/tags"

[resources.products]
path = "/api/v2/products"
item_path = "/api/v2/products/{key}"

[resources.currencies]
path = "/api/v2/products/{parent}/currencies"
parent = "products"
"""
CONFIGURATION = """
[storage]
url = "{database}"
seal_key = "file:mirrorpoint.key"

[sources.office]
catalogue = "few.toml"
base_url = "{url}"
auth = {{ method = "bearer", token = "file:token" }}
limits = {{ requests_per_second = 10000, concurrency = 4, page_size = {page_size} }}
"""


@dataclass(frozen=True, slots=True)
class Scanned:
    """How a scan ended."""

    state: str
    reason: str
    lost: int  #: records under suspicion, held or deleted
    requests: int


class Mirror:
    """The world, and what mirrors it: the services at once, and for what is told the commands."""

    def __init__(self, world: World, folder: Path, capsys: pytest.CaptureFixture[str], *, prepared: Path) -> None:
        """`prepared`: a database with the bookkeeping tables, to copy."""
        self.world = world
        self.call = Commands(folder / "mirrorpoint.toml", capsys)
        self._folder = folder
        self._prepared = prepared
        self._services: Services | None = None

    def begin(self, *, page_size: int = 10, **counts: int) -> None:
        """A fresh world with so many `tags`, `products`, `currencies`, and an empty mirror."""
        paths = {"tags": TAGS, "products": PRODUCTS, "currencies": CURRENCIES}
        self.world.tell("reset", {"counts": {paths[name]: count for name, count in counts.items()}})
        answer = httpx.post(f"{self.world.url}/api/v2/signin", json=CREDENTIALS, trust_env=False, verify=False)
        self.close()
        shutil.copy(self._prepared, self._folder / "mirror.db")
        for name, text in {
            "mirrorpoint.toml": CONFIGURATION.format(
                database=f"sqlite:///{self._folder / 'mirror.db'}", url=self.world.url, page_size=page_size
            ),
            "few.toml": CATALOGUE,
            "mirrorpoint.key": new_key(),
            "token": answer.json()["accessToken"]["token"],
        }.items():
            (self._folder / name).write_text(text)
        self._services = mirrored_world.services(self._folder / "mirrorpoint.toml")

    def close(self) -> None:
        if self._services is not None:
            self._services.close()
            self._services = None

    @property
    def services(self) -> Services:
        assert self._services is not None
        return self._services

    def scan(self, resource: str = "tags") -> Scanned:
        """How a scan of the list ended."""
        self.world.tell("reset", {"what": "requests"})
        end = mirrored_world.scan(self.services, resource, "office")
        with self.services.database.read() as session:
            found = scans.get(session, end.scan_id or "")
            under_suspicion = len(suspects.suspects(session, "office", resource, limit=1000))
        assert found is not None
        asked = self.world.ask("requests", path=f"/api/v2/{resource}")["total"]
        return Scanned(found.state, found.reason or "", under_suspicion + found.deleted + found.held, asked)

    def rows(self, resource: str = "tags") -> dict[str, Any]:
        """What the mirror says that there is: key -> document."""
        catalogued = self.services.sources["office"].catalogue.resources[resource]
        found = mirrored_world.mirrored(self.services, catalogued, "office")
        return {id_.key if not id_.parent_key else f"{id_.parent_key}/{id_.key}": row for id_, row in found.items()}

    def truth(self, path: str = TAGS) -> set[str]:
        return {"/".join((*row["parent_keys"], row["key"])) for row in self.world.ask("rows", path=path)["rows"]}

    def told(self, resource: str = "tags") -> list[str]:
        """Kinds of the changes that were told since the first sight."""
        changes = mirrored_world.log(self.services)
        return [one.kind for one in changes if one.resource == resource and one.kind != "snapshot"]
