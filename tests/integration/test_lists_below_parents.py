"""A list below a parent that cannot be read leaves its rows alone, however often it fails, and the others go on."""

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
