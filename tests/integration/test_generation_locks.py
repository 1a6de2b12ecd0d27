"""On PostgreSQL nobody waits in a circle for the generation of a table: who scans, and who brings the table up."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from storage.errors import DatabaseTrouble
from tasks.scan import put_back
from tasks.services import Services
from tests import mirrored_world
from tests.integration import shop as shops
from tests.integration.shop import Shop, scanned
from tests.mirrored_world import log
from tests.waiting import until

pytestmark = pytest.mark.parametrize("dialect", ["postgresql"], indirect=True)


@pytest.fixture
def file(shop: Shop, database_url: str, tmp_path: Path) -> Path:
    return shops.configure(tmp_path, database=database_url, url=shop.server.url, page_size=50)


@pytest.fixture
def services(file: Path) -> Iterator[Services]:
    built = mirrored_world.services(file)
    yield built
    built.close()


def things(**changed: str) -> list[str]:
    return [json.dumps({"id": n, "name": changed.get(f"t{n}", f"n{n}")}) for n in range(120)]


def test_a_table_that_gets_another_column_while_a_scan_writes_to_it(
    shop: Shop, services: Services, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.lists("things", *things())
    scanned(services, "things")
    shop.lists("things", *things(t7="x"))
    catalogue = file.parent / "shop.toml"
    catalogue.write_text(catalogue.read_text().replace('tags = "json"', 'tags = "json", colour = "text"', 1))
    failures: list[DatabaseTrouble] = []

    def bring_up() -> None:
        try:
            mirrored_world.services(file).close()
        except DatabaseTrouble as error:
            failures.append(error)

    other, before_telling = threading.Thread(target=bring_up), put_back.before_telling

    def slowly(*given: Any, **named: Any) -> Any:
        if not other.is_alive() and other.ident is None:
            other.start()
            until(lambda: is_anybody_waiting(services))
        return before_telling(*given, **named)

    monkeypatch.setattr(put_back, "before_telling", slowly)  # the generation is held by then
    assert scanned(services, "things").state == "complete"
    other.join()
    assert failures == []
    assert [(change.kind, change.key) for change in log(services) if change.kind != "snapshot"] == [("updated", "7")]


def is_anybody_waiting(services: Services) -> bool:
    with services.database.read() as session:
        found = session.execute("SELECT count(*) FROM pg_locks WHERE NOT granted").fetchone()
    return bool(found[0])
