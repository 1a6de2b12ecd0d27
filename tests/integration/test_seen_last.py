"""`observed_after` is when a record itself was seen last: not its parent, nor by a scan that could not have seen it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path

import pytest

from storage import scans
from tasks.scan import catalogue_changes
from tasks.services import Services
from tests import mirrored_world
from tests.integration import shop as shops
from tests.integration.scripted_server import Reply, Request
from tests.integration.shop import Shop, run, scanned


@pytest.fixture
def services(shop: Shop, database_url: str, tmp_path: Path) -> Iterator[Services]:
    file = shops.configure(tmp_path, database=database_url, url=shop.server.url)
    with closing(mirrored_world.services(file)) as built:
        shop.lists("things", '{"id":1}', '{"id":2}')
        shop.parts(1, '{"id":1}')
        shop.parts(2, '{"id":1}')
        for name in ("things", "parts"):
            scanned(built, name)
        yield built


def last_seen(services: Services) -> datetime:
    """Until when the part below thing 1 was there for certain, by the log; it is gone now."""
    (told,) = [each for each in mirrored_world.log(services) if each.resource == "parts" and each.kind == "deleted"]
    assert (told.parent_key, told.key) == ("1", "1")
    assert told.observed_after is not None
    return told.observed_after


def go(shop: Shop) -> None:
    """The thing and what is below it."""
    shop.lists("things", '{"id":2}')
    shop.answers("/things/1", b"{}", status=404)
    shop.answers("/things/1/parts", b"{}", status=404)


def test_the_last_scan_of_their_parents_tells_nothing_of_them(shop: Shop, services: Services) -> None:
    had = scanned(services, "parts").started_at
    shop.parts(1)
    gone_at = services.now()
    scanned(services, "things")
    go(shop)
    scanned(services, "things")
    assert had <= last_seen(services) < gone_at


def test_a_scan_that_finds_their_parent_gone_has_not_seen_them(shop: Shop, services: Services) -> None:
    had = scanned(services, "parts").started_at
    gone_at = services.now()
    go(shop)
    assert [scanned(services, "parts").state for _ in range(2)] == ["complete", "complete"]
    scanned(services, "things")
    assert had <= last_seen(services) < gone_at


def test_a_scan_without_them_has_not_seen_them_where_the_next_one_finds_their_parent_gone(
    shop: Shop, services: Services
) -> None:
    had = scanned(services, "parts").started_at
    gone_at = services.now()
    shop.parts(1)
    scanned(services, "parts")
    go(shop)
    scanned(services, "parts")
    scanned(services, "things")
    assert had <= last_seen(services) < gone_at


def test_what_is_forgotten_of_a_server_that_has_moved_is_not_when_records_were_seen(
    shop: Shop, services: Services
) -> None:
    had = scanned(services, "parts").started_at
    gone_at = services.now()
    go(shop)
    scanned(services, "parts")
    with services.database.write() as session:
        state = scans.resource_state(session, "shop", "parts")
        catalogue_changes.adopt(session, "shop", "parts", state.read_as or {})
    scanned(services, "things")
    assert had <= last_seen(services) < gone_at


def test_a_part_that_has_changed_while_its_thing_was_away_was_not_seen_meanwhile(
    shop: Shop, services: Services
) -> None:
    had = scanned(services, "parts").started_at
    go(shop)
    changed_at = services.now()
    scanned(services, "parts")
    shop.lists("things", '{"id":1}', '{"id":2}')
    shop.server.on("GET", "/things/1", Reply(200, b'{"id":1}'))
    shop.parts(1, '{"id":1,"name":"changed"}')
    scanned(services, "parts")
    (told,) = [each for each in mirrored_world.log(services) if each.kind == "updated"]
    assert had <= told.observed_after < changed_at


def test_a_scan_has_not_seen_a_record_whose_row_somebody_has_taken_meanwhile(shop: Shop, services: Services) -> None:
    shop.lists("leaflets", '{"id":1}', '{"id":2}')
    scanned(services, "leaflets")
    had, gone_at = scanned(services, "leaflets").started_at, services.now()

    def answer(_: Request) -> Reply:
        run(services, "DELETE FROM leaflets WHERE key = '1'")
        return Reply(200, b'[{"id":2}]')

    shop.server.on("GET", "/leaflets", answer)
    assert scanned(services, "leaflets").state == "complete"
    shop.lists("leaflets", '{"id":2}')
    for _ in range(2):
        scanned(services, "leaflets")
    (told,) = [each for each in mirrored_world.log(services) if each.kind == "deleted"]
    assert had <= told.observed_after < gone_at


def test_a_record_that_its_own_path_has_and_no_list_was_not_compared(shop: Shop, services: Services) -> None:
    had, changed_at = scanned(services, "things").started_at, services.now()
    shop.lists("things", '{"id":1,"name":"changed"}', '{"id":2}')
    shop.lists("things", '{"id":2}')
    assert scanned(services, "things").state == "complete"
    shop.lists("things", '{"id":1,"name":"changed"}', '{"id":2}')
    scanned(services, "things")
    (told,) = [each for each in mirrored_world.log(services) if each.kind == "updated"]
    assert had <= told.observed_after < changed_at


def test_below_a_record_that_is_new_a_scan_that_did_not_know_it_has_looked_for_nothing(
    shop: Shop, services: Services
) -> None:
    without = scanned(services, "things").started_at
    came_at = services.now()
    shop.lists("things", '{"id":1}', '{"id":2}', '{"id":3}')
    shop.parts(3, '{"id":1}')
    for name in ("parts", "things", "parts"):
        scanned(services, name)
    (told,) = [each for each in mirrored_world.log(services) if each.kind == "created" and each.resource == "parts"]
    assert without <= told.observed_after < came_at


def test_nor_below_one_that_is_there_again(shop: Shop, services: Services) -> None:
    go(shop)
    scanned(services, "things")
    without, back_at = scanned(services, "things").started_at, services.now()
    shop.lists("things", '{"id":1}', '{"id":2}')
    shop.parts(1, '{"id":1}')
    for name in ("parts", "things", "parts"):
        scanned(services, name)
    (told,) = [each for each in mirrored_world.log(services) if each.kind == "restored" and each.resource == "parts"]
    assert without <= told.observed_after < back_at
