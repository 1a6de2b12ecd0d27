"""The API of integration points: that of the sandbox's platform, and ours over each kind of database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
from sqlalchemy import delete

from changes import sealing
from sandbox import serving
from sandbox.api import Api
from storage.engine import Database
from storage.tables import ActionRow, DeliveryRow, PointRow
from tests.integration import web_server

if TYPE_CHECKING:
    from tests.integration.conftest import Templates

PATH = "/rest/v1/service/integration_points"
SANDBOX = "sandbox"
#: Whatever test speaks to the API runs on all of them.
ALL = (SANDBOX, "sqlite", "postgresql")
#: What the sandbox has at first, and ours is given.
SEEDS = (("AUDIT", "public"), ("CRM", "public"), ("902", "telegram"), ("RISK", "public"))
TOKENS = {"mirror": "the operator's token", "reader": "the reader's token", "scraper": "the scraper's token"}
_CONFIGURATION = """
[storage]
url = "{database}"
[delivery]
allow_networks = ["192.0.2.0/24"]
[[serve.tokens]]
name = "mirror"
token = "{mirror}"
role = "operate"
[[serve.tokens]]
name = "reader"
token = "{reader}"
role = "read"
[[serve.tokens]]
name = "scraper"
token = "{scraper}"
role = "metrics"
{more}
"""
BEGINNING = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class PointsApi:
    """One of them, as its clients see it."""

    url: str
    password: str
    client: httpx.Client
    database: Database | None = None  #: ours

    @property
    def is_ours(self) -> bool:
        return self.database is not None

    def clear(self) -> None:
        """As at first: the sandbox's has its four points, ours none."""
        if self.database is None:
            self.client.post("/_sandbox/reset", json={})
            return
        with self.database.write() as session:
            for table in (PointRow, DeliveryRow, ActionRow):
                session.objects.execute(delete(table))

    def seed(self) -> None:
        """Ours is given what the sandbox's has."""
        for code, type_ in SEEDS if self.is_ours else ():
            body = {"code": code, "type": type_, "url": "http://192.0.2.1/", "opts": {"title": code, "comment": "c"}}
            assert self.ask("POST", json=body).status_code == 200

    def ask(self, method: str, path: str = PATH, **more: Any) -> httpx.Response:
        return self.client.request(method, path, **more)

    def points(self, **query: Any) -> list[dict[str, Any]]:
        answer = self.ask("GET", params=query)
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()
        return found


@contextmanager
def opened(kind: str, templates: Templates, folder: Path) -> Iterator[PointsApi]:
    """The sandbox's, or ours over that kind of database; `clear` and `seed` give both the same four points."""
    if kind == SANDBOX:
        with serving.start(Api()) as running, _client(running.url, "sandbox") as client:
            yield PointsApi(running.url, "sandbox", client)
        return
    with templates.copy(kind, into=folder / "points.db") as database_url, ours(database_url, folder) as api:
        yield api


@contextmanager
def ours(database_url: str, folder: Path, *, more: str = "") -> Iterator[PointsApi]:
    """Ours with no points in it; `more` of the configuration. Its clock goes on by a second whenever it is asked."""
    (folder / "ours").mkdir(exist_ok=True)
    file = folder / "ours" / "mirrorpoint.toml"
    file.write_text(_CONFIGURATION.format(database=database_url, more=more, **TOKENS))
    (file.parent / "mirrorpoint.key").write_text(sealing.new_key())
    seconds = count()
    with (
        web_server.serving(file, now=lambda: BEGINNING + timedelta(seconds=next(seconds))) as served,
        _client(served.url, TOKENS["mirror"]) as client,
    ):
        database = Database(database_url)
        yield PointsApi(served.url, TOKENS["mirror"], client, database)
        database.dispose()


def _client(url: str, password: str) -> httpx.Client:
    return httpx.Client(base_url=url, auth=("mirror", password), timeout=20, trust_env=False)
