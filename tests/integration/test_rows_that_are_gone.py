"""Rows that are listed and say that their records are gone: deleted by their own word, held, approved, restored."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tasks.services import Services
from tests import mirrored_world
from tests.commands import Commands
from tests.integration import shop as shops
from tests.integration.scripted_server import Reply, Request, json_reply
from tests.integration.shop import Shop
from tests.mirrored_world import kinds, last_seq, log

CATALOGUE = """
[resources.things]
path = "/things"
deleted = "deleted"

[resources.leaflets]
path = "/leaflets"
item_path = "/leaflets/{key}"
deleted = { state = ["archived"] }

[resources.parts]
path = "/things/{parent}/parts"
parent = "things"
"""


def things(count: int, *gone: int) -> list[str]:
    return [json.dumps({"id": number, "deleted": number in gone}) for number in range(1, count + 1)]


@pytest.fixture
def services(shop: Shop, mirror_url: str, tmp_path: Path) -> Iterator[Services]:
    file = shops.configure(tmp_path, database=mirror_url, url=shop.server.url, page_size=7, catalogue=CATALOGUE)
    with closing(mirrored_world.services(file)) as services:
        yield services


def changes(services: Services, seq: int) -> list[tuple[str, str, str]]:
    return [(change.resource, change.key, change.kind) for change in log(services, after=seq)]


def test_a_flagged_row_is_deleted_in_the_same_scan_with_all_below_it_and_restored_when_the_flag_goes(
    services: Services, shop: Shop
) -> None:
    shop.lists("things", *things(20, 3))
    for number in range(1, 21):
        shop.parts(number, '{"id": 1}')
    first = shops.scanned(services, "things")
    assert ("complete", 20, 19) == (first.state, first.rows, len(shops.keys(services, "things")))
    shops.scanned(services, "parts")
    seq = last_seq(services)

    shop.lists("things", *things(20, 3, 9))
    second = shops.scanned(services, "things")

    assert ("complete", 20, 1) == (second.state, second.rows, second.deleted)
    assert [("things", "9", "deleted"), ("parts", "1", "deleted")] == changes(services, seq)
    third = shops.scanned(services, "things")
    assert ("complete", 0) == (third.state, sum(kinds(log(services, after=seq + 2)).values()))
    shop.lists("things", *things(20, 3))
    shops.scanned(services, "things")
    assert [("things", "9", "restored")] == changes(services, seq + 2)
    assert 2 == shops.row(services, "things", "9")["version"] - 1


def test_the_row_itself_is_proof_also_where_the_list_was_not_read_to_its_end(services: Services, shop: Shop) -> None:
    shop.lists("things", *things(20))
    shops.scanned(services, "things")
    rows = [json.loads(text) for text in things(20, 9)]

    def hides(request: Request) -> Reply:
        offset, limit = int(request.query["offset"]), int(request.query["limit"])
        return json_reply({"total": 30, "data": rows[offset : offset + limit]})

    shop.server.on("GET", "/things", hides)
    scan = shops.scanned(services, "things")

    assert scan.state != "complete"
    assert 1 == scan.deleted
    assert "9" not in shops.keys(services, "things")


def test_many_are_held_until_they_are_approved_and_are_asked_for_nowhere(
    services: Services, shop: Shop, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shop.lists("things", *things(30))
    shops.scanned(services, "things")
    shop.lists("things", *things(30, *range(5, 17)))

    held = shops.scanned(services, "things")
    assert ("complete", 12, 0) == (held.state, held.held, held.deleted)
    again = shops.scanned(services, "things")
    assert (12, 0, 30) == (again.held, again.deleted, len(shops.keys(services, "things")))

    shop.lists("things", *things(30, *range(5, 16)))  # one has come back meanwhile
    result = Commands(tmp_path / "mirrorpoint.toml", capsys)("approve", held.id, "--json")

    assert (0, 11) == (result.code, result.json["scans"][0]["deleted"]), result.err
    assert 19 == len(shops.keys(services, "things"))
    asked = {request.path for request in shop.server.requests}
    assert {"/things"} == asked


def test_a_row_without_the_flag_beats_one_with_it_wherever_they_stand(services: Services, shop: Shop) -> None:
    flagged: list[Any] = [{"id": 1, "deleted": True}, {"id": 20, "deleted": True}]
    living = [json.loads(text) for text in things(20)]
    shop.lists("things", *(json.dumps(row) for row in living))
    shops.scanned(services, "things")
    seq = last_seq(services)

    shop.lists("things", *(json.dumps(row) for row in [flagged[1], *living, flagged[0]]))
    for _ in range(2):
        shops.scanned(services, "things")

    assert [] == changes(services, seq)
    assert 20 == len(shops.keys(services, "things"))


def test_an_own_path_that_answers_with_a_flagged_document_confirms_a_deletion(services: Services, shop: Shop) -> None:
    rows = [json.dumps({"id": number, "state": "new"}) for number in range(1, 6)]
    shop.lists("leaflets", *rows)
    for text in rows:
        shop.server.on("GET", f"/leaflets/{json.loads(text)['id']}", Reply(200, text.encode()))
    shops.scanned(services, "leaflets")

    shop.lists("leaflets", *rows[1:])
    shop.server.on("GET", "/leaflets/1", json_reply({"id": 1, "state": "archived"}))
    scan = shops.scanned(services, "leaflets")

    assert ("complete", 1) == (scan.state, scan.deleted)
