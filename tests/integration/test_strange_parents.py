"""What somebody else writes into the table of the parents tells nothing of their children."""

from __future__ import annotations

import pytest

from tasks.services import Services
from tests.integration import shop as shops
from tests.integration.scripted_server import Reply, Request
from tests.integration.shop import Shop, mirrored, problems, run, scanned, things, told
from tests.mirrored_world import log

ON_SQLITE = pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
STRANGE = [
    "DELETE FROM things WHERE key = '1'",
    "DELETE FROM things",
    "UPDATE things SET deleted_at = changed_at WHERE key = '1'",
    "UPDATE things SET key = '11' WHERE key = '1'",
    "UPDATE things SET key = 'x/y' WHERE key = '1'",
]

file, services = shops.file, shops.services


@pytest.fixture(autouse=True)
def known(shop: Shop, services: Services) -> None:
    shop.lists("things", '{"id":1}', '{"id":2}')
    shop.parts(1, *things(10))
    shop.parts(2, *things(5))
    for name in ("things", "parts"):
        scanned(services, name)


@pytest.mark.parametrize("what", STRANGE)
def test_children_are_not_deleted_with_a_parent_whose_row_somebody_has_taken(
    shop: Shop, services: Services, what: str
) -> None:
    before = mirrored(services, "parts")
    run(services, what)
    for _ in range(3):
        assert scanned(services, "parts").state == "complete"
    scanned(services, "things")
    assert told(services, "parts") == told(services, "things") == []
    assert mirrored(services, "parts") == before
    assert problems(services) == []


@pytest.mark.parametrize("what", STRANGE)
def test_lists_below_it_are_read_all_the_same(shop: Shop, services: Services, what: str) -> None:
    run(services, what)
    shop.parts(1, *things(11, t7="new"))
    assert scanned(services, "parts").state == "complete"
    assert told(services, "parts") == [("updated", "7", 2), ("created", "10", 1)]


@pytest.mark.parametrize("what", STRANGE)
def test_somebody_who_writes_there_during_each_scan_holds_nothing_up(shop: Shop, services: Services, what: str) -> None:
    shop.parts(2, *things(4))
    shop.server.on("GET", "/things/2/parts/4", Reply(404, b"{}"))
    changed = shops.paged([each.encode() for each in things(10, t7="new")])

    def with_a_stranger(request: Request) -> Reply:
        run(services, "DELETE FROM things WHERE key IN ('11', 'x/y')")
        run(services, what)
        return changed(request)

    shop.server.on("GET", "/things/1/parts", with_a_stranger)
    for _ in range(3):
        assert scanned(services, "parts").state == "complete"
    assert told(services, "parts") == [("updated", "7", 2), ("deleted", "4", 2)]
    assert log(services)[-1].parent_key == "2"
    scanned(services, "things")
    assert problems(services) == []


@pytest.mark.parametrize("what", STRANGE[:1])
def test_a_parent_whose_list_was_in_trouble_is_asked_for_all_the_same(
    shop: Shop, services: Services, what: str
) -> None:
    answers = shops.paged([each.encode() for each in things(9)])
    shop.server.on("GET", "/things/1/parts", lambda _: Reply(500))
    assert scanned(services, "parts").state == "partial"
    shop.server.on("GET", "/things/1/parts", answers)
    shop.server.on("GET", "/things/1/parts/9", Reply(404, b"{}"))
    run(services, what)
    for _ in range(2):
        assert scanned(services, "parts").state == "complete"
    assert told(services, "parts") == [("deleted", "9", 2)]


@ON_SQLITE
@pytest.mark.parametrize("what", STRANGE)
def test_nothing_is_told_of_children_where_the_database_has_not_counted_it(
    shop: Shop, services: Services, what: str
) -> None:
    for event in ("update", "delete"):
        run(services, f"DROP TRIGGER mirrorpoint_{event}_things")
    run(services, what)
    for _ in range(3):
        assert scanned(services, "parts").state == "complete"
    assert told(services, "parts") == []


def test_a_row_that_somebody_has_invented_is_no_witness_that_a_parent_is_gone(shop: Shop, services: Services) -> None:
    columns = "source, parent_key, key, document, version, fingerprint, first_seen_at, changed_at"
    elsewhere = columns.replace("parent_key", "'x'")
    run(services, f"INSERT INTO things ({columns}) SELECT {elsewhere} FROM things WHERE key = '2'")
    for path in ("/things/1", "/things/1/parts"):
        shop.answers(path, b"{}", status=404)
    assert scanned(services, "parts").state == "complete"
