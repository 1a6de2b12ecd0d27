"""On PostgreSQL nobody waits in a circle for the generation of a table: who scans, and who brings the table up."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from storage import mending, postgresql_sessions
from storage.errors import DatabaseTrouble
from tasks import housekeeping
from tasks.scan import put_back
from tasks.services import Services
from tests import mirrored_world
from tests.integration import shop as shops
from tests.integration.shop import Shop, scanned, things
from tests.mirrored_world import log
from tests.waiting import until

pytestmark = pytest.mark.parametrize("dialect", ["postgresql"], indirect=True)

file, services = shops.file, shops.services


def test_a_table_that_gets_another_column_while_a_scan_writes_to_it(
    shop: Shop, services: Services, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.lists("things", *things(120))
    scanned(services, "things")
    shop.lists("things", *things(120, t7="x"))
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


@contextmanager
def stranger(services: Services, text: str) -> Iterator[None]:
    """Somebody who has not committed yet."""
    with services.database.write() as session:
        session.execute(text)
        yield
        session.rollback()


def test_who_does_not_commit_holds_a_scan_up_for_a_while_and_not_for_good(
    shop: Shop, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgresql_sessions, "LOCK_SECONDS", 1)
    with closing(mirrored_world.services(file)) as services:
        shop.lists("things", *things(120))
        scanned(services, "things")
        shop.lists("things", *things(120, t7="x"))
        with stranger(services, "UPDATE things SET name = 'y' WHERE key = '3'"), pytest.raises(DatabaseTrouble):
            scanned(services, "things")
        assert scanned(services, "things").state == "complete"
        assert [(change.kind, change.key) for change in log(services) if change.kind != "snapshot"] == [
            ("updated", "7")
        ]


def test_a_damaged_table_that_somebody_uses_is_mended_later_and_nothing_else_waits(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mending, "MEND_SECONDS", 0.2)
    shops.run(services, "ALTER TABLE things DROP COLUMN size")
    with stranger(services, "LOCK TABLE things IN ACCESS SHARE MODE"):
        housekeeping.housekeep(services)
        with services.database.read() as session:
            assert session.execute("SELECT count(*) FROM things").fetchone()[0] == 0
    housekeeping.housekeep(services)
    with services.database.read() as session:
        session.execute("SELECT size FROM things")


def is_anybody_waiting(services: Services) -> bool:
    with services.database.read() as session:
        found = session.execute("SELECT count(*) FROM pg_locks WHERE NOT granted").fetchone()
    return bool(found[0])
