"""What a stranger does to a mirrored table as a whole, and what housekeeping makes of it."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from tasks import housekeeping
from tasks.services import Services
from tests.integration import shop as shops
from tests.integration.shop import Shop, problems, row, run, scanned, things, told

#: What of the table is no mirror any more: nothing that housekeeping can make right.
BEYOND_REPAIR = {
    "a table of his own": ["DROP TABLE things", "CREATE TABLE things (a INTEGER)"],
    "a view": ["ALTER TABLE things RENAME TO former_things", "CREATE VIEW things AS SELECT * FROM former_things"],
    "no versions": ["ALTER TABLE things DROP COLUMN version"],
    "another case": ["ALTER TABLE things RENAME TO former_things", 'ALTER TABLE former_things RENAME TO "Things"'],
    "a view on a column": [
        "ALTER TABLE things DROP COLUMN size",
        "ALTER TABLE things ADD COLUMN size TEXT",
        "CREATE VIEW sizes AS SELECT size FROM things",
        "ALTER TABLE things DROP COLUMN price",
    ],
}

file, services = shops.file, shops.services


@pytest.mark.parametrize("what", BEYOND_REPAIR)
def test_a_table_beyond_repair_keeps_housekeeping_from_nothing_else(shop: Shop, services: Services, what: str) -> None:
    shop.lists("things", *things(3))
    shop.lists("leaflets", *things(3))
    for name in ("things", "leaflets"):
        scanned(services, name)
    for text in BEYOND_REPAIR[what]:
        run(services, text)
    run(services, "DROP TABLE leaflets")
    housekeeping.housekeep(services)
    assert scanned(services, "leaflets").state == "complete"


@pytest.mark.parametrize(
    "texts",
    [
        ["ALTER TABLE things RENAME COLUMN size TO extent"],
        ["ALTER TABLE things ADD COLUMN mine TEXT", "ALTER TABLE things DROP COLUMN size"],
        ["ALTER TABLE things DROP COLUMN size", "ALTER TABLE things ADD COLUMN size TEXT"],
    ],
    ids=["renamed", "another beside", "another type"],
)
def test_a_column_that_is_lost_comes_again_where_the_table_has_as_many_as_before(
    shop: Shop, services: Services, file: Path, texts: list[str]
) -> None:
    shop.lists("things", *things(3))
    scanned(services, "things")
    before = row(services, "things", "1")["size"]
    for text in texts:
        run(services, text)
    housekeeping.housekeep(services)
    shop.lists("things", *things(3), '{"id": 9, "size": 9}')
    assert scanned(services, "things").state == "complete"
    assert row(services, "things", "1")["size"] == before
    assert told(services) == [("created", "9", 1)]
    assert problems(services) == []


def test_somebody_who_reads_a_damaged_table_for_long_keeps_housekeeping_from_nothing_else(
    shop: Shop, services: Services
) -> None:
    if services.database.dialect == "sqlite":
        pytest.skip("a reader holds nobody up")
    shop.lists("things", *things(3))
    shop.lists("leaflets", *things(3))
    for name in ("things", "leaflets"):
        scanned(services, name)
    run(services, "ALTER TABLE things DISABLE TRIGGER mirrorpoint_delete")
    run(services, "DROP TABLE leaflets")
    at_work = threading.Thread(target=housekeeping.housekeep, args=(services,))
    with services.database.read() as reading:  # a report that takes an hour
        reading.execute("SELECT count(*) FROM things")
        at_work.start()
        at_work.join(8)
        is_held_up = at_work.is_alive()
    at_work.join()
    assert not is_held_up
    assert scanned(services, "leaflets").state == "complete"
