"""Rows that somebody removed from the mirror go on where the log has left them, whatever stands in them."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from changes.records import Id
from storage import erasures
from tasks import erasing
from tasks.scan import read_as, retiring
from tasks.services import Services
from tests import mirrored_world
from tests.integration import shop as shops
from tests.integration.scripted_server import Reply, Request
from tests.integration.shop import Shop, keys, mirrored, paged, row, run, scanned, things
from tests.mirrored_world import log

#: Rows that are no objects are their own keys.
_VALUES = """
[resources.values]
path = "/values"
key = "$"
"""
_ODD = ("0", "1", '"a\\"b"', '"%s:ids"', '"ü\\u2028/"', '"a\\u0000b"', '"\\ud800x"')

file, services = shops.file, shops.services


def told(services: Services) -> list[tuple[str, str, int]]:
    return [(change.kind, change.key, change.version) for change in log(services) if change.kind != "snapshot"]


def erase(services: Services, resource: str, key: str) -> None:
    with services.database.read() as session:
        seen = erasures.extent(session, "shop", resource, Id("", key))
    catalogued = services.sources["shop"].catalogue.resources[resource]
    erasing.erase(services.database, catalogued, "shop", Id("", key), seen=seen, now=datetime.now(UTC))


def test_rows_that_are_no_objects_come_back_as_they_were(shop: Shop, file: Path) -> None:
    catalogue = file.parent / "shop.toml"
    catalogue.write_text(catalogue.read_text() + _VALUES)
    shop.server.on("GET", "/values", paged([each.encode() for each in _ODD]))
    with closing(mirrored_world.services(file)) as services:
        scanned(services, "values")
        before = mirrored(services, "values")
        assert len(before) == len(_ODD)
        run(services, 'DELETE FROM "values"')
        assert scanned(services, "values").state == "complete"
        assert mirrored(services, "values") == before
        assert told(services) == []


def test_an_erased_record_is_restored_as_if_its_row_were_there(shop: Shop, services: Services) -> None:
    shop.lists("leaflets", *things(30))
    scanned(services, "leaflets")
    for key in ("7", "8"):
        erase(services, "leaflets", key)
    run(services, "DELETE FROM leaflets WHERE key = '7'")
    scanned(services, "leaflets")
    assert told(services) == [("restored", "7", 2), ("restored", "8", 2)]
    assert log(services)[-1].changed == log(services)[-2].changed == [""]


def test_a_deleted_record_that_was_erased_is_restored(shop: Shop, services: Services) -> None:
    shop.lists("things", *things(30))
    scanned(services, "things")
    shop.lists("things", *things(29))
    shop.gone(29)
    for _ in range(2):
        scanned(services, "things")
    erase(services, "things", "29")
    run(services, "DELETE FROM things WHERE key = '29'")
    shop.lists("things", *things(30))
    scanned(services, "things")
    assert told(services) == [("deleted", "29", 2), ("restored", "29", 3)]
    assert log(services)[-1].previous == {}


def test_rows_that_somebody_removed_before_the_first_scan_was_complete_come_back(
    shop: Shop, services: Services
) -> None:
    whole = paged([each.encode() for each in things(220)])

    def breaking_off(request: Request) -> Reply:
        return Reply(400, b"{}") if int(request.query.get("offset", 0)) > 100 else whole(request)

    shop.server.on("GET", "/leaflets", breaking_off)
    assert scanned(services, "leaflets").state != "complete"
    run(services, "DELETE FROM leaflets")
    shop.server.on("GET", "/leaflets", whole)
    assert scanned(services, "leaflets").state == "complete"
    assert len(keys(services, "leaflets")) == 220
    assert told(services) == []


def test_a_table_that_was_emptied_for_a_new_base_line_gets_it(shop: Shop, services: Services) -> None:
    shop.lists("leaflets", *things(30))
    scanned(services, "leaflets")
    resource = services.sources["shop"].catalogue.resources["leaflets"]
    kept = read_as.of(resource, services.sources["shop"].base_url)
    assert retiring.retire(services, "shop", resource, read_as=kept) == 30
    run(services, "DELETE FROM leaflets")
    assert scanned(services, "leaflets").state == "complete"
    assert len(keys(services, "leaflets")) == 30
    assert row(services, "leaflets", "7")["version"] == 3
    assert {change.kind for change in log(services)[-30:]} == {"snapshot"}
