"""A mirrored table that somebody drops is made anew by itself, with the records that the log has; nobody is told."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from storage import actions, made_anew, mending, recent_scans
from storage.engine import Database
from storage.mending import Mended
from storage.session import Session, failures
from tasks import housekeeping
from tasks.mirror_checks import rules
from tasks.scan import apply
from tasks.services import Services
from tests import mirrored_world
from tests.commands import Commands
from tests.integration import shop as shops
from tests.integration.scripted_server import Reply, Request
from tests.integration.shop import Shop, keys, mirrored, problems, row, run, scanned, things
from tests.mirrored_world import log

TWICE = "INSERT INTO things SELECT * FROM things WHERE key = '4'"
LOST = {
    "sqlite": {
        "column": ["ALTER TABLE things DROP COLUMN size"],
        "trigger": ["DROP TRIGGER mirrorpoint_delete_things"],
        "key": [],  # nobody can drop it there
    },
    "postgresql": {
        "column": ["ALTER TABLE things DROP COLUMN size"],
        "trigger": ["ALTER TABLE things DISABLE TRIGGER mirrorpoint_delete"],
        "key": ["ALTER TABLE things DROP CONSTRAINT things_pkey", TWICE],
    },
}
#: Few enough for no guard to hold their deletion.
COUNT = 6

file, services = shops.file, shops.services


def drop(database: Database, table: str) -> None:
    with database.write() as session:
        session.execute(f"DROP TABLE {table}")


def mend(services: Services) -> Mended:
    resources = {name: list(each.catalogue.resources.values()) for name, each in services.sources.items()}
    return mending.mend(services.database, resources, stamps=rules.stamps(services.vault.seal))


def told(services: Services) -> list[tuple[str, str]]:
    return [(change.kind, change.key) for change in log(services) if change.kind != "snapshot"]


def test_housekeeping_makes_a_dropped_table_anew_with_all_that_was_in_it(shop: Shop, services: Services) -> None:
    shop.lists("things", *things(COUNT))
    scanned(services, "things")
    shop.lists("things", *things(COUNT - 1))
    shop.gone(COUNT - 1)
    for _ in range(2):
        scanned(services, "things")
    before, changes = [row(services, "things", key) for key in ("0", str(COUNT - 1))], log(services)
    drop(services.database, "things")

    housekeeping.housekeep(services)

    assert [row(services, "things", key) for key in ("0", str(COUNT - 1))] == before
    assert problems(services) == []
    with services.database.read() as session:
        (told,) = actions.intents(session, (made_anew.MADE_ANEW,))
    assert told.arguments == {"table": "things", "records": COUNT}
    assert len(mirrored(services, "things")) == COUNT - 1
    assert scanned(services, "things").state == "complete"
    assert log(services) == changes


def test_children_of_a_table_that_was_dropped_are_not_taken_for_gone(
    shop: Shop, services: Services, file: Path
) -> None:
    shop.lists("things", *things(2))
    shop.parts(0, '{"id": "a"}')
    shop.parts(1, '{"id": "b"}')
    scanned(services, "things")
    scanned(services, "parts")
    drop(services.database, "things")

    with closing(mirrored_world.services(file)) as others:  # as after a restart
        for _ in range(2):
            scan = scanned(others, "parts")
            assert (scan.state, scan.rows, scan.held) == ("complete", 2, 0)

    assert len(mirrored(services, "parts")) == 2
    assert told(services) == []


def test_commands_that_read_work_again_after_it(
    shop: Shop, services: Services, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shop.lists("things", *things(COUNT))
    scanned(services, "things")
    commands = Commands(file, capsys)
    drop(services.database, "things")
    assert "does not have what the catalogues name: things" in commands("show", "things", "1").err
    housekeeping.housekeep(services)
    assert commands("show", "things", "1", "--json").json["document"]["name"] == "n1"


def test_what_another_configuration_has_brought_up_is_left_alone(services: Services) -> None:
    with services.database.write() as session:
        session.execute("UPDATE mirrorpoint_prepared SET digest = 'another'")
    for text in ("ALTER TABLE things DROP COLUMN size", "ALTER TABLE things ADD COLUMN size TEXT"):
        run(services, text)
    assert mend(services) == ({}, [], {})
    with services.database.read() as session:
        assert {digest for _, digest in session.execute("SELECT name, digest FROM mirrorpoint_prepared")} == {"another"}


@pytest.mark.parametrize("what", ["column", "trigger", "key"])
def test_what_a_table_has_lost_it_has_again_after_the_next_start(
    shop: Shop, services: Services, file: Path, what: str
) -> None:
    shop.lists("things", *things(COUNT))
    scanned(services, "things")
    before = [row(services, "things", str(n)) for n in range(COUNT)]
    for text in LOST[services.database.dialect][what]:
        run(services, text)
    run(services, "DELETE FROM things WHERE key = '3'")
    with closing(mirrored_world.services(file)) as others:
        assert scanned(others, "things").state == "complete"
        assert [row(others, "things", str(n)) for n in range(COUNT)] == before
        assert told(others) == []
        assert problems(others) == []


@pytest.mark.parametrize("what", ["column", "trigger", "key"])
def test_housekeeping_gives_a_table_back_what_it_has_lost(shop: Shop, services: Services, what: str) -> None:
    shop.lists("things", *things(COUNT))
    scanned(services, "things")
    before = [row(services, "things", str(n)) for n in range(COUNT)]
    for text in LOST[services.database.dialect][what]:
        run(services, text)
    run(services, "DELETE FROM things WHERE key = '3'")
    housekeeping.housekeep(services)
    assert scanned(services, "things").state == "complete"
    assert [row(services, "things", str(n)) for n in range(COUNT)] == before
    assert told(services) == problems(services) == []


@pytest.mark.parametrize("what", ["column", "trigger", "table"])
def test_a_table_that_another_process_has_mended_meanwhile_is_told_by_that_one_alone(
    services: Services, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    damaged, by_others = mending._damaged, list[Mended]()

    def then_others_mend(session: Session, united: Any) -> Any:
        found = damaged(session, united)
        monkeypatch.setattr(mending, "_damaged", damaged)
        by_others.append(mend(services))
        return found

    for text in (LOST[services.database.dialect] | {"table": ["DROP TABLE things"]})[what]:
        run(services, text)
    monkeypatch.setattr(mending, "_damaged", then_others_mend)
    assert mend(services) == ({}, [], {})
    assert by_others == [({"things": 0}, [], {}) if what == "table" else ({}, ["things"], {})]


@pytest.mark.parametrize("dialect", ["postgresql"], indirect=True)
def test_housekeeping_goes_on_where_a_table_cannot_be_mended(services: Services) -> None:
    run(services, "ALTER TABLE things ALTER COLUMN size TYPE text")
    run(services, "CREATE VIEW sizes AS SELECT size FROM things")
    run(services, "ALTER TABLE things DROP COLUMN price")
    drop(services.database, "leaflets")
    housekeeping.housekeep(services)
    run(services, "DROP VIEW sizes")
    housekeeping.housekeep(services)
    assert keys(services, "leaflets") == keys(services, "things") == []
    with services.database.read() as session:
        session.execute("SELECT price, size + 1 FROM things")


def test_a_table_that_somebody_has_renamed_is_made_anew_and_counted(shop: Shop, services: Services) -> None:
    shop.lists("things", *things(COUNT))
    shop.lists("leaflets", *things(COUNT))
    for name in ("things", "leaflets"):
        scanned(services, name)
    run(services, "ALTER TABLE things RENAME TO former_things")
    drop(services.database, "leaflets")
    housekeeping.housekeep(services)
    assert len(keys(services, "leaflets")) == COUNT
    for _ in range(2):
        assert scanned(services, "things").state == "complete"
        assert problems(services) == []
        run(services, "DELETE FROM things WHERE key = '3'")
    scanned(services, "things")
    assert len(keys(services, "things")) == COUNT
    assert told(services) == []


@pytest.mark.parametrize(
    ("statement", "resource", "gone"),
    [
        ("DROP TABLE things", "things", "the table things"),
        ("DROP TABLE things", "parts", "the table things"),
        ("ALTER TABLE things RENAME TO former_things", "things", "the table things"),
        ("ALTER TABLE things DROP COLUMN size", "things", "the column things.size"),
    ],
)
def test_a_scan_that_meets_it_fails_with_a_reason_that_names_what_is_gone(
    shop: Shop, services: Services, statement: str, resource: str, gone: str
) -> None:
    shop.lists("things", *things(COUNT))
    shop.parts(0, '{"id": "a"}')
    scanned(services, "things")
    scanned(services, "parts")
    run(services, statement)
    shop.lists("things", *things(COUNT + 1))
    shop.parts(0, '{"id": "a"}', '{"id": "b"}')

    scan = scanned(services, resource)

    assert scan.state == "failed"
    assert str(scan.reason).startswith(f"{gone} is gone: somebody has dropped or renamed it; `mirrorpoint run` makes")
    housekeeping.housekeep(services)
    assert scanned(services, resource).state == "complete"
    assert problems(services) == []


def test_sync_tells_it_as_an_outcome_and_the_next_one_mends_it(
    shop: Shop, services: Services, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    meanwhile = iter([lambda: drop(services.database, "leaflets")])

    def answer(_: Request) -> Reply:
        for act in meanwhile:
            act()
        return Reply(200, json.dumps({"total": 1, "data": [{"id": 1}]}).encode())

    shop.server.on("GET", "/leaflets", answer)
    commands = Commands(file, capsys)

    synced = commands("sync", "leaflets")

    assert synced.code == 3
    assert "the table leaflets is gone" in synced.out
    assert "Traceback" not in synced.out + synced.err
    assert commands("sync", "leaflets").code == 0


def test_a_statement_about_anything_else_that_is_missing_is_a_defect(
    shop: Shop, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(session: Session, *_: object, **__: object) -> None:
        session.execute("SELECT nothing FROM nowhere")

    shop.lists("things", *things(COUNT))
    monkeypatch.setattr(apply, "write_rows", broken)
    with pytest.raises(failures()):
        scanned(services, "things")
    with services.database.read() as session:
        (scan,) = recent_scans.read(session, "shop", "things", limit=1)
    assert str(scan.reason).startswith("unexpected ")
