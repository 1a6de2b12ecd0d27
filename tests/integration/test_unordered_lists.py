"""A list whose order means nothing is mirrored in the order in which it comes; only what is in it makes a change."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from tests import mirrored_world
from tests.integration import shop as shops
from tests.integration.shop import mirrored, scanned

CATALOGUE = """
[resources.things]
path = "/things"
unordered = ["/tags"]
"""


def test_another_order_alone_is_no_change_and_is_mirrored(tmp_path: Path) -> None:
    database = f"sqlite:///{tmp_path / 'mirror.db'}"
    with shops.opened() as shop:
        file = shops.configure(tmp_path, database=database, url=shop.server.url, catalogue=CATALOGUE)
        with closing(mirrored_world.services(file)) as services:
            for tags, updated in ((["a", "b"], 0), (["b", "a"], 0), (["b", "a"], 0), (["b", "c"], 1)):
                shop.lists("things", f'{{"id": 1, "tags": {tags}}}'.replace("'", '"'))
                scan = scanned(services, "things")
                assert ("complete", updated) == (scan.state, scan.updated)
                assert [{"id": 1, "tags": tags}] == list(mirrored(services, "things").values())
            change = mirrored_world.log(services)[-1]
            assert (["/tags"], {"/tags": ["b", "a"]}) == (list(change.changed), change.previous)
