"""A small foreign API whose lists a test writes byte by byte, and the services that mirror it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from changes.records import Id
from changes.sealing import new_key
from storage import reports, scans
from tasks.record.checks import whole
from tasks.record.checks.looks import Looks
from tasks.record.checks.whole import Record, Wanted
from tasks.services import Services
from tests import mirrored_world
from tests.integration.scripted_server import Reply, Request, ScriptedServer
from tests.mirrored_world import scan

CATALOGUE = """
[resources.things]
path = "/things"
item_path = "/things/{key}"
columns = { name = "text", size = "integer", price = "number", sold = "boolean", since = "time", tags = "json" }
secrets = ["/password"]

[resources.leaflets]
path = "/leaflets"

[resources.menus]
path = "/menus"
shape = "tree"

[resources.parts]
path = "/things/{parent}/parts"
parent = "things"
"""
CONFIGURATION = """
[storage]
url = "{database}"
seal_key = "file:mirrorpoint.key"

[sources.shop]
catalogue = "shop.toml"
base_url = "{url}"
timeout = "1s"
auth = {{ method = "none" }}
limits = {{ requests_per_second = 10000, concurrency = 8, page_size = {page_size} }}
"""
#: Of the fixture `file`: lists of some dozens of rows have several pages.
PAGE_SIZE = 50


class Shop:
    """Lists of rows as texts, which need not be JSON."""

    def __init__(self, server: ScriptedServer) -> None:
        self.server = server
        self._with_parts: set[str] = set()
        for name in ("things", "leaflets", "menus"):
            self.lists(name)

    def lists(self, name: str, *rows: str | bytes) -> None:
        """What `/name` answers from now on; records of `things` have their own path too."""
        texts = [row.encode() if isinstance(row, str) else row for row in rows]
        self.server.on("GET", f"/{name}", paged(texts))
        for text in texts if name == "things" else ():
            row = _read(text)
            if isinstance(row, dict) and isinstance(row.get("id"), int):
                self.server.on("GET", f"/things/{row['id']}", Reply(200, text))
                if str(row["id"]) not in self._with_parts:
                    self.parts(row["id"])

    def parts(self, thing: int | str, *rows: str) -> None:
        """What `/things/…/parts` answers from now on; a key as it stands in a path."""
        self._with_parts.add(str(thing))
        self.server.on("GET", f"/things/{thing}/parts", paged([row.encode() for row in rows]))

    def gone(self, *ids: int) -> None:
        """The own paths of these things say that there is nothing."""
        for id_ in ids:
            self.server.on("GET", f"/things/{id_}", Reply(404, b"{}"))

    def answers(self, path: str, body: bytes, *, status: int = 200, **headers: str) -> None:
        """The same body to each request."""
        self.server.on("GET", path, Reply(status, body, headers))


def things(count: int = 30, **changed: str) -> list[str]:
    """Rows with the ids from 0 on; `t7="x"`: the name of the one with id 7."""
    return [json.dumps({"id": n, "name": changed.get(f"t{n}", f"n{n}"), "size": n}) for n in range(count)]


def paged(rows: Sequence[bytes]) -> Callable[[Request], Reply]:
    """Answers with pages of these rows, and their total."""

    def answer(request: Request) -> Reply:
        start = int(request.query.get("offset", 0))
        page = rows[start : start + int(request.query.get("limit", 100))]
        return Reply(200, b'{"total":%d,"data":[%s]}' % (len(rows), b",".join(page)))

    return answer


def _read(text: bytes) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


@contextmanager
def opened() -> Iterator[Shop]:
    with ScriptedServer() as server:
        yield Shop(server)


def configure(folder: Path, *, database: str, url: str, page_size: int = 100, catalogue: str = CATALOGUE) -> Path:
    """Write configuration, catalogue and key into the folder."""
    file = folder / "mirrorpoint.toml"
    file.write_text(CONFIGURATION.format(database=database, url=url, page_size=page_size))
    (folder / "shop.toml").write_text(catalogue)
    key_file = folder / "mirrorpoint.key"
    key_file.touch(mode=0o600)
    key_file.write_text(new_key())
    return file


@pytest.fixture
def file(shop: Shop, database_url: str, tmp_path: Path) -> Path:
    """The configuration of a mirror of the shop. Tests have it by `file, services = shops.file, shops.services`."""
    return configure(tmp_path, database=database_url, url=shop.server.url, page_size=PAGE_SIZE)


@pytest.fixture
def services(file: Path) -> Iterator[Services]:
    """What mirrors the shop."""
    with closing(mirrored_world.services(file)) as built:
        yield built


def scanned(services: Services, resource: str) -> scans.Scan:
    """How a scan of the resource ended."""
    end = scan(services, resource, "shop")
    assert end.scan_id is not None
    with services.database.read() as session:
        found = scans.get(session, end.scan_id)
    assert found is not None
    return found


def mirrored(services: Services, resource: str) -> dict[Id, Any]:
    """What the mirror says that there is."""
    return mirrored_world.mirrored(services, services.sources["shop"].catalogue.resources[resource], "shop")


def keys(services: Services, resource: str) -> list[str]:
    return [id_.key for id_ in mirrored(services, resource)]


def row(services: Services, resource: str, key: str) -> dict[str, Any]:
    """The row of the mirror's table, column by column."""
    catalogued = services.sources["shop"].catalogue.resources[resource]
    with services.database.read() as session:
        (found,) = reports.rows(session, catalogued, "shop", key=key)
    return found


def run(services: Services, text: str) -> None:
    """A statement of somebody else, in a transaction of its own."""
    with services.database.write() as session:
        session.execute(text)


def told(services: Services, resource: str = "things") -> list[tuple[str, str, int]]:
    """Kind, key and version of the changes that are no first sights."""
    changes = [change for change in mirrored_world.log(services) if change.resource == resource]
    return [(change.kind, change.key, change.version) for change in changes if change.kind != "snapshot"]


def problems(services: Services) -> list[str]:
    """What `verify` finds."""
    resources = {name: source.catalogue.resources for name, source in services.sources.items()}
    record = Record(resources, services.record.signer, services.record.keep, services.vault.seal)
    with services.database.kept_open() as connection:
        return [each.what for each in whole.verify(Looks(connection), record, Wanted()).problems]
