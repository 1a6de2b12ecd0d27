"""`verify --live` compares records with what their source says of them now, and says what may differ in all."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from storage import erasures, slots
from tests.integration import erasable
from tests.integration.conftest import Templates
from tests.integration.erasable import Erasable, thing
from tests.integration.scripted_server import Reply, Request


@contextmanager
def opened(folder: Path, url: str, capsys: pytest.CaptureFixture[str]) -> Iterator[Erasable]:
    """Thirty things, of which all is known."""
    with erasable.opened(folder, url, capsys) as made:
        made.has(*map(thing, range(30)))
        made.scan()
        yield made


@pytest.fixture
def shop(tmp_path: Path, database_url: str, capsys: pytest.CaptureFixture[str]) -> Iterator[Erasable]:
    with opened(tmp_path, database_url, capsys) as made:
        yield made


@pytest.fixture
def one(tmp_path: Path, templates: Templates, capsys: pytest.CaptureFixture[str]) -> Iterator[Erasable]:
    """For what has nothing to do with the kind of the database."""
    with (
        templates.copy("sqlite", into=tmp_path / "mirrorpoint.db") as url,
        opened(tmp_path, url, capsys) as made,
    ):
        yield made


def live(shop: Erasable, number: int = 1000, *options: str, code: int | None = 0) -> Any:
    found = shop.commands("verify", "--live", str(number), "--json", *options)
    assert code is None or found.code == code, (found.out, found.err)
    return found.json


def says(shop: Erasable, number: int, name: str, **more: Any) -> None:
    """What the source has of one thing now, in its list and by its own path."""
    rows = [thing(each) if each != number else thing(number, name=name, **more) for each in range(30)]
    shop.has(*rows)


def long_ago(shop: Erasable, *, hours: float) -> None:
    """The last complete scan was so long ago."""
    shift = f"- interval '{hours} hours'" if shop.database.dialect == "postgresql" else ""
    columns = [("mirrorpoint_resource", "last_complete_started_at"), ("things", "changed_at")]
    for table, column in columns:
        new = f"{column} {shift}" if shift else f"strftime('%Y-%m-%d %H:%M:%f000', {column}, '-{hours} hours')"
        shop.sql(f"UPDATE {table} SET {column} = {new}")


def verdicts(told: Any) -> list[tuple[str, str, bool, list[str]]]:
    return [(each["key"], each["verdict"], each["drift"], each["fields"]) for each in told["records"]]


def due(shop: Erasable) -> list[tuple[str, str]]:
    with shop.database.read() as session:
        now = shop.services.now()
        return slots.waiting(session, now=now, woken_before=now + timedelta(seconds=1))


def test_what_is_the_same_is_said_with_how_sure_that_is(shop: Erasable) -> None:
    told = live(shop, 20, "--seed", "7")
    assert {
        name: told[name] for name in ("seed", "population", "drawn", "read", "same", "drift", "due", "records")
    } == {
        "seed": 7,
        "population": 30,
        "drawn": 20,
        "read": 20,
        "same": 20,
        "drift": 0,
        "due": [],
        "records": [],
    }
    assert told["largest_share"] == pytest.approx(1 - 0.05 ** (1 / 20), abs=1e-6)
    lines = shop.commands("verify", "--live", "20", "--seed", "7").out.splitlines()
    assert lines[0] == "20 records drawn from 30; --live 20 --seed 7 draws the same"
    assert lines[-1] == "0 of 20 differ: with 95 % confidence fewer than 13.9 % do"
    assert shop.commands("verify", "--live", "99").out.startswith("30 records, which are all that there are")


def test_the_same_seed_asks_for_the_same_records(one: Erasable) -> None:
    def asked(seed: int) -> set[str]:
        before = len(one.shop.server.requests)
        live(one, 5, "--seed", str(seed))
        return {each.path for each in one.shop.server.requests[before:] if len(each.path) < 12}  # no invented keys

    assert asked(1) == asked(1) != asked(2)


def test_what_has_changed_since_is_no_drift_and_its_list_is_due(shop: Erasable) -> None:
    says(shop, 5, "another")
    before = shop.log()
    told = live(shop)
    assert verdicts(told) == [("5", "changed since", False, ["/name"])]
    assert (told["same"], told["changed_since"], told["drift"], told["due"]) == (29, 1, 0, ["shop:things"])
    assert due(shop) == [("shop", "things")]
    assert shop.log() == before, "an own path may show other values: only a scan writes"
    shop.scan()
    assert [(row.key, row.kind, row.changed) for row in shop.log()][-1] == ("5", "updated", ["/name"])
    assert verdicts(live(shop)) == []


def test_what_the_mirror_should_have_known_is_drift(shop: Erasable) -> None:
    says(shop, 5, "another")
    long_ago(shop, hours=1)
    told = live(shop, code=3)
    assert verdicts(told) == [("5", "differs", True, ["/name"])]
    assert told["records"][0]["seen_at"] is not None
    found = shop.commands("verify", "--live", "1000")
    assert found.code == 3
    assert "differs: shop:things/5 (/name); seen last at 20" in found.out
    assert "which is later than promised" in found.out
    assert "1 of 30 differs: with 95 % confidence fewer than 14.9 % do" in found.out
    assert "due for a scan now, which tells what has changed; at once by `mirrorpoint sync shop:things`" in found.err


def test_a_longer_schedule_promises_less(one: Erasable) -> None:
    says(one, 5, "another")
    long_ago(one, hours=1)
    text = one.config.read_text()
    one.config.write_text(
        text.replace('auth = { method = "none" }', 'auth = { method = "none" }\nschedule = { things = "2h" }')
    )
    assert verdicts(live(one)) == [("5", "changed since", False, ["/name"])]
    one.config.write_text(
        text.replace('auth = { method = "none" }', 'auth = { method = "none" }\nschedule = { things = "30m" }')
    )
    assert verdicts(live(one, code=3)) == [("5", "differs", True, ["/name"])]


def test_what_is_gone_is_drift_once_it_is_older_than_promised(shop: Erasable) -> None:
    shop.has(*(thing(each) for each in range(30) if each != 5))
    shop.server_says_gone(5)
    assert verdicts(live(shop)) == [("5", "gone", False, [])]
    assert due(shop) == [("shop", "things")]
    long_ago(shop, hours=1)
    assert verdicts(live(shop, code=3)) == [("5", "gone", True, [])]


def test_it_is_read_twice_before_it_counts(one: Erasable) -> None:
    answers = iter([thing(5, name="for a moment")])

    def once(_: Request) -> Reply:
        return Reply(200, json.dumps(next(answers, thing(5))).encode())

    one.shop.server.on("GET", "/things/5", once)
    assert verdicts(live(one)) == []
    assert due(one) == []


def test_a_scan_that_has_seen_it_meanwhile_makes_it_the_same(one: Erasable) -> None:
    says(one, 5, "another")
    asked: list[str] = []

    def scans_meanwhile(_: Request) -> Reply:
        asked.append("5")
        if len(asked) == 2:
            one.scan()
        return Reply(200, json.dumps(thing(5, name="another")).encode())

    one.shop.server.on("GET", "/things/5", scans_meanwhile)
    assert verdicts(live(one)) == []


def test_own_paths_that_show_other_values_than_the_list_are_no_difference(one: Erasable) -> None:
    for number in range(30):
        more = {"comment": "only here", "tags": [number]}
        one.shop.server.on("GET", f"/things/{number}", Reply(200, json.dumps(thing(number, **more)).encode()))
    assert verdicts(live(one)) == []
    one.shop.server.on("GET", "/things/5", Reply(200, json.dumps(thing(5, comment="here", size=50)).encode()))
    assert verdicts(live(one)) == [("5", "changed since", False, ["/size"])]


def test_where_the_list_does_not_say_so_nothing_can_be_said(one: Erasable) -> None:
    says(one, 5, "another")
    one.shop.answers("/things", b"", status=403)
    told = live(one)
    assert verdicts(told) == [("5", "unreadable", False, [])]
    assert told["records"][0]["problem"].startswith("its own path shows other values")


def test_a_row_that_somebody_has_edited_is_drift_at_once(shop: Erasable) -> None:
    shop.sql("""UPDATE things SET document = '{"id":5,"name":"edited","size":5}' WHERE key = '5'""")
    told = live(shop, code=3)
    assert verdicts(told) == [("5", "differs", True, ["/name"])]
    assert "`mirrorpoint verify` says more" in told["records"][0]["problem"]


def test_records_without_an_own_path_are_read_from_a_list_of_one_page(one: Erasable) -> None:
    one.shop.lists("leaflets", *(json.dumps({"id": number, "text": "a"}) for number in range(100)))
    one.scan("leaflets")
    told = live(one)
    assert (told["population"], told["same"]) == (130, 130)
    one.shop.lists(
        "leaflets",
        *(json.dumps({"id": number, "text": "b" if number == 7 else "a"}) for number in range(100) if number != 8),
    )
    assert [each[:2] for each in verdicts(live(one))] == [("7", "changed since"), ("8", "gone")]
    one.shop.lists("leaflets", *(json.dumps({"id": number, "text": "a"}) for number in range(101)))
    one.scan("leaflets")
    told = live(one)
    assert (told["read"], told["unreadable"], told["same"]) == (30, 101, 30)
    found = shop_says(one)
    assert "101 of shop unreadable: it has no own path, and its list is longer than a page" in found
    assert "0 of 30 that could be read differ: with 95 % confidence fewer than 9.5 % do" in found


def shop_says(shop: Erasable) -> str:
    return str(shop.commands("verify", "--live", "1000").out)


def test_nested_records_and_trees_are_compared_in_their_lists(one: Erasable) -> None:
    one.shop.parts(3, '{"id": 1, "name": "wheel"}', '{"id": 2, "name": "spoke"}')
    one.shop.lists("menus", '{"id": 1, "name": "a", "children": [{"id": 2, "name": "b", "children": []}]}')
    one.scan("parts")
    one.scan("menus")
    assert live(one)["same"] == 34
    one.shop.parts(3, '{"id": 1, "name": "wheel"}', '{"id": 2, "name": "another spoke"}')
    one.shop.lists("menus", '{"id": 1, "name": "a", "children": [{"id": 2, "name": "c", "children": []}]}')
    told = live(one)
    assert sorted((each["resource"], each["parent_key"], each["key"]) for each in told["records"]) == [
        ("menus", "", "2"),
        ("parts", "3", "2"),
    ]
    assert sorted(told["due"]) == ["shop:menus", "shop:parts"]


def test_what_is_off_is_left_out(one: Erasable) -> None:
    text = one.config.read_text()
    one.config.write_text(
        text.replace('auth = { method = "none" }', 'auth = { method = "none" }\nschedule = { things = "off" }')
    )
    found = one.commands("verify", "--live", "5")
    assert (found.code, "no record yet that could be compared" in found.err) == (2, True)


def test_what_was_erased_here_cannot_be_compared(one: Erasable) -> None:
    with one.database.write() as session:
        erasures.empty(session, "things", "shop", list(one_ids(one)))
    told = live(one)
    assert [each["problem"] for each in told["records"]] == ["its content was erased here"]


def one_ids(shop: Erasable) -> Iterator[Any]:
    from changes.records import Id

    yield Id("", "5")


def test_a_source_that_gives_no_answer_is_not_asked_for_every_record(one: Erasable) -> None:
    for number in range(30):
        one.shop.answers(f"/things/{number}", b"", status=500)
    before = len(one.shop.server.requests)
    told = live(one, code=5)
    assert (told["read"], told["unreadable"], told["largest_share"]) == (0, 30, None)
    assert len(one.shop.server.requests) - before < 40
    assert "none could be read, so nothing can be said" in shop_says(one)


def test_a_source_that_refuses_us_is_told(one: Erasable) -> None:
    for number in range(30):
        one.shop.answers(f"/things/{number}", b"", status=401)
    told = live(one, code=4)
    assert told["unreadable"] == 30


def test_a_path_that_shows_a_record_for_every_key_is_not_believed(one: Erasable) -> None:
    def echo(request: Request) -> Reply:
        key = request.path.rpartition("/")[2]
        return Reply(200, json.dumps({"id": int(key)}).encode())

    for number in range(30):
        one.shop.server.on("GET", f"/things/{number}", echo)
    one.shop.server.on("GET", "*", echo)
    one.sql("UPDATE mirrorpoint_resource SET item_path_proven_at = NULL")
    assert live(one)["same"] == 30, "its list has one page, and says what there is"


@pytest.mark.parametrize(
    "options",
    [
        ("--live", "5", "--since", "1d"),
        ("--live", "5", "--sample", "5"),
        ("--seed", "5"),
        ("--source", "shop"),
        ("--live", "0"),
        ("--live", "5", "--source", "shoop"),
    ],
)
def test_what_does_not_go_together_is_refused(one: Erasable, options: tuple[str, ...]) -> None:
    assert one.commands("verify", *options).code == 2


def test_one_source_alone_can_be_chosen(one: Erasable) -> None:
    assert live(one, 5, "--source", "shop")["drawn"] == 5
