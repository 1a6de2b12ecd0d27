"""Deletions are held above 10 rows and 10 % of a resource, and not at either of these."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from tests import mirrored_world
from tests.integration import shop as shops
from tests.integration.scripted_server import Reply


@pytest.mark.parametrize(
    ("rows", "gone", "held"),
    [(20, 10, 0), (110, 11, 0), (109, 11, 11), (200, 20, 0), (200, 21, 21)],
    ids=["10 of 20", "10 %", "11 rows and more", "20 of 200", "21 of 200"],
)
def test_only_what_is_above_both_limits_is_held(tmp_path: Path, rows: int, gone: int, held: int) -> None:
    texts = [f'{{"id": {number}}}' for number in range(1, rows + 1)]
    with shops.opened() as shop:
        file = shops.configure(tmp_path, database=f"sqlite:///{tmp_path / 'mirror.db'}", url=shop.server.url)
        with closing(mirrored_world.services(file)) as services:
            shop.lists("things", *texts)
            shops.scanned(services, "things")
            shop.lists("things", *texts[gone:])
            for number in range(1, gone + 1):
                shop.server.on("GET", f"/things/{number}", Reply(404))

            scan = shops.scanned(services, "things")

            assert ("complete", held, gone - held) == (scan.state, scan.held, scan.deleted)
