"""Pages that came so in the last complete scan are not compared with the mirror, unless somebody has written there."""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from changes.records import Id
from storage import generations, row_cache, seen_ids
from storage.engine import Database
from tasks.scan import whole_pages
from tasks.scan.position import Position
from tasks.scan.scope import Scope
from tasks.scan.whole_pages import WholePages
from tasks.services import Services
from tests import mirrored_world
from tests.integration import shop as shops
from tests.integration.scripted_server import Reply, Request
from tests.integration.shop import PAGE_SIZE, Shop, keys, mirrored, paged, run, scanned, things
from tests.mirrored_world import log
from tests.waiting import until

ROWS = 220

file, services = shops.file, shops.services


def told(services: Services) -> list[tuple[str, str]]:
    return [(change.kind, change.key) for change in log(services) if change.kind != "snapshot"]


def compared(services: Services) -> int:
    """With how many statements a scan compares rows with the mirror."""
    texts: list[str] = []

    def note(text: str, _: object) -> None:
        texts.append(text.strip())

    services.database.watchers.append(note)
    try:
        assert scanned(services, "things").state == "complete"
    finally:
        services.database.watchers.remove(note)
    # On SQLite, on PostgreSQL.
    return sum(text.startswith(("SELECT count(*) FROM json_each", "SELECT key, fingerprint")) for text in texts)


def breaking_off(whole: Callable[[Request], Reply], *, behind: int) -> Callable[[Request], Reply]:
    """The list, which cannot be read behind that offset."""
    return lambda request: Reply(400, b"{}") if int(request.query.get("offset", 0)) > behind else whole(request)


def without_total(rows: Sequence[str]) -> Callable[[Request], Reply]:
    """A list that does not say how long it is."""

    def answer(request: Request) -> Reply:
        start, limit = int(request.query.get("offset", 0)), int(request.query.get("limit", 100))
        return Reply(200, b"[%s]" % ",".join(rows[start : start + limit]).encode())

    return answer


def test_a_list_that_came_whole_is_neither_compared_nor_remembered_anew(shop: Shop, services: Services) -> None:
    shop.lists("things", *things(ROWS))
    scanned(services, "things")
    assert [compared(services) for _ in range(3)] == [0, 0, 0]
    assert told(services) == []


def test_the_ids_of_a_list_that_came_whole_are_not_looked_at(
    shop: Shop, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.lists("things", *things(ROWS))
    for _ in range(2):  # the first one asks for more, to learn how the list is read
        scanned(services, "things")
    counts: list[int] = []
    count = seen_ids.Seen._count
    monkeypatch.setattr(seen_ids.Seen, "_count", lambda seen: counts.append(1) or count(seen))
    for _ in range(2):
        scan = scanned(services, "things")
        assert (scan.state, scan.rows) == ("complete", ROWS)
    assert counts == []
    shop.lists("things", *things(ROWS, t7="x"))
    assert scanned(services, "things").state == "complete"
    assert counts


def test_a_row_that_takes_the_place_of_another_on_a_page_that_is_read_whole_is_seen(
    shop: Shop, services: Services
) -> None:
    """As many rows as before, on pages of which all but one come as before; one record comes twice, another never."""
    shop.lists("things", *things(ROWS))
    for _ in range(2):
        scanned(services, "things")
    shop.lists("things", *things(ROWS)[:-1], things(ROWS)[3])
    shop.gone(ROWS - 1)
    for _ in range(3):
        scanned(services, "things")
    assert told(services) == [("deleted", str(ROWS - 1))]


def test_a_change_that_is_taken_back_is_told_whatever_was_remembered(shop: Shop, services: Services) -> None:
    """The pages have just the bytes again that they had when they were remembered."""
    shop.lists("things", *things(ROWS))
    scanned(services, "things")
    for round_ in range(3):
        shop.lists("things", *things(ROWS, t7="x", t120="y"))
        scanned(services, "things")
        shop.lists("things", *things(ROWS))
        scanned(services, "things")
        assert told(services)[round_ * 4 :] == [("updated", "7"), ("updated", "120")] * 2


def test_a_change_that_a_broken_scan_saw_is_told_when_it_is_taken_back(shop: Shop, services: Services) -> None:
    shop.lists("things", *things(ROWS))
    scanned(services, "things")
    whole = paged([each.encode() for each in things(ROWS, t7="x")])

    shop.server.on("GET", "/things", breaking_off(whole, behind=PAGE_SIZE * 2))
    assert scanned(services, "things").state != "complete"
    assert told(services) == [("updated", "7")]
    shop.lists("things", *things(ROWS))
    assert scanned(services, "things").state == "complete"
    assert told(services) == [("updated", "7")] * 2


def test_a_deleted_record_whose_row_comes_again_as_it_was_is_restored(shop: Shop, services: Services) -> None:
    shop.lists("things", *things(30))
    scanned(services, "things")
    shop.lists("things", *things(29))
    shop.gone(29)
    for _ in range(2):
        scanned(services, "things")
    assert told(services) == [("deleted", "29")]
    shop.lists("things", *things(30))
    scanned(services, "things")
    assert told(services) == [("deleted", "29"), ("restored", "29")]


def test_what_is_written_to_the_mirror_before_its_page_is_read_is_put_right_by_that_scan(
    shop: Shop, services: Services, database_url: str
) -> None:
    shop.lists("things", *things(ROWS))
    scanned(services, "things")
    whole = paged([each.encode() for each in things(ROWS)])

    def with_a_stranger(request: Request) -> Reply:
        shop.server.on("GET", "/things", whole)
        stranger = Database(database_url)
        with stranger.write() as session:
            session.execute("DELETE FROM things WHERE key = '180'")
        stranger.dispose()
        return whole(request)

    shop.server.on("GET", "/things", with_a_stranger)
    scanned(services, "things")
    assert "180" in keys(services, "things")


@pytest.mark.parametrize("rows_of_a_record", [("new", "old"), ("old", "new")])
def test_of_a_record_that_comes_on_two_pages_the_last_row_counts(
    shop: Shop, services: Services, rows_of_a_record: tuple[str, str]
) -> None:
    """The second page is as it was, the first one is not; and no total tells that a record is lacking."""
    first, last = rows_of_a_record
    shop.server.on("GET", "/leaflets", without_total(things(ROWS, t170=last)))
    for _ in range(2):
        scanned(services, "leaflets")
    rows = things(ROWS, t170=last)
    rows[20] = json.dumps({"id": 170, "name": first})
    shop.server.on("GET", "/leaflets", without_total(rows))
    for _ in range(3):
        scanned(services, "leaflets")
        assert mirrored(services, "leaflets")[Id("", "170")]["name"] == last


def test_a_page_with_a_row_that_cannot_be_taken_is_read_and_told_of_each_time(shop: Shop, services: Services) -> None:
    rows = things(ROWS)
    rows[70] = json.dumps({"name": "without a key"})
    shop.lists("leaflets", *rows)
    assert [scanned(services, "leaflets").skipped for _ in range(4)] == [1] * 4


def test_a_page_with_a_row_that_says_it_is_gone_is_read_each_time(shop: Shop, file: Path) -> None:
    catalogue = file.parent / "shop.toml"
    catalogue.write_text(catalogue.read_text() + '\n[resources.notes]\npath = "/notes"\ndeleted = { gone = [true] }\n')
    rows = things(ROWS)
    rows[70] = json.dumps({"id": 70, "name": "n70", "gone": True})
    shop.lists("notes", *rows)
    with closing(mirrored_world.services(file)) as services:
        for _ in range(4):
            assert scanned(services, "notes").state == "complete"
        assert len(keys(services, "notes")) == ROWS - 1
        shop.lists("notes", *things(ROWS))
        scanned(services, "notes")
        assert len(keys(services, "notes")) == ROWS


@pytest.mark.parametrize("why", ["", "a further walk", "records twice", "another rule", "written"])
def test_a_page_is_taken_as_compared_only_where_nothing_speaks_against_it(
    shop: Shop, services: Services, why: str
) -> None:
    shop.lists("things", *things(ROWS))
    scanned(services, "things")
    with services.database.read() as session:
        generation = generations.now(session, "shop", "things")
        compared = row_cache.last_compared(session, "shop", "things")
    assert compared is not None
    resource = services.sources["shop"].catalogue.resources["things"]
    scope = Scope(services, "shop", resource, "1", 1, True, None, services.now(), compared=compared)
    position = Position(generation=generation, first_part=2 if why == "a further walk" else 1)
    rule = "another" if why == "another rule" else whole_pages.rule(scope)
    pages = WholePages(scope, position, rule=rule, comes_twice=why == "records twice")
    if why == "written":
        pages.note_written(["7"])
    with services.database.read() as session:
        assert (pages.find(session, 0, compared.pages[8:24]) is None) is bool(why)


def test_nothing_is_left_of_a_scan_in_which_records_came_twice(shop: Shop, services: Services) -> None:
    rows = things(ROWS)
    rows[120] = rows[20]
    shop.lists("leaflets", *rows)
    scanned(services, "leaflets")
    with services.database.read() as session:
        assert row_cache.last_compared(session, "shop", "leaflets") is None


def test_rows_that_moved_by_one_are_recognised_and_the_pages_remembered_when_they_come_so_again(
    shop: Shop, services: Services
) -> None:
    shop.lists("things", *things(ROWS))
    scanned(services, "things")
    moved = [json.dumps({"id": 1000, "name": "first"}), *things(ROWS)]
    shop.lists("things", *moved)
    assert compared(services) > 0
    assert compared(services) >= 0  # remembers them
    assert compared(services) == 0
    assert told(services) == [("created", "1000")]


def test_what_is_written_to_the_mirror_during_a_scan_is_seen_by_the_next_one(
    shop: Shop, services: Services, database_url: str
) -> None:
    """Its page has been read already, and the scan has changes of its own behind it."""
    shop.lists("things", *things(ROWS))
    scanned(services, "things")
    whole = paged([each.encode() for each in things(ROWS, t200="x")])

    def while_it_is_read(request: Request) -> Reply:
        if int(request.query.get("offset", 0)) > PAGE_SIZE * 3:
            shop.server.on("GET", "/things", whole)
            other = Database(database_url)
            with other.write() as session:
                session.execute("DELETE FROM things WHERE key = '7'")
            other.dispose()
        return whole(request)

    shop.server.on("GET", "/things", while_it_is_read)
    scanned(services, "things")
    scanned(services, "things")
    assert "7" in keys(services, "things")
    assert ("updated", "200") in told(services)


@pytest.mark.parametrize("dialect", ["postgresql"], indirect=True)
def test_a_scan_waits_with_its_own_changes_for_who_has_not_committed_his(
    shop: Shop, services: Services, database_url: str
) -> None:
    """Else it could not tell his changes from its own."""
    shop.lists("things", *things(ROWS))
    scanned(services, "things")
    shop.lists("things", *things(ROWS, t7="x"))
    stranger = Database(database_url)
    with stranger.write() as session:
        session.execute("DELETE FROM things WHERE key = '120'")
        scan = threading.Thread(target=lambda: scanned(services, "things"))
        scan.start()

        def is_waiting() -> bool:
            with services.database.read() as other:
                found = other.execute("SELECT count(*) FROM pg_locks WHERE NOT granted").fetchone()
            return bool(found[0])

        until(is_waiting)
    scan.join()
    stranger.dispose()
    scanned(services, "things")
    assert "120" in keys(services, "things")
    assert told(services) == [("updated", "7")]


@pytest.mark.parametrize("seed", range(3))
def test_random_changes_and_strange_hands_leave_the_mirror_as_the_list_is(
    shop: Shop, services: Services, seed: int
) -> None:
    rng = random.Random(seed)
    rows = {number: f"n{number}" for number in range(130)}
    former = [dict(rows)]
    for round_ in range(18):
        what = rng.choice(("nothing", "nothing", "change", "back", "new", "order", "strange", "forget", "broken"))
        if what == "change":
            for number in rng.sample(sorted(rows), rng.choice((1, 3, 40))):
                rows[number] = f"r{round_}"
        elif what == "back":
            rows |= rng.choice(former)
        elif what == "new":
            rows[1000 + round_] = "new"
        elif what == "order":
            rows = dict(sorted(rows.items(), key=lambda item: (item[0] % rng.choice((1, 2, 7)), item[0])))
        elif what == "strange":
            some = ", ".join(f"'{number}'" for number in rng.sample(sorted(rows), 5))
            how = rng.choice(("DELETE FROM leaflets", "UPDATE leaflets SET fingerprint = 'x'"))
            run(services, f"{how} WHERE key IN ({some})")
        elif what == "forget":
            run(services, f"DELETE FROM {rng.choice(('mirrorpoint_page', 'mirrorpoint_compared'))}")
        whole = paged([json.dumps({"id": number, "name": name}).encode() for number, name in rows.items()])
        if what == "broken":
            shop.server.on("GET", "/leaflets", breaking_off(whole, behind=rng.randrange(130)))
            scanned(services, "leaflets")
        shop.server.on("GET", "/leaflets", whole)
        assert scanned(services, "leaflets").state == "complete"
        found = {int(id_.key): document["name"] for id_, document in mirrored(services, "leaflets").items()}
        assert found == rows, what
        former.append(dict(rows))
