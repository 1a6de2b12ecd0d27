"""What somebody else writes may be no time, no text and no name: it is put back all the same, and misleads nobody."""

from __future__ import annotations

from sqlite3 import OperationalError

import pytest

from tasks.scan import against_log
from tasks.scan.head import HeadEnd, scan_head
from tasks.services import Services
from tests.integration import shop as shops
from tests.integration.scripted_server import Reply, Request
from tests.integration.shop import Shop, mirrored, problems, run, scanned, things, told
from tests.mirrored_world import log

ON_SQLITE = pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
ON_POSTGRESQL = pytest.mark.parametrize("dialect", ["postgresql"], indirect=True)
LATE = "2099-01-01 00:00:00+00"

file, services = shops.file, shops.services


def assert_put_back(shop: Shop, services: Services, what: str) -> None:
    shop.lists("things", *things())
    scanned(services, "things")
    before = mirrored(services, "things")
    run(services, what)
    assert problems(services) != []
    assert scanned(services, "things").state == "complete"
    assert problems(services) == []
    assert mirrored(services, "things") == before
    shop.lists("things", *things(t7="new"))
    assert scanned(services, "things").state == "complete"
    assert told(services) == [("updated", "7", 2)]


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


@ON_SQLITE
@pytest.mark.parametrize("column", ["fingerprint", "deleted_at", "changed_at", "document", "name"])
def test_what_is_no_text_is_put_back(shop: Shop, services: Services, column: str) -> None:
    assert_put_back(shop, services, f"UPDATE things SET {column} = CAST(x'ff' AS TEXT) WHERE key = '7'")


@ON_SQLITE
@pytest.mark.parametrize("column", ["key", "parent_key"])
@pytest.mark.parametrize("value", ["x'37'", "CAST(x'ff' AS TEXT)", "'a' || char(0) || 'b'"])
def test_rows_under_names_that_mirrorpoint_never_writes_are_removed(
    shop: Shop, services: Services, column: str, value: str
) -> None:
    assert_put_back(shop, services, f"UPDATE things SET {column} = {value} WHERE key = '7'")


@ON_POSTGRESQL
@pytest.mark.parametrize("column", ["deleted_at", "changed_at", "first_seen_at", "since"])
@pytest.mark.parametrize("value", ["infinity", "-infinity", "0044-03-15 00:00:00 BC"])
def test_times_that_only_the_database_knows_are_put_back(
    shop: Shop, services: Services, column: str, value: str
) -> None:
    assert_put_back(shop, services, f"UPDATE things SET {column} = '{value}' WHERE key = '7'")


@ON_SQLITE
@pytest.mark.parametrize("value", ["x'37'", "CAST(x'ff' AS TEXT)"])
def test_a_row_that_breaks_a_scan_is_removed_by_the_next_one(shop: Shop, services: Services, value: str) -> None:
    """The database does not count rows that are added."""
    shop.lists("things", *things())
    scanned(services, "things")
    before = mirrored(services, "things")
    columns = "source, parent_key, document, version, fingerprint, first_seen_at, changed_at"
    run(services, f"INSERT INTO things (key, {columns}) SELECT {value}, {columns} FROM things WHERE key = '7'")
    with pytest.raises((TypeError, OperationalError)):
        scanned(services, "things")
    assert scanned(services, "things").state == "complete"
    assert mirrored(services, "things") == before
    assert problems(services) == []
    assert told(services) == []


@ON_SQLITE
def test_a_comparison_goes_on_behind_rows_under_such_names(
    shop: Shop, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(against_log, "_ROWS", 2)
    shop.lists("things", '{"id":1}', '{"id":2}')
    shop.parts(1, *things(5))
    shop.parts(2, *things(5))
    for name in ("things", "parts"):
        scanned(services, name)
    before = mirrored(services, "parts")
    run(services, "UPDATE parts SET key = CAST(key AS BLOB) WHERE parent_key = '1'")
    run(services, """UPDATE parts SET document = '{"id":1}' WHERE parent_key = '2' AND key = '1'""")
    for _ in range(2):
        assert scanned(services, "parts").state == "complete"
    assert mirrored(services, "parts") == before
    assert problems(services) == []
