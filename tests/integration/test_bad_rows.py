"""A row that cannot be taken is skipped, counted and named; every other row is mirrored, and the scan is complete."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from changes.records import Id
from storage import scans
from tasks.scan import apply
from tasks.scan import slice as scan_slices
from tasks.scan.slice_end import Outcome
from tasks.services import Services
from tests import mirrored_world
from tests.commands import Commands
from tests.integration import shop as shops
from tests.integration.shop import Shop, keys, mirrored, scanned

#: For what has nothing to do with the kind of database.
ONE_DATABASE = pytest.mark.parametrize("dialect", ["sqlite"])


@pytest.fixture
def file(shop: Shop, database_url: str, tmp_path: Path) -> Path:
    return shops.configure(tmp_path, database=database_url, url=shop.server.url, page_size=4)


@pytest.fixture
def services(file: Path) -> Iterator[Services]:
    built = mirrored_world.services(file)
    yield built
    built.close()


def nested(levels: int) -> str:
    return "[" * levels + "1" + "]" * levels


def tagged(key: int, tags: str) -> str:
    return f'{{"id": {key}, "tags": {tags}}}'


#: A row -> why it cannot be taken.
BAD = {
    "null": "is null",
    "5": "is a number, not an object",
    "[]": "is a list, not an object",
    "{}": "has no id that could be its key",
    '{"name": "secret"}': "has no id that could be its key",
    '{"id": null}': "has no id that could be its key",
    '{"id": {"a": "secret"}}': "cannot be keyed by id: it is an object",
    '{"id": ["secret"]}': "cannot be keyed by id: it is a list",
    '{"id": true}': "cannot be keyed by id: it is a boolean",
    '{"id": 1.5}': "cannot be keyed by id: it is a fraction",
    '{"id": ""}': "cannot be keyed by id: it is empty",
    json.dumps({"id": "x" * 501}): "cannot be keyed by id: it is 501 characters long, at most 500 fit",
    '{"id": 1e4400}': "holds a number beyond all bounds",
    '{"id": 60, "size": -1e9999}': "holds a number beyond all bounds",
    tagged(61, "9" * 5000): "holds a number beyond all bounds",
    '{"size": 1e4400}': "holds a number beyond all bounds",
    tagged(62, nested(300)): "is nested deeper than 254 levels",
    f'{{"tags": {nested(300)}}}': "is nested deeper than 254 levels",
    tagged(63, nested(20_000)): "is nested deeper than 254 levels",
    '{"id": 64, "password": 1e4400}': "holds a number beyond all bounds",
}  # fmt: skip


def test_rows_that_cannot_be_taken_are_counted_and_all_others_are_mirrored(shop: Shop, services: Services) -> None:
    rows = []
    for number, bad in enumerate(BAD):
        rows += [bad, json.dumps({"id": number})]
    shop.lists("things", *rows)

    scan = scanned(services, "things")

    assert ("complete", len(BAD), len(rows)) == (scan.state, scan.skipped, scan.rows)
    assert {str(number) for number in range(len(BAD))} == set(keys(services, "things"))
    before = mirrored_world.last_seq(services)
    assert ("complete", len(BAD)) == (scanned(services, "things").state, scanned(services, "things").skipped)
    assert before == mirrored_world.last_seq(services)


@ONE_DATABASE
def test_the_first_row_that_cannot_be_taken_is_named_with_its_place_in_the_list(shop: Shop, services: Services) -> None:
    good = [json.dumps({"id": number}) for number in range(9)]
    for bad, reason in BAD.items():
        shop.lists("leaflets", *good, bad, '{"id": "end"}')
        scan = scanned(services, "leaflets")
        assert (1, f"leaflets: row 10 {reason}") == (scan.skipped, scan.reason), bad[:60]
    shop.lists("leaflets", *good)
    assert scanned(services, "leaflets").reason is None


#: Rows that are odd and can be held -> key and document as they are mirrored.
ODD: dict[str, tuple[str, Any]] = {
    json.dumps({"id": 1, "name": "x" * 200_000}): ("1", {"id": 1, "name": "x" * 200_000}),
    '{"id": 2, "size": 123456789012345678901234567890}': ("2", {"id": 2, "size": 123456789012345678901234567890}),
    '{"id": 12345678901234567890123}': ("12345678901234567890123", {"id": 12345678901234567890123}),
    '{"id": 3, "name": "\U0001f600\U0001d54f"}': ("3", {"id": 3, "name": "\U0001f600\U0001d54f"}),
    '{"id": "\U0001f600"}': ("\U0001f600", {"id": "\U0001f600"}),
    '{"id": 4, "name": "a\\u0000b"}': ("4", {"id": 4, "name": "a\u2400b"}),
    '{"id": "k\\u0000"}': ("k\u2400", {"id": "k\u2400"}),
    '{"id": 5, "name": "a\\ud800b"}': ("5", {"id": 5, "name": "a\ufffdb"}),
    '{"id": "k\\udfff"}': ("k\ufffd~bce02484", {"id": "k\ufffd"}),
    '{"id": 6, "a\\u0000": 1}': ("6", {"id": 6, "a\u2400": 1}),
    '{"id": 7.0, "size": 1.0}': ("7", {"id": 7, "size": 1}),
    '{"id": 8, "id": 9}': ("9", {"id": 9}),
    tagged(10, nested(253)): ("10", {"id": 10, "tags": json.loads(nested(253))}),
    '{"id": "a/b%c?d#e"}': ("a/b%c?d#e", {"id": "a/b%c?d#e"}),
    '{"id": ".."}': ("..", {"id": ".."}),
    '{"id": " "}': (" ", {"id": " "}),
    '{"id": "a\\nb"}': ("a\nb", {"id": "a\nb"}),
    '"just text"': ("just text", "just text"),
    '{"id": 11, "price": 5e-324}': ("11", {"id": 11, "price": 5e-324}),
}  # fmt: skip


def test_odd_rows_are_mirrored_as_they_are_or_repaired(shop: Shop, services: Services) -> None:
    shop.lists("leaflets", *ODD)

    first, second = scanned(services, "leaflets"), scanned(services, "leaflets")

    assert {Id("", key): document for key, document in ODD.values()} == mirrored(services, "leaflets")
    assert ("complete", 0, 5) == (first.state, first.skipped, first.repaired)
    assert (0, 0, 0) == (second.created, second.updated, second.deleted)


def test_each_odd_row_is_deleted_like_any_other(shop: Shop, services: Services) -> None:
    shop.lists("leaflets", *ODD)
    scanned(services, "leaflets")
    for gone in range(0, len(ODD), 5):  # a few at a time, or a person would be asked
        shop.lists("leaflets", *list(ODD)[gone + 5 :], '{"id": "last"}')
        scanned(services, "leaflets")
        scanned(services, "leaflets")
    assert ["last"] == keys(services, "leaflets")


def test_a_value_of_another_type_than_its_column_stays_in_the_document_and_is_counted(
    shop: Shop, services: Services
) -> None:
    wrong = {"name": {"a": 1}, "size": "many", "price": "free", "sold": 2, "since": "yesterday", "tags": [1]}
    shop.lists(
        "things", json.dumps({"id": 1, **wrong}), '{"id": 2, "size": 9223372036854775808}', '{"id": 3, "size": 3}'
    )

    scan = scanned(services, "things")

    columns = ("name", "size", "price", "sold", "since", "tags")
    row = shops.row(services, "things", "1")
    assert ("complete", 0, 6) == (scan.state, scan.skipped, scan.unconverted)
    assert [None, None, None, None, None, [1]] == [row[column] for column in columns]
    assert {"id": 1, **wrong} == row["document"]
    assert (None, 3) == (shops.row(services, "things", "2")["size"], shops.row(services, "things", "3")["size"])


@pytest.mark.parametrize("between", [0, 9], ids=["on one page", "on two pages"])
def test_of_two_rows_with_one_key_the_last_wins_and_the_scan_is_complete(
    shop: Shop, services: Services, between: int
) -> None:
    others = [json.dumps({"id": number}) for number in range(100, 100 + between)]
    shop.lists("leaflets", '{"id": 1, "name": "first"}', *others, '{"id": "1", "name": "last"}')

    scan = scanned(services, "leaflets")

    assert ("complete", 0) == (scan.state, scan.skipped)
    assert {"id": "1", "name": "last"} == mirrored(services, "leaflets")[Id("", "1")]
    assert between + 1 == len(mirrored(services, "leaflets"))


def test_a_record_whose_row_cannot_be_taken_any_more_is_not_taken_for_deleted(shop: Shop, services: Services) -> None:
    good = [json.dumps({"id": number}) for number in range(4)]
    shop.lists("leaflets", *good)
    scanned(services, "leaflets")

    shop.lists("leaflets", '{"id": 0, "rate": 1e4400}', tagged(1, nested(300)), *good[2:])
    ends = [scanned(services, "leaflets") for _ in range(3)]

    assert [("complete", 2, 0)] * 3 == [(scan.state, scan.skipped, scan.deleted) for scan in ends]
    assert ["0", "1", "2", "3"] == keys(services, "leaflets")
    shop.lists("leaflets", '{"id": 0, "rate": 1}', *good[2:])
    scanned(services, "leaflets")
    assert (1, ["0", "2", "3"]) == (scanned(services, "leaflets").deleted, keys(services, "leaflets"))


def test_a_key_that_no_index_can_hold_is_skipped_and_the_longest_that_fits_is_not(
    shop: Shop, services: Services
) -> None:
    rng = random.Random(1)  # keys of one letter would be packed by the database

    def key(length: int) -> str:
        return "".join(chr(rng.randrange(0x20000, 0x2A000)) for _ in range(length))  # 4 bytes each

    thing, fitting, too_long = key(300), key(99), key(101)
    shop.lists("things", json.dumps({"id": thing}))
    shop.parts(quote(thing), json.dumps({"id": fitting}), json.dumps({"id": too_long}))

    assert (0, 1) == (scanned(services, "things").skipped, scanned(services, "parts").skipped)
    assert [fitting] == keys(services, "parts")


def test_a_bad_node_of_a_tree_takes_no_other_along(shop: Shop, services: Services) -> None:
    shop.lists(
        "menus",
        "null",
        '{"id": 1, "children": [null, {"name": "x", "children": [{"id": 2}]}, {"id": 3, "rate": 1e4400}, {"id": 4}]}',
        '{"id": 5, "children": {"a": 1}}',
        '{"id": 6, "children": [{"id": {"a": 1}}, 7]}',
    )

    scan = scanned(services, "menus")

    assert ("complete", 6) == (scan.state, scan.skipped)
    assert {"1", "2", "4", "5", "6"} == set(keys(services, "menus"))
    assert {"id": 1, "children": ["3", "4"]} == mirrored(services, "menus")[Id("", "1")]


def test_bad_rows_of_one_parent_leave_the_rows_of_the_others(shop: Shop, services: Services) -> None:
    shop.lists("things", '{"id": 1}', '{"id": 2}', '{"id": 3}')
    shop.parts(1, "null", '{"id": 7}')
    shop.parts(2, '{"id": {}}')
    shop.parts(3, '{"id": 7}', '{"id": 8}')
    scanned(services, "things")

    scan = scanned(services, "parts")

    assert ("complete", 2, "parts under 1: row 1 is null") == (scan.state, scan.skipped, scan.reason)
    assert {Id("1", "7"), Id("3", "7"), Id("3", "8")} == set(mirrored(services, "parts"))


def test_a_scan_goes_on_in_its_place_whatever_the_rows_are_like(
    shop: Shop, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [*ODD, *BAD, json.dumps({"id": "y" * 499}), '{"id": "end"}']
    shop.lists("leaflets", *rows)
    is_over = cycle([False, True])
    monkeypatch.setattr(scan_slices._Slice, "_is_over", lambda _: next(is_over))  # a page, then the next slice

    slices = 1
    while (end := scan_slices.scan_slice(services, "shop", "leaflets")).outcome is Outcome.AGAIN:
        slices += 1

    assert end.scan_id is not None
    with services.database.read() as session:
        scan = scans.get(session, end.scan_id)
    assert scan is not None
    assert ("complete", len(BAD), len(ODD) + 2) == (scan.state, scan.skipped, len(keys(services, "leaflets")))
    assert len(rows) // 4 < slices
    assert scan.pages < len(rows) // 2  # nothing was looked for again


@ONE_DATABASE
def test_status_and_sync_say_how_many_rows_were_skipped_and_why(
    shop: Shop, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shop.lists("leaflets", '{"id": 1}', "null", "{}")
    mirrorpoint = Commands(file, capsys)

    synced = mirrorpoint("sync", "leaflets")
    status = mirrorpoint("status", "--json").json["resources"]

    said = "2 rows could not be taken, the first: leaflets: row 2 is null"
    assert (0, True) == (synced.code, said in synced.out)
    assert [("leaflets", "complete", 1, said)] == [
        (each["resource"], each["state"], each["rows"], each["problem"]) for each in status if each["problem"]
    ]
    ends = mirrorpoint("sync", "leaflets", "--json").json["scans"]
    assert [(2, "leaflets: row 2 is null")] == [(scan["skipped"], scan["reason"]) for scan in ends]


@ONE_DATABASE
def test_status_and_sync_tell_shared_keys_repairs_and_what_did_not_fit_its_column(
    shop: Shop, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shop.lists(
        "things", '{"id": 1, "size": "x", "price": "y"}', '{"id": 1}', '{"id": 2, "name": "\\u0000"}', '{"id": 3}'
    )
    mirrorpoint = Commands(file, capsys)

    synced = mirrorpoint("sync", "things", "--json")
    (row,) = (each for each in mirrorpoint("status", "--json").json["resources"] if each["resource"] == "things")

    assert 0 == synced.code
    for told in (row, *synced.json["scans"]):
        assert (0, 1, 1) == (told["skipped"], told["doubles"], told["repaired"])
    said = "1 row had a key that came again; 1 row had text that cannot be held as it is"
    assert said == row["problem"]
    assert said in mirrorpoint("sync", "things").out.replace("\n", "")
    shop.lists("things", '{"id": 4, "size": "x", "price": "y"}', '{"id": 5, "size": "x"}')
    assert "3 values did not fit their columns" in mirrorpoint("sync", "things").out
    assert "3 values did not fit their columns" in mirrorpoint("status").out


@pytest.mark.parametrize("rows", [["null"], ["null", '{"name": "x"}', '{"id": 1, "size": 1e9999}']], ids=str)
def test_a_scan_that_could_take_no_row_has_failed_and_deletes_nothing(
    shop: Shop, file: Path, services: Services, capsys: pytest.CaptureFixture[str], rows: list[str]
) -> None:
    every = [json.dumps({"id": number}) for number in range(1, 4)]
    shop.lists("things", *every)
    scanned(services, "things")
    shop.lists("things", *rows)
    for key in (1, 2, 3):
        shop.answers(f"/things/{key}", b"", status=404)

    synced = Commands(file, capsys)("sync", "things", "--json")

    (scan,) = synced.json["scans"]
    assert (3, "failed", len(rows), 0) == (synced.code, scan["state"], scan["skipped"], scan["deleted"])
    assert "no row could be taken: things: row 1 is null" == scan["reason"]
    assert {"1", "2", "3"} == set(keys(services, "things"))


#: What a list answers -> what is said of it.
NONSENSE = {
    "empty": (b"", "status 200, but the answer is empty"),
    "page": (b"<html><title>Sign in</title></html>", "status 200, but the answer is HTML or XML, not JSON"),
    "words": (b"OK", "status 200, but the answer is not JSON: Expecting value at character 0 of 2"),
    "cut": (b'{"data": [{"id": 1}, {"id"', "status 200, but the answer is cut short after 26 bytes"),
    "object": (b'{"data": {"id": 1}}', "status 200, but the answer is an object, expected an object with a list under"),
    "text": (b'"data"', "status 200, but the answer is a text, expected"),
    "bottomless": (b"[" * 100_000, "status 200, but the answer is cut short after 100000 bytes"),
}


@ONE_DATABASE
def test_lists_that_answer_nonsense_leave_all_others_alone(
    shop: Shop, database_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    catalogue = shops.CATALOGUE + "".join(f'[resources.{name}]\npath = "/{name}"\n' for name in NONSENSE)
    file = shops.configure(tmp_path, database=database_url, url=shop.server.url, catalogue=catalogue)
    for name, (body, _) in NONSENSE.items():
        shop.answers(f"/{name}", body)
    shop.answers("/menus", b"", status=302, Location="https://else.where/?token=secret")
    shop.lists("things", '{"id": 1}')
    shop.parts(1, '{"id": 2}')

    synced = Commands(file, capsys)("sync", "--json")

    ends = {scan["resource"]: scan for scan in synced.json["scans"]}
    assert 3 == synced.code
    assert {"things": 1, "parts": 1, "leaflets": 0} == {
        name: scan["rows"] for name, scan in ends.items() if scan["state"] == "complete"
    }
    for name, (_, reason) in NONSENSE.items():
        assert ("failed", True) == (ends[name]["state"], f"shop, {name}: {reason}" in ends[name]["reason"]), name
    assert "answered 302, a redirect to https://else.where. " in ends["menus"]["reason"]
    assert "secret" not in synced.out + synced.err


@ONE_DATABASE
def test_a_scan_that_breaks_off_is_told_and_ends_no_other(
    shop: Shop, file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.lists("things", '{"id": 1}')
    shop.lists("leaflets", '{"id": 1}')
    write_rows = apply.write_rows

    def broken(session: Any, scope: Any, batch: Any, **more: Any) -> Any:
        if scope.resource.name == "leaflets":
            raise ZeroDivisionError("secret")
        return write_rows(session, scope, batch, **more)

    monkeypatch.setattr(apply, "write_rows", broken)
    mirrorpoint = Commands(file, capsys)

    synced = mirrorpoint("sync")
    status = {each["resource"]: each for each in mirrorpoint("status", "--json").json["resources"]}

    assert 1 == synced.code
    assert "Traceback" not in synced.out + synced.err
    assert {"things": "complete", "menus": "complete", "parts": "complete", "leaflets": "failed"} == {
        name: each["state"] for name, each in status.items()
    }
    problem = "unexpected ZeroDivisionError; `mirrorpoint --debug sync leaflets` shows where"
    assert status["leaflets"]["problem"].startswith(problem)
