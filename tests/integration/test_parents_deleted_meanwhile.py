"""A stranger in the table of the parents, in the moment in which a parent is deleted at its source."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from changes.records import Id
from storage import mirror
from tasks.scan import against_log, parents, put_back
from tasks.services import Services
from tests import mirrored_world
from tests.integration import shop as shops
from tests.integration.shop import Shop, mirrored, problems, run, scanned
from upstream.client import SourceClient
from upstream.raw_page import RawPage

file, services = shops.file, shops.services


@pytest.fixture(autouse=True)
def known(shop: Shop, services: Services) -> None:
    shop.lists("things", '{"id":1}', '{"id":2}')
    for thing in (1, 2):
        shop.parts(thing, '{"id":1}')
    for name in ("things", "parts"):
        scanned(services, name)
    for thing in (1, 2):
        shop.parts(thing, '{"id":1,"name":"changed"}', '{"id":2}')


def gone(shop: Shop) -> None:
    shop.lists("things", '{"id":2}')
    shop.gone(1)


def below_1(services: Services) -> list[tuple[str, str]]:
    found = [each for each in mirrored_world.log(services) if each.resource == "parts" and each.parent_key == "1"]
    return [(each.key, each.kind) for each in found]


def after_the_first_look(monkeypatch: pytest.MonkeyPatch, resource: str, act: Callable[[], object]) -> list[int]:
    """Somebody acts when a scan has compared the mirror with the log and has looked once at what is known of a page.

    How many of the page's records were known at that look; empty while there was none.
    """
    known, looks = mirror.known, list[int]()

    def then_act(session: Any, looked_at: Any, source: str, ids: Any) -> Any:
        found = known(session, looked_at, source, ids)
        if looked_at.name == resource and not looks:
            looks.append(len(found))
            act()
        return found

    monkeypatch.setattr(against_log, "is_due", lambda *_: False)
    monkeypatch.setattr(mirror, "known", then_act)
    return looks


def test_nothing_is_told_below_a_deleted_parent_that_somebody_has_living_again(
    shop: Shop, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetch, deleted = SourceClient.fetch_page, list[int]()

    def fetch_page(client: SourceClient, resource: Any, *, parent_key: str = "", **more: Any) -> RawPage:
        page = fetch(client, resource, parent_key=parent_key, **more)
        if parent_key == "1" and not deleted:
            deleted.append(scanned(services, "things").deleted)
            run(services, "UPDATE things SET deleted_at = NULL WHERE key = '1'")
        return page

    gone(shop)
    monkeypatch.setattr(SourceClient, "fetch_page", fetch_page)
    scanned(services, "parts")
    assert deleted == [1]
    for _ in range(3):
        for name in ("things", "parts"):
            scanned(services, name)
    assert below_1(services) == [("1", "snapshot"), ("1", "deleted")]
    assert problems(services) == []


def test_nothing_is_told_below_a_parent_that_has_no_row_and_is_deleted_meanwhile(
    shop: Shop, services: Services, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL has several writers."""
    if services.database.dialect == "sqlite":
        pytest.skip("one writer")
    of_living, state = parents.below_living, dict[str, Any]()
    fetch = SourceClient.fetch_page

    def fetch_page(client: SourceClient, resource: Any, *, parent_key: str = "", **more: Any) -> RawPage:
        page = fetch(client, resource, parent_key=parent_key, **more)
        if parent_key == "1" and "taken" not in state:
            state["taken"] = True
            run(services, "DELETE FROM things WHERE key = '1'")
        return page

    def below_living(session: Any, scope: Any, batch: Any) -> Any:
        found = of_living(session, scope, batch)
        if scope.resource.name == "parts" and batch.records and "thread" not in state:

            def delete() -> None:
                with closing(mirrored_world.services(file)) as others:
                    state["deleted"] = [scanned(others, "things").deleted for _ in range(2)]

            state["thread"] = threading.Thread(target=delete)
            state["thread"].start()
            state["thread"].join(3)
        return found

    gone(shop)
    monkeypatch.setattr(SourceClient, "fetch_page", fetch_page)
    monkeypatch.setattr(parents, "below_living", below_living)
    scanned(services, "parts")
    state["thread"].join()
    assert sum(state["deleted"]) == 1
    for _ in range(3):
        for name in ("things", "parts"):
            scanned(services, name)
    assert problems(services) == []
    assert {each.parent_key for each in mirrored(services, "parts")} == {"2"}
    kinds = below_1(services)
    last = max(n for n, each in enumerate(kinds) if each == ("1", "deleted"))
    assert kinds.index(("1", "deleted")) == last
    assert kinds[-1][1] == "deleted"


STALE = [
    "DELETE FROM things WHERE key = '1'",
    "UPDATE things SET version = 7 WHERE key = '1'",
    "UPDATE things SET deleted_at = changed_at WHERE key = '1'",
    "UPDATE things SET version = 7, deleted_at = changed_at WHERE key = '1'",
    "UPDATE things SET fingerprint = 'x', deleted_at = changed_at WHERE key = '1'",
]


@pytest.mark.parametrize("what", STALE)
def test_a_parent_that_is_put_back_between_two_looks_of_its_own_scan_is_told_as_it_changed(
    shop: Shop, services: Services, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """PostgreSQL has several writers: a scan of the children puts the parent back while its own scan waits."""
    if services.database.dialect == "sqlite":
        pytest.skip("one writer")
    of_parts: Any = SimpleNamespace(services=services, source="shop")
    things = services.sources["shop"].catalogue.resources["things"]

    shop.lists("things", '{"id":1,"name":"new"}', '{"id":2}')
    scanned(services, "parts")
    run(services, what)
    looks = after_the_first_look(
        monkeypatch, "things", lambda: put_back.living_parents(of_parts, things, [Id("", "1")])
    )
    assert scanned(services, "things").state == "complete"
    monkeypatch.undo()
    assert looks
    for _ in range(2):
        assert scanned(services, "things").state == "complete"
    assert shops.told(services, "things") == [("updated", "1", 2)]
    assert problems(services) == []


def test_a_row_that_goes_between_two_looks_of_a_scan_is_no_new_record(
    shop: Shop, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    if services.database.dialect == "sqlite":
        pytest.skip("one writer")
    shop.parts(1, '{"id":1,"name":"changed"}')
    shop.parts(2, '{"id":1}')
    run(services, "UPDATE parts SET version = 7 WHERE parent_key = '1'")
    looks = after_the_first_look(
        monkeypatch, "parts", lambda: run(services, "DELETE FROM parts WHERE parent_key = '2'")
    )
    assert scanned(services, "parts").state == "complete"
    monkeypatch.undo()
    assert looks == [2]
    assert scanned(services, "parts").state == "complete"
    assert shops.told(services, "parts") == [("updated", "1", 2)]
    assert problems(services) == []
