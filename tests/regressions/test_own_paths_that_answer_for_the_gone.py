"""A record that was gone lived for ever, unseen, where its own path answered 200 without it."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from storage import scans
from storage import suspects as suspected
from tasks.services import Services
from tests import mirrored_world
from tests.integration import shop as shops
from tests.integration.scripted_server import Reply, Request

ALL, WITHOUT = ('{"id": 1}', '{"id": 2}', '{"id": 3}'), ('{"id": 1}', '{"id": 3}')


def echo(request: Request) -> Reply:
    return Reply(200, json.dumps({"success": False, "id": int(request.path.rpartition("/")[2])}).encode())


def suspects(services: Services) -> dict[str, int]:
    with services.database.read() as session:
        return suspected.counts(session).get(("shop", "things"), {})


def is_proven(services: Services) -> bool:
    with services.database.read() as session:
        return scans.resource_state(session, "shop", "things").item_path_proven_at is not None


@pytest.mark.parametrize(
    "answer",
    [
        Reply(204),
        Reply(200),
        echo,
        *(Reply(200, text) for text in (b'{"success":false}', b'{"data":null}', b'{"id":1}')),
    ],
    ids=["204", "empty", "echo", "no success", "no data", "always the first"],
)
@pytest.mark.parametrize("was_proven", [False, True])
def test_what_its_own_path_neither_has_nor_denies_is_a_suspect_and_goes_when_it_was_absent_twice(
    tmp_path: Path, answer: Reply | Callable[[Request], Reply], was_proven: bool
) -> None:
    with shops.opened() as shop:
        file = shops.configure(tmp_path, database=f"sqlite:///{tmp_path / 'mirror.db'}", url=shop.server.url)
        with closing(mirrored_world.services(file)) as services:
            if not was_proven:
                shop.server.on("GET", "*", answer)
            shop.lists("things", *ALL)
            shops.scanned(services, "things")
            assert was_proven == is_proven(services)
            shop.lists("things", *WITHOUT)
            shop.server.on("GET", "*", answer)
            shop.server.on("GET", "/things/2", answer)

            first = shops.scanned(services, "things")
            assert ("complete", 0, {"absent": 1}) == (first.state, first.deleted, suspects(services))
            assert not is_proven(services)

            second = shops.scanned(services, "things")
            assert ("complete", 1, {}) == (second.state, second.deleted, suspects(services))


def test_a_record_that_such_a_path_still_has_stays(tmp_path: Path) -> None:
    with shops.opened() as shop:
        file = shops.configure(tmp_path, database=f"sqlite:///{tmp_path / 'mirror.db'}", url=shop.server.url)
        with closing(mirrored_world.services(file)) as services:
            shop.server.on("GET", "*", Reply(200, b'{"data":null}'))
            shop.lists("things", *ALL)
            shops.scanned(services, "things")
            shop.lists("things", *WITHOUT)

            for _ in range(3):
                assert 0 == shops.scanned(services, "things").deleted

            assert ["1", "2", "3"] == shops.keys(services, "things")


@pytest.mark.parametrize("left", [WITHOUT, ()], ids=["a part", "nothing"])
def test_an_own_path_that_denies_everybody_proves_nothing_any_more(tmp_path: Path, left: tuple[str, ...]) -> None:
    with shops.opened() as shop:
        file = shops.configure(tmp_path, database=f"sqlite:///{tmp_path / 'mirror.db'}", url=shop.server.url)
        with closing(mirrored_world.services(file)) as services:
            shop.lists("things", *ALL)
            shops.scanned(services, "things")
            assert is_proven(services)
            shop.lists("things", *left)
            shop.server.on("GET", "*", Reply(404))
            for row in ALL:
                shop.server.on("GET", f"/things/{json.loads(row)['id']}", Reply(404))

            assert shops.scanned(services, "things").deleted == 0
            assert not is_proven(services)
            assert suspects(services)["absent"] == len(ALL) - len(left)
