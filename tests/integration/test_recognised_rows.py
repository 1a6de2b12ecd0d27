"""Rows that come byte for byte as before are not read again, and what is told of them is the same as if they were."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from changes import bodies
from changes.raw_rows import Slices
from changes.records import Id
from changes.sealing import new_key
from tasks.scan import write
from tasks.services import Services
from tests import mirrored_world
from tests.integration import shop as shops
from tests.integration.shop import PAGE_SIZE, Shop, keys, mirrored, row, scanned
from tests.mirrored_world import log
from worker import bootstrap, settings

file, services = shops.file, shops.services


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The rows that were read, of all pages."""
    found: list[Any] = []
    reading = Slices.read

    def note(these: Slices, place: int) -> Any:
        found.append(reading(these, place))
        return found[-1]

    monkeypatch.setattr(Slices, "read", note)
    return found


def things(count: int, **changed: Any) -> list[str]:
    return [json.dumps({"id": n, "name": f"n{n}", "size": n * 2.5} | changed.get(f"t{n}", {})) for n in range(count)]


def told(services: Services) -> list[tuple[str, str]]:
    return [(change.kind, change.key) for change in log(services) if change.kind != "snapshot"]


def statements(services: Services, work: Callable[[], object]) -> list[str]:
    """What the database was asked meanwhile."""
    found: list[str] = []

    def note(text: str, _: object) -> None:
        found.append(text.strip())

    services.database.watchers.append(note)
    try:
        work()
    finally:
        services.database.watchers.remove(note)
    return found


def test_all_rows_are_read_once_more_where_a_new_version_reads_them_otherwise(
    shop: Shop, services: Services, read: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.lists("things", *things(220))
    scanned(services, "things")
    monkeypatch.setattr(bodies, "READING", bodies.READING + 1)
    for times in (1, 0):
        read.clear()
        scan = scanned(services, "things")
        assert (scan.state, scan.updated) == ("complete", 0)
        assert len(read) >= 220 * times
        assert bool(read) is bool(times)


def test_rows_that_have_not_changed_are_not_read_again(shop: Shop, services: Services, read: list[Any]) -> None:
    shop.lists("things", *things(220))
    scanned(services, "things")
    read.clear()
    scan = scanned(services, "things")
    assert (scan.state, scan.rows) == ("complete", 220)
    assert read == []


def test_of_a_page_the_rows_that_differ_are_read_and_told(shop: Shop, services: Services, read: list[Any]) -> None:
    shop.lists("things", *things(220))
    scanned(services, "things")
    for _ in range(2):  # the second time nothing has changed, and the page was not remembered anew
        read.clear()
        shop.lists("things", *things(220, t7={"name": "x"}, t99={"size": 1}))
        scan = scanned(services, "things")
        assert {thing["id"] for thing in read} == {7, 99}
    assert (scan.updated, told(services)) == (0, [("updated", "7"), ("updated", "99")])


def test_the_same_values_in_other_bytes_are_no_change_and_are_read_once(
    shop: Shop, services: Services, read: list[Any]
) -> None:
    shop.lists("things", *things(120))
    scanned(services, "things")
    shop.lists("things", *[text_.replace(":", " : ") for text_ in things(120)])
    scanned(services, "things")
    read.clear()
    scanned(services, "things")
    assert (read, told(services)) == ([], [])


def test_inserted_and_deleted_rows_shift_pages_and_only_what_has_left_its_page_is_read(
    shop: Shop, services: Services, read: list[Any]
) -> None:
    rows = things(240)
    shop.lists("things", *rows[1:200])
    scanned(services, "things")
    read.clear()
    shop.lists("things", *rows[:100], *rows[101:201])
    shop.gone(100)
    assert scanned(services, "things").state == "complete"
    assert len(read) < 20
    assert sorted(told(services)) == [("created", "0"), ("created", "200"), ("deleted", "100")]
    assert len(keys(services, "things")) == 200


def test_what_was_altered_in_the_mirror_is_put_right_though_its_bytes_are_known(shop: Shop, services: Services) -> None:
    shop.lists("things", *things(120))
    scanned(services, "things")
    with services.database.write() as session:
        session.objects.execute(
            text("UPDATE things SET fingerprint = '1x:0', document = :other WHERE key = '5'"),
            {"other": json.dumps({"id": 5, "name": "forged"})},
        )
    scanned(services, "things")
    assert row(services, "things", "5")["document"] == {"id": 5, "name": "n5", "size": 12.5}


def test_a_record_that_was_deleted_and_comes_back_as_it_was_is_restored(shop: Shop, services: Services) -> None:
    rows = things(120)
    shop.lists("things", *rows)
    scanned(services, "things")
    shop.lists("things", *rows[:60], *rows[61:])
    shop.gone(60)
    scanned(services, "things")
    shop.lists("things", *rows)
    scanned(services, "things")
    assert told(services) == [("deleted", "60"), ("restored", "60")]


def test_without_the_memory_everything_is_read_and_nothing_is_told(
    shop: Shop, services: Services, read: list[Any]
) -> None:
    shop.lists("things", *things(120))
    scanned(services, "things")
    with services.database.write() as session:
        session.objects.execute(text("DELETE FROM mirrorpoint_page"))
    for expected in (120, 0):
        read.clear()
        scanned(services, "things")
        assert len({thing["id"] for thing in read}) == expected
    assert told(services) == []


def test_another_seal_key_is_another_memory(shop: Shop, file: Path, services: Services, read: list[Any]) -> None:
    secret = {f"t{n}": {"password": "p"} for n in range(120)}
    shop.lists("things", *things(120, **secret))
    scanned(services, "things")
    (file.parent / "mirrorpoint.key").write_text(new_key())
    bootstrap.accept_seal_key(settings.load(str(file)))
    with closing(mirrored_world.services(file)) as other:
        read.clear()
        scanned(other, "things")
    assert len(read) >= 120
    assert told(services) == []


def test_a_secret_that_changes_is_seen_and_nothing_kept_tells_it(shop: Shop, services: Services) -> None:
    shop.lists("things", *things(120, t5={"password": "planted-one"}))
    scanned(services, "things")
    shop.lists("things", *things(120, t5={"password": "planted-two"}))
    scanned(services, "things")
    assert told(services) == [("updated", "5")]
    with services.database.read() as session:
        kept = str(session.objects.execute(text("SELECT * FROM mirrorpoint_page")).all())
    assert "planted" not in kept


def test_a_key_that_stands_twice_on_a_page_has_its_last_row_as_ever(shop: Shop, services: Services) -> None:
    rows = things(100)
    double = '{"id": 3, "name": "last"}'
    shop.lists("leaflets", *rows, double)
    first = scanned(services, "leaflets")
    shop.lists("leaflets", *rows[:20], double, *rows[20:])
    second = scanned(services, "leaflets")
    assert (first.state, second.state) == ("complete", "complete")
    assert mirrored(services, "leaflets")[Id("", "3")]["name"] == "last"
    shop.lists("leaflets", double, *rows)
    scanned(services, "leaflets")
    assert mirrored(services, "leaflets")[Id("", "3")]["name"] == "n3"


def test_rows_with_text_that_had_to_be_repaired_are_counted_at_every_scan(shop: Shop, services: Services) -> None:
    shop.lists("things", *things(60), '{"id": 60, "name": "a\\u0000b"}')
    assert [scanned(services, "things").repaired for _ in range(3)] == [1, 1, 1]


@pytest.mark.parametrize(
    ("row", "key"), [('"text {}"', '"$"'), ('{{"name": "without a key of its own {}"}}', '["id", "#"]')]
)
def test_rows_that_are_told_apart_by_all_they_hold_are_read_every_time_and_nothing_is_written_for_them(
    shop: Shop, file: Path, row: str, key: str
) -> None:
    catalogue = file.parent / "shop.toml"
    catalogue.write_text(catalogue.read_text() + f'\n[resources.names]\npath = "/names"\nkey = {key}\n')
    shop.lists("names", *[row.format(number) for number in range(PAGE_SIZE * 3)])
    with closing(mirrored_world.services(file)) as services:
        scanned(services, "names")
        wrote = statements(services, lambda: scanned(services, "names"))
        assert not [statement for statement in wrote if statement.startswith("INSERT INTO mirrorpoint_page")]
        assert len(keys(services, "names")) == PAGE_SIZE * 3


def test_a_key_with_other_bytes_on_two_pages_is_never_taken_for_its_twin(shop: Shop, services: Services) -> None:
    """Rows of one key stand on both sides of a page's end, and behind it: what either says is told."""
    rows, last = things(110), PAGE_SIZE - 1

    def twins(on_end: str, behind: str, far: str) -> None:
        own = list(rows)
        own[last] = json.dumps({"id": "twin", "name": on_end})
        own[last + 3] = json.dumps({"id": "twin", "name": behind})
        own[last + 40] = json.dumps({"id": "twin", "name": far})
        shop.lists("leaflets", *own)
        scanned(services, "leaflets")
        assert mirrored(services, "leaflets")[Id("", "twin")]["name"] == far

    for names in (("a", "b", "c"), ("a", "b", "c"), ("a", "b", "a"), ("b", "a", "b"), ("b", "b", "a"), ("a", "a", "b")):
        twins(*names)


def test_a_page_size_of_another_day_leaves_nothing_behind(shop: Shop, file: Path, services: Services) -> None:
    shop.lists("things", *things(220))
    scanned(services, "things")
    file.write_text(file.read_text().replace(f"page_size = {PAGE_SIZE}", "page_size = 70"))
    with closing(mirrored_world.services(file)) as other:
        scanned(other, "things")
        shop.lists("things", *things(80))
        shop.gone(*range(80, 220))
        scanned(other, "things")
    with services.database.read() as session:
        places = session.objects.execute(text("SELECT place FROM mirrorpoint_page ORDER BY place")).scalars().all()
    assert places == [0, 69]


def test_random_changes_are_told_the_same_with_and_without_the_memory(shop: Shop, services: Services) -> None:
    rng = random.Random(5)
    rows = {number: {"id": number, "name": "a"} for number in range(150)}
    expected = []
    shop.lists("leaflets", *map(json.dumps, rows.values()))
    scanned(services, "leaflets")
    for round_ in range(12):
        for number in rng.sample(sorted(rows), rng.choice((0, 1, 5, 40))):
            rows[number] = {"id": number, "name": f"r{round_}"}
            expected.append(("updated", str(number)))
        for number in range(1000 + round_ * 3, 1000 + round_ * 3 + rng.randint(0, 3)):
            rows[number] = {"id": number, "name": "new"}
            expected.append(("created", str(number)))
        if rng.random() < 0.3:
            with services.database.write() as session:
                session.objects.execute(text("DELETE FROM mirrorpoint_page WHERE place > 60"))
        order = sorted(rows, key=lambda number: (number >= 1000 and round_ % 2 == 0, number))
        shop.lists("leaflets", *[json.dumps(rows[number]) for number in order])
        assert scanned(services, "leaflets").state == "complete"
    assert sorted(told(services)) == sorted(expected)
    assert {id_.key: document for id_, document in mirrored(services, "leaflets").items()} == {
        str(number): document for number, document in rows.items()
    }


def test_a_page_without_news_takes_one_statement_of_the_database_and_writes_nothing(
    shop: Shop, services: Services
) -> None:
    shop.lists("things", *things(PAGE_SIZE * 2))
    for _ in range(3):  # what is learned of the list is written down once
        scanned(services, "things")
    few = statements(services, lambda: scanned(services, "things"))
    shop.lists("things", *things(PAGE_SIZE * 8))
    for _ in range(3):
        scanned(services, "things")
    many = statements(services, lambda: scanned(services, "things"))

    def writes(found: list[str]) -> list[str]:
        shared = ("mirrorpoint_budget", "mirrorpoint_permit", "mirrorpoint_lease")  # as many as the time allows
        of_scan = [statement for statement in found if not any(name in statement for name in shared)]
        return [statement for statement in of_scan if statement.startswith(("INSERT", "UPDATE", "DELETE"))]

    assert len(writes(many)) == len(writes(few))
    assert not [statement for statement in writes(many) if "things" in statement or "mirrorpoint_change" in statement]
    pages = [statement for statement in many if statement.startswith("SELECT") and "mirrorpoint_page" in statement]
    compares = ("SELECT count(*) FROM json_each", "SELECT key, fingerprint")  # on SQLite, on PostgreSQL
    mirror = [statement for statement in many if statement.startswith(compares)]
    assert (len(pages), len(mirror)) == (9, 0)  # of eight pages, and of the list's end


def test_pages_with_news_are_written_together_up_to_a_number_of_rows(
    shop: Shop, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(write, "NEWS_SECONDS", 60)
    monkeypatch.setattr(write, "NEWS_ROWS", PAGE_SIZE * 4)
    shop.lists("things", *things(PAGE_SIZE * 8))
    writes = statements(services, lambda: scanned(services, "things"))
    assert 3 == sum("INSERT INTO mirrorpoint_seen" in statement for statement in writes)
    assert len(log(services)) == PAGE_SIZE * 8


def test_a_list_is_read_with_one_request_a_page_and_one_for_its_end(shop: Shop, services: Services) -> None:
    for pages in (1, 2, 9):
        shop.lists("things", *things(1 + (PAGE_SIZE - 1) * pages))
        scanned(services, "things")
        scan = scanned(services, "things")
        assert (scan.requests, scan.pages) == (pages + 1, pages + 1)


def test_lists_below_their_parents_are_read_with_one_request_each(shop: Shop, services: Services) -> None:
    shop.lists("things", *things(30))
    for number in range(30):
        shop.parts(number, '{"id": 1}', '{"id": 2}')
    scanned(services, "things")
    scanned(services, "parts")
    asked = statements(services, lambda: scanned(services, "parts"))
    scan = scanned(services, "parts")
    assert (scan.state, scan.rows) == ("complete", 60)
    assert scan.requests == 30
    reads = [statement for statement in asked if statement.startswith("SELECT") and "parts" in statement]
    assert len(reads) < 10  # of 30 lists together
