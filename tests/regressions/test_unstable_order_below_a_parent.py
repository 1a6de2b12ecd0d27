"""A list below a parent whose order changed between two pages was taken for whole, though it had left rows out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from tasks.services import Services
from tests import mirrored_world
from tests.integration import shop as shops
from tests.integration.scripted_server import Reply, Request
from tests.integration.shop import Shop

#: Pages of three rows, each beginning one row early.
RIGHT = [1, 2, 3, 4, 5, 6]
WITHOUT_4, WITHOUT_5 = [1, 2, 3, 2, 5, 6], [1, 2, 3, 4, 2, 6]
OTHER = [1, 2, 3, 4, 5]


def orders(*walks: Sequence[int], total: int | None = 6) -> Callable[[Request], Reply]:
    """What one walk after the other meets; the last order stays."""
    left = list(walks)
    was_begun = False

    def answer(request: Request) -> Reply:
        nonlocal was_begun
        start = int(request.query.get("offset", 0))
        if start == 0 and was_begun and len(left) > 1:
            left.pop(0)
        was_begun = True
        rows = ",".join(f'{{"id": {number}}}' for number in left[0][start : start + int(request.query["limit"])])
        said = "" if total is None else f'"total": {total}, '
        return Reply(200, f'{{{said}"data": [{rows}]}}'.encode())

    return answer


@contextmanager
def mirrored(tmp_path: Path) -> Iterator[tuple[Services, Shop]]:
    """Two things, each with its parts."""
    with shops.opened() as shop:
        url = shop.server.url
        file = shops.configure(tmp_path, database=f"sqlite:///{tmp_path / 'mirror.db'}", url=url, page_size=3)
        with closing(mirrored_world.services(file)) as services:
            shop.lists("things", '{"id": 1}', '{"id": 2}')
            shop.server.on("GET", "/things/1/parts", orders(RIGHT))
            shop.server.on("GET", "/things/2/parts", orders(OTHER, total=5))
            for resource in ("things", "parts"):
                assert "complete" == shops.scanned(services, resource).state
            yield services, shop


def test_an_order_that_changes_is_no_reason_to_delete(tmp_path: Path) -> None:
    with mirrored(tmp_path) as (services, shop):
        before = shops.keys(services, "parts")
        shop.server.on("GET", "/things/1/parts", orders(*[WITHOUT_4, WITHOUT_5] * 3))
        for _ in range(3):
            scan = shops.scanned(services, "parts")
            assert ("drifted", 0) == (scan.state, scan.deleted)
            assert "parts/1: the total says 6, but 5 different rows" in (scan.reason or "")
        assert before == shops.keys(services, "parts")


def test_a_second_walk_that_is_whole_is_believed(tmp_path: Path) -> None:
    with mirrored(tmp_path) as (services, shop):
        before = shops.keys(services, "parts")
        shop.server.on("GET", "/things/1/parts", orders(WITHOUT_4, RIGHT))
        assert "complete" == shops.scanned(services, "parts").state
        shop.server.on("GET", "/things/1/parts", orders([1, 2, 3, 4, 5], total=5))
        assert [0, 1] == [shops.scanned(services, "parts").deleted for _ in range(2)]
        assert 1 == len(before) - len(shops.keys(services, "parts"))


def test_a_row_that_is_there_twice_for_good_is_no_obstacle(tmp_path: Path) -> None:
    with mirrored(tmp_path) as (services, shop):
        shop.server.on("GET", "/things/1/parts", orders([*RIGHT, 1], total=7))
        assert "complete" == shops.scanned(services, "parts").state
        shop.server.on("GET", "/things/1/parts", orders([1, 2, 3, 4, 5, 6, 6], total=None))
        assert "complete" == shops.scanned(services, "parts").state, "one page had both"


def test_rows_that_come_twice_before_anything_is_written_are_one_record(tmp_path: Path) -> None:
    with shops.opened() as shop:
        file = shops.configure(
            tmp_path, database=f"sqlite:///{tmp_path / 'mirror.db'}", url=shop.server.url, page_size=3
        )
        with closing(mirrored_world.services(file)) as services:
            shop.lists("things", '{"id": 1}')
            assert "complete" == shops.scanned(services, "things").state
            shop.server.on("GET", "/things/1/parts", orders([*RIGHT, 1], total=7))
            assert "complete" == shops.scanned(services, "parts").state
            assert 6 == len(shops.keys(services, "parts"))
