"""Rows of a list are not taken where the parent was deleted between the reading of their page and its transaction."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests import mirrored_world
from tests.integration import shop as shops
from tests.integration.scripted_server import Reply
from upstream.client import SourceClient
from upstream.raw_page import RawPage


def test_nobody_is_mirrored_below_a_parent_that_was_deleted_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetch, deleted = SourceClient.fetch_page, 0

    def fetch_page(client: SourceClient, resource: Any, *, parent_key: str = "", **more: Any) -> RawPage:
        nonlocal deleted
        page = fetch(client, resource, parent_key=parent_key, **more)
        if parent_key == "1" and not deleted:
            deleted = shops.scanned(services, "things").deleted
        return page

    with shops.opened() as shop:
        file = shops.configure(tmp_path, database=f"sqlite:///{tmp_path / 'mirror.db'}", url=shop.server.url)
        with closing(mirrored_world.services(file)) as services:
            shop.lists("things", '{"id": 1}', '{"id": 2}')
            for thing in (1, 2):
                shop.parts(thing, '{"id": 1}')
            for resource in ("things", "parts"):
                shops.scanned(services, resource)
            for thing in (1, 2):
                shop.parts(thing, '{"id": 1, "name": "changed"}', '{"id": 2}')
            shop.lists("things", '{"id": 2}')
            shop.server.on("GET", "/things/1", Reply(404))
            monkeypatch.setattr(SourceClient, "fetch_page", fetch_page)

            shops.scanned(services, "parts")

            assert 1 == deleted
            assert {"2"} == {id_.parent_key for id_ in shops.mirrored(services, "parts")}
            told = [(change.key, change.kind) for change in mirrored_world.log(services) if change.parent_key == "1"]
            assert [("1", "snapshot"), ("1", "deleted")] == told


KINDS = """
[resources.kinds]
path = "/kinds"
key = "$"

[resources.kind_settings]
path = "/kinds/{parent}/settings"
parent = "kinds"
shape = "object"
"""


@pytest.mark.parametrize(
    ("left", "state"),
    [(b'["sms"]', "complete"), (b'["sms", "mail"]', "partial"), (b"[]", "partial")],
    ids=["it is gone", "it is there", "an empty list says nothing"],
)
def test_a_parent_that_has_just_gone_and_has_no_path_of_its_own_is_looked_for_in_its_list(
    tmp_path: Path, left: bytes, state: str
) -> None:
    with shops.opened() as shop:
        file = shops.configure(
            tmp_path, database=f"sqlite:///{tmp_path / 'mirror.db'}", url=shop.server.url, catalogue=KINDS
        )
        with closing(mirrored_world.services(file)) as services:
            shop.answers("/kinds", b'["sms", "mail"]')
            for kind in ("sms", "mail"):
                shop.answers(f"/kinds/{kind}/settings", b'{"sender": "us"}')
            for resource in ("kinds", "kind_settings"):
                assert "complete" == shops.scanned(services, resource).state
            shop.answers("/kinds", left)
            shop.server.on("GET", "/kinds/mail/settings", Reply(404))

            scan = shops.scanned(services, "kind_settings")

            assert (state, 0) == (scan.state, scan.deleted)
            assert (scan.reason is None) == (state == "complete")


def test_a_path_that_denies_every_parent_takes_none_of_them_for_gone(tmp_path: Path) -> None:
    with shops.opened() as shop:
        file = shops.configure(tmp_path, database=f"sqlite:///{tmp_path / 'mirror.db'}", url=shop.server.url)
        with closing(mirrored_world.services(file)) as services:
            shop.server.on("GET", "*", Reply(404))
            shop.lists("things", '{"id": 1}', '{"id": 2}', '{"id": 3}')
            for thing in (1, 2, 3):
                shop.parts(thing, f'{{"id": {thing}0}}')
                shop.server.on("GET", f"/things/{thing}", Reply(404))
            for resource in ("things", "parts"):
                shops.scanned(services, resource)
            shop.server.on("GET", "/things/2/parts", Reply(404))

            for _ in range(2):
                scan = shops.scanned(services, "parts")
                assert ("partial", 0) == (scan.state, scan.deleted)
                assert "1 of 3 lists could not be read" in (scan.reason or "")
