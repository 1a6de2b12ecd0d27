"""A source that cannot be read at all is told after its first failure, once, and in words that say what is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tasks.services import Services
from tests import mirrored_world
from tests.commands import Commands
from tests.integration import shop as shops
from tests.integration.scripted_server import Reply
from tests.integration.shop import Shop

THINGS = ('{"id": 1}', '{"id": 2}')


@pytest.fixture
def mirror(shop: Shop, tmp_path: Path) -> Iterator[Services]:
    file = shops.configure(tmp_path, database=f"sqlite:///{tmp_path / 'mirror.db'}", url=shop.server.url)
    with closing(mirrored_world.services(file)) as built:
        yield built


@pytest.fixture
def status(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    """The source, and what `status` tells of it and of its lists."""
    commands = Commands(tmp_path / "mirrorpoint.toml", capsys)

    def read() -> tuple[dict[str, Any], list[tuple[str, str, str]]]:
        told = commands("status", "--json").json
        of_source = [each for each in told["summary"]["problems"] if "shop" in each["where"]]
        return told["sources"][0], [(each["code"], each["where"], each["message"]) for each in of_source]

    return read


def refuse(shop: Shop, status: int) -> None:
    """Every list is answered so."""
    for path in ("/things", "/things/*", "/leaflets", "/menus", *(f"/things/{key}/parts" for key in (1, 2))):
        shop.server.on("GET", path, Reply(status))


def test_one_that_does_not_answer_is_told_after_its_first_failure_and_no_list_beside_it(
    mirror: Services, shop: Shop, tmp_path: Path, status: Any
) -> None:
    shop.lists("things", *THINGS)
    shops.scanned(mirror, "things")
    assert status()[1] == []
    mirror.sources["shop"].client.close()  # it keeps connections
    shop.server.__exit__()

    assert shops.scanned(mirror, "things").state == "failed"

    source, problems = status()
    assert (source["trouble"], source["failures"], source["is_unread"]) == ("unreached", 1, True)
    ((code, where, said),) = problems
    assert (code, where) == ("source", "sources.shop")
    assert said.startswith("it has not answered since ")
    assert "no connection" in said
    assert "things" not in said, "it would be the same with any other list"


def test_one_list_that_fails_is_no_word_about_its_source(mirror: Services, shop: Shop, status: Any) -> None:
    shop.lists("things", *THINGS)
    shops.scanned(mirror, "things")
    shop.server.on("GET", "/things", Reply(500))
    shops.scanned(mirror, "things")
    source, problems = status()
    assert (source["trouble"], source["is_unread"]) == (None, False)
    assert [(code, where) for code, where, _ in problems] == [("failed", "shop:things")]


@pytest.mark.parametrize(("answer", "why"), [(401, "answered 401"), (403, "every list answers 403")])
def test_one_that_refuses_the_credentials_is_told_so_with_the_cure(
    mirror: Services, shop: Shop, status: Any, answer: int, why: str
) -> None:
    shop.lists("things", *THINGS)
    shops.scanned(mirror, "things")
    refuse(shop, answer)
    for name in mirror.sources["shop"].catalogue.resources:
        mirrored_world.scan(mirror, name, "shop")
    source, problems = status()
    assert (source["trouble"], source["is_unread"]) == ("refused", True)
    ((code, where, said),) = problems
    assert (code, where) == ("credentials", "sources.shop")
    assert why in said
    shop.lists("things", *THINGS)
    shops.scanned(mirror, "things")
    source, _ = status()
    assert (source["trouble"], source["is_unread"], source["refused_at"]) == (None, False, None)
