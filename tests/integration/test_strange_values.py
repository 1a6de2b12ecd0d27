"""What somebody else writes may be no time, no text and no name: it is put back all the same, and misleads nobody."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.scan.head import HeadEnd, scan_head
from tasks.services import Services
from tests import mirrored_world
from tests.integration import shop as shops
from tests.integration.scripted_server import Reply, Request
from tests.integration.shop import Shop, problems, run, scanned, told
from tests.mirrored_world import log

LATE = "2099-01-01 00:00:00+00"


@pytest.fixture
def file(shop: Shop, database_url: str, tmp_path: Path) -> Path:
    return shops.configure(tmp_path, database=database_url, url=shop.server.url, page_size=50)


@pytest.fixture
def services(file: Path) -> Iterator[Services]:
    built = mirrored_world.services(file)
    yield built
    built.close()


def things(count: int = 30, **changed: str) -> list[str]:
    return [json.dumps({"id": n, "name": changed.get(f"t{n}", f"n{n}")}) for n in range(count)]


def test_a_time_that_somebody_wrote_while_a_list_is_read_is_no_time_of_a_change(shop: Shop, services: Services) -> None:
    shop.lists("things", *things(120))
    scanned(services, "things")
    whole = shops.paged([each.encode() for each in things(120, t110="new")])

    def with_a_stranger(request: Request) -> Reply:
        run(services, f"UPDATE things SET changed_at = '{LATE}' WHERE key = '110'")
        return whole(request)

    shop.server.on("GET", "/things", with_a_stranger)
    scanned(services, "things")
    shop.server.on("GET", "/things", whole)
    scanned(services, "things")
    (change,) = (each for each in log(services) if each.kind == "updated")
    assert change.observed_after < change.observed_at
    assert problems(services) == []


@pytest.mark.parametrize("what", [f"changed_at = '{LATE}'", f"deleted_at = '{LATE}'"])
def test_a_head_scan_tells_no_time_that_somebody_wrote(shop: Shop, services: Services, what: str) -> None:
    shop.lists("things", '{"id":1}')
    shop.parts(1, *things(10))
    for name in ("things", "parts"):
        scanned(services, name)
    run(services, f"UPDATE parts SET {what} WHERE key = '7'")
    shop.lists("things", '{"id":1,"name":"x"}')
    shop.parts(1, *things(10, t7="new"))
    scanned(services, "things")
    assert scan_head(services, "shop", "parts") is HeadEnd.ENDED
    assert told(services, "parts") == [("updated", "7", 2)]
    change = log(services)[-1]
    assert change.observed_after < change.observed_at
