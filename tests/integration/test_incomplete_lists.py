"""A list that cannot be read, or not to its end, leaves its rows alone, however often and whoever else says nothing."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from tests import mirrored_world
from tests.integration import shop as shops


@pytest.mark.parametrize(
    ("status", "body"), [(500, b"{}"), (403, b"{}"), (404, b"{}"), (200, b"<html>"), (200, b'{"total": 2, "data": [')]
)
def test_rows_of_a_list_that_fails_are_not_taken_for_deleted(tmp_path: Path, status: int, body: bytes) -> None:
    with shops.opened() as shop:
        file = shops.configure(tmp_path, database=f"sqlite:///{tmp_path / 'mirror.db'}", url=shop.server.url)
        with closing(mirrored_world.services(file)) as services:
            shop.lists("things", '{"id": 1}', '{"id": 2}', '{"id": 3}')
            for thing in (1, 2, 3):
                shop.parts(thing, '{"id": 1}', '{"id": 2}')
            for resource in ("things", "parts"):
                assert "complete" == shops.scanned(services, resource).state

            shop.answers("/things/1/parts", body, status=status)
            shop.parts(2, '{"id": 1}')
            shop.parts(3, '{"id": 1}', '{"id": 2}', '{"id": 3}')
            for _ in range(3):
                scan = shops.scanned(services, "parts")
                assert ("partial", 0) == (scan.state, scan.deleted)
                assert scan.reason
            assert 7 == len(shops.keys(services, "parts")), "also what another list has lost waits for a whole scan"

            shop.parts(1, '{"id": 1}', '{"id": 2}')
            assert [0, 1] == [shops.scanned(services, "parts").deleted for _ in range(2)]


SHORT = ('{"id": 1}', '{"id": 2}')
ROWS = ",".join(SHORT).encode()


@pytest.mark.parametrize(
    ("state", "body"),
    [
        ("drifted", b'{"total": 5, "data": [%s]}' % ROWS),
        ("partial", b'{"total": 5, "data": []}'),
        ("partial", b'{"data": [%s, {"id": 3}]}' % ROWS),
        ("failed", b'{"total": 5, "data": [%s' % ROWS),
    ],
    ids=["total says more", "empty", "offset ignored", "cut"],
)
def test_rows_that_a_list_hides_are_not_taken_for_deleted(tmp_path: Path, state: str, body: bytes) -> None:
    with shops.opened() as shop:
        url = shop.server.url
        file = shops.configure(tmp_path, database=f"sqlite:///{tmp_path / 'mirror.db'}", url=url, page_size=3)
        with closing(mirrored_world.services(file)) as services:
            shop.lists("leaflets", *SHORT, '{"id": 3}', '{"id": 4}', '{"id": 5}')
            shops.scanned(services, "leaflets")
            shop.answers("/leaflets", body)
            for _ in range(3):
                scan = shops.scanned(services, "leaflets")
                assert (state, 0, 0) == (scan.state, scan.deleted, scan.held)
            assert ["1", "2", "3", "4", "5"] == shops.keys(services, "leaflets")

            shop.lists("leaflets", *SHORT, '{"id": 4}', '{"id": 5}')
            assert [0, 1] == [shops.scanned(services, "leaflets").deleted for _ in range(2)]
