"""An own path says whether a record is there; what it shows of it may be other than the list has, and is no change."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

from tests import mirrored_world
from tests.integration import shop as shops
from tests.integration.scripted_server import Reply


def row(number: int, name: str = "short …") -> str:
    return json.dumps({"id": number, "name": name})


def test_a_record_that_the_list_lacks_for_a_moment_is_not_told_as_updated(tmp_path: Path) -> None:
    with shops.opened() as shop:
        file = shops.configure(tmp_path, database=f"sqlite:///{tmp_path / 'mirror.db'}", url=shop.server.url)
        with closing(mirrored_world.services(file)) as services:
            shop.lists("things", *map(row, range(5)))
            shops.scanned(services, "things")
            before = mirrored_world.last_seq(services)

            shop.lists("things", *map(row, range(4)))
            shop.server.on("GET", "/things/4", Reply(200, row(4, "short, and the rest of it").encode()))
            scan = shops.scanned(services, "things")
            assert (scan.state, scan.deleted) == ("complete", 0)
            shop.lists("things", *map(row, range(5)))
            shops.scanned(services, "things")

            assert mirrored_world.last_seq(services) == before
            assert shops.keys(services, "things") == ["0", "1", "2", "3", "4"]
