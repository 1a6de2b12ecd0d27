"""Records that several members identify together: read, walked, confirmed, deleted, shown, with lists below them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import pytest

from changes.records import Id
from tasks.services import Services
from tests import mirrored_world
from tests.commands import Commands
from tests.integration import shop as shops
from tests.integration.scripted_server import Reply, Request, json_reply
from tests.integration.shop import Shop
from tests.mirrored_world import last_seq, log

CATALOGUE = """
[source]
envelope = { rows = "/result/items", total = "/meta/total" }

[resources.stock]
path = "/stock"
item_path = "/stock/{wh}/{sku}"
key = [["/attributes/wh", "/attributes/sku"]]
columns = { "/attributes/wh" = "text", "/attributes/n" = "integer" }

[resources.moves]
path = "/stock/{wh}/{sku}/moves"
parent = "stock"

[resources.notes]
path = "/notes"
parent = "stock"
params = { of = "{parent}", wh = "in {wh}" }
"""
PAIRS = [("A", "1"), ("A", "2"), ("B", "1"), ("A/B", "1"), ("A", "B/1"), ("50%", "/"), ("%2F", "ü")]


def row(wh: str, sku: str, n: int = 1) -> dict[str, object]:
    return {"attributes": {"wh": wh, "sku": sku, "n": n}}


def paged(server_rows: list[dict[str, object]]) -> object:
    def answer(request: Request) -> Reply:
        offset, limit = int(request.query["offset"]), int(request.query["limit"])
        page = server_rows[offset : offset + limit]
        return json_reply({"result": {"items": page}, "meta": {"total": len(server_rows)}})

    return answer


def lists(shop: Shop, rows: list[dict[str, object]]) -> None:
    shop.server.on("GET", "/stock", paged(rows))  # type: ignore[arg-type]  # a function of the request
    shop.server.on("GET", "/notes", paged([{"id": 1}]))  # type: ignore[arg-type]
    for wh, sku in PAIRS:
        path = f"/stock/{quote(wh, safe='')}/{quote(sku, safe='')}"
        found = [each for each in rows if each["attributes"] == {**each["attributes"], "wh": wh, "sku": sku}]  # type: ignore[dict-item]
        shop.server.on("GET", path, json_reply(found[0]) if found else Reply(404))
        shop.server.on("GET", f"{path}/moves", paged([{"id": f"{wh}-{sku}"}]))  # type: ignore[arg-type]


@pytest.fixture
def shop() -> Iterator[Shop]:
    with shops.opened() as shop:
        lists(shop, [row(*pair) for pair in PAIRS])
        yield shop


@pytest.fixture
def services(shop: Shop, tmp_path: Path) -> Iterator[Services]:
    database = f"sqlite:///{tmp_path / 'mirror.db'}"
    file = shops.configure(tmp_path, database=database, url=shop.server.url, page_size=3, catalogue=CATALOGUE)
    with closing(mirrored_world.services(file)) as services:
        yield services


def test_every_pair_is_a_record_with_its_own_path_and_the_lists_below_it(services: Services, shop: Shop) -> None:
    keys = {"A/1", "A/2", "B/1", "A%2FB/1", "A/B%2F1", "50%25/%2F", "%252F/ü"}
    assert "complete" == shops.scanned(services, "stock").state
    assert keys == set(shops.keys(services, "stock"))
    assert ("A/B", 1) == tuple(
        shops.row(services, "stock", "A%2FB/1")[name] for name in ("attributes_wh", "attributes_n")
    )

    assert "complete" == shops.scanned(services, "moves").state
    assert "complete" == shops.scanned(services, "notes").state

    assert {"50%-/", "%2F-ü", "A/B-1", "A-B/1"} <= set(shops.keys(services, "moves"))
    parents = {id_.parent_key for id_ in shops.mirrored(services, "notes")}
    assert {"A%2F1", "A%252FB%2F1", "50%2525%2F%252F"} <= parents
    asked = {(request.query["of"], request.query["wh"]) for request in shop.server.asked("GET", "/notes")}
    assert {("A/1", "in A"), ("A%2FB/1", "in A/B"), ("50%25/%2F", "in 50%")} <= asked


def test_one_that_is_gone_is_confirmed_at_its_own_path_and_takes_its_lists_along(
    services: Services, shop: Shop
) -> None:
    for name in ("stock", "moves"):
        shops.scanned(services, name)
    seq = last_seq(services)
    lists(shop, [row(*pair, n=2 if pair == ("A", "2") else 1) for pair in PAIRS if pair != ("A/B", "1")])

    scan = shops.scanned(services, "stock")

    assert ("complete", 1, 1) == (scan.state, scan.deleted, scan.updated)
    told = {
        (change.resource, Id(change.parent_key, change.key), str(change.kind)) for change in log(services, after=seq)
    }
    assert told == {
        ("stock", Id("", "A/2"), "updated"),
        ("stock", Id("", "A%2FB/1"), "deleted"),
        ("moves", Id("A%252FB%2F1", "A/B-1"), "deleted"),
    }


def test_an_unchanged_list_is_recognised_and_one_with_a_moved_row_is_walked(services: Services, shop: Shop) -> None:
    for _ in range(2):
        shops.scanned(services, "stock")
    seq = last_seq(services)
    lists(shop, [row(*pair) for pair in reversed(PAIRS)])

    assert "complete" == shops.scanned(services, "stock").state
    assert 0 == len(log(services, after=seq))


def test_such_a_key_is_typed_as_it_is_shown(
    services: Services, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("stock", "notes"):
        shops.scanned(services, name)
    run = Commands(tmp_path / "mirrorpoint.toml", capsys)

    shown = run("show", "stock", "A%2FB/1", "--json")
    assert (0, "A/B") == (shown.code, shown.json["document"]["attributes"]["wh"]), shown.err
    assert ["snapshot"] == [line["kind"] for line in run("history", "stock", "A/B%2F1", "--json").lines]
    below = run("show", "notes", "1", "--parent", "A%252FB%2F1", "--json")
    assert (0, {"id": 1}) == (below.code, below.json["document"]), below.err
    assert "50%25/%2F" == run("show", "stock", "50%//", "--json").json["key"]  # as its members are
    assert ["snapshot"] == [line["kind"] for line in run("history", "stock", "%2F/ü", "--json").lines]
    unclear = run("show", "stock", "A/B/1")
    assert (2, True) == (unclear.code, "A%2FB/1, A/B%2F1" in unclear.err), unclear.err
    listed = run("resources", "--json").json
    assert [["/attributes/wh", "/attributes/sku"]] == listed[0]["key"]
    assert {"rows": ["/result/items"], "total": ["/meta/total"], "more": None} == listed[0]["envelope"]
    assert {"attributes_wh": "text", "attributes_n": "integer"} == listed[0]["columns"]
    json.dumps(listed)
    assert "/attributes/wh + " in run("resources").out
