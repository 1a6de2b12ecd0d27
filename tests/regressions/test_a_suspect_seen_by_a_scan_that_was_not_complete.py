"""A record that two complete scans missed was deleted, though a scan between them that was not complete had seen it."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from tests import mirrored_world
from tests.integration import shop as shops

ALL, WITHOUT = ('{"id": 1}', '{"id": 2}', '{"id": 3}'), ('{"id": 1}', '{"id": 3}')


def test_whoever_was_seen_by_any_scan_is_no_suspect_any_more(tmp_path: Path) -> None:
    with shops.opened() as shop:
        file = shops.configure(tmp_path, database=f"sqlite:///{tmp_path / 'mirror.db'}", url=shop.server.url)
        with closing(mirrored_world.services(file)) as services:
            shop.lists("leaflets", *ALL)
            shops.scanned(services, "leaflets")
            shop.lists("leaflets", *WITHOUT)
            assert "complete" == shops.scanned(services, "leaflets").state

            shop.answers("/leaflets", b'{"total": 1000, "data": [%s]}' % ",".join(ALL).encode())
            assert "drifted" == shops.scanned(services, "leaflets").state

            shop.lists("leaflets", *WITHOUT)
            scan = shops.scanned(services, "leaflets")
            assert ("complete", 0) == (scan.state, scan.deleted)
            assert ["1", "2", "3"] == shops.keys(services, "leaflets")
            assert 1 == shops.scanned(services, "leaflets").deleted, "now it was missing twice in a row"
