"""Records that leave a filtered list stay, since their own path has them; one that is really gone is found."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from tests import mirrored_world
from tests.integration import shop as shops
from tests.integration.scripted_server import Reply


def rows(*numbers: int) -> list[str]:
    return [f'{{"id": {number}}}' for number in numbers]


def test_a_deletion_behind_many_that_have_left_is_found_and_the_reason_has_the_cure(tmp_path: Path) -> None:
    with shops.opened() as shop:
        file = shops.configure(tmp_path, database=f"sqlite:///{tmp_path / 'mirror.db'}", url=shop.server.url)
        with closing(mirrored_world.services(file)) as services:
            shop.lists("things", *rows(*range(100, 160)))
            shops.scanned(services, "things")
            shop.lists("things", *rows(*range(125, 159)))  # 25 have left it
            shop.server.on("GET", "/things/159", Reply(404))

            scans = [shops.scanned(services, "things") for _ in range(3)]

            assert sum(scan.deleted for scan in scans) == 1
            assert shops.keys(services, "things") == [str(number) for number in range(100, 159)]
            (reason,) = {scan.reason for scan in scans if scan.state == "drifted"}
            assert "make it show them" in (reason or "")
            assert (reason or "").endswith('[resources.things] in the catalogue: item_path = "/things/{key}"')
