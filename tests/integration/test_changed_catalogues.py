"""A catalogue, or a base_url, that has changed under rows that are mirrored already."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from storage import points, scans
from storage.session import Session
from tasks.scan import retiring
from tasks.scan.read_as import of as read_as_of
from tasks.scan.slice import scan_slice
from tasks.scan.slice_end import Outcome
from tasks.services import Services
from tests import mirrored_world
from tests.integration import shop as shops
from tests.integration.scripted_server import Reply, Request
from tests.integration.shop import Shop, keys, scanned
from tests.mirrored_world import log, scan

FLAT = """
[resources.things]
path = "/things"
item_path = "/things/{key}"

[resources.parts]
path = "/parts"
"""
NESTED = FLAT.replace(
    'path = "/parts"', 'path = "/things/{parent}/parts"\nitem_path = "/things/{parent}/parts/{key}"\nparent = "things"'
)


class World:
    """One shop, and the services of whatever catalogue it is read by."""

    def __init__(self, folder: Path, database: str, url: str) -> None:
        self.folder = folder
        self.file = shops.configure(folder, database=database, url=url, catalogue=FLAT)

    def by(self, catalogue: str = FLAT, *, url: str | None = None) -> Services:
        """Read by this catalogue from now on, at this address."""
        (self.folder / "shop.toml").write_text(catalogue)
        if url is not None:
            lines = self.file.read_text().splitlines()
            self.file.write_text("\n".join(f'base_url = "{url}"' if "base_url" in each else each for each in lines))
        services = mirrored_world.services(self.file)
        self._open.callback(services.close)
        return services

    @contextmanager
    def opened(self) -> Iterator[World]:
        with ExitStack() as self._open:
            yield self


@pytest.fixture
def dialect() -> str:
    """Where a test does not say that both matter to it."""
    return "sqlite"


@pytest.fixture
def other() -> Iterator[Shop]:
    with shops.opened() as opened:
        yield opened


@pytest.fixture
def world(shop: Shop, database_url: str, tmp_path: Path) -> Iterator[World]:
    with World(tmp_path, database_url, shop.server.url).opened() as opened:
        yield opened


def rows(count: int, **more: Any) -> list[str]:
    return [
        json.dumps({"id": n, "code": f"c{n}", "name": f"n{n}", "at": f"2026-11-{n:02}"} | more) for n in range(count)
    ]


def told(services: Services) -> list[tuple[str, str]]:
    return [(change.kind, change.key) for change in log(services) if change.kind != "snapshot"]


def begin_anew(services: Services, name: str) -> int | None:
    source = services.sources["shop"]
    resource = source.catalogue.resources[name]
    return retiring.retire(services, "shop", resource, read_as=read_as_of(resource, source.base_url))


@pytest.mark.parametrize("item_path", ["", 'item_path = "/things/{key}"'])
@pytest.mark.parametrize("key", ['"code"', '["code", "id"]', '[["id", "code"]]'])
def test_a_changed_key_is_held_and_nothing_is_told(world: World, shop: Shop, key: str, item_path: str) -> None:
    shop.lists("things", *rows(30))
    scanned(world.by(), "things")

    services = world.by(f'[resources.things]\npath = "/things"\n{item_path}\nkey = {key}\n')
    for _ in range(2):
        ended = scanned(services, "things")
        assert ended.state == "failed"
        assert 'kept by "id"; `mirrorpoint rebase shop:things`' in str(ended.reason)
    assert told(services) == []

    services = world.by()
    assert scanned(services, "things").state == "complete"
    assert (told(services), len(keys(services, "things"))) == ([], 30)


def test_a_key_that_makes_the_same_keys_is_taken_as_it_is(world: World, shop: Shop) -> None:
    shop.lists("things", *rows(30))
    scanned(world.by(), "things")
    services = world.by(FLAT.replace('{key}"', '{key}"\nkey = ["nothing", "/id"]'))
    assert scanned(services, "things").state == "complete"
    assert told(services) == []


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
def test_a_new_base_line_retires_the_old_rows_and_tells_new_ones_as_snapshots(world: World, shop: Shop) -> None:
    shop.lists("things", *rows(30))
    scanned(world.by(), "things")
    services = world.by('[resources.things]\npath = "/things"\nkey = "code"\n')
    scanned(services, "things")

    assert begin_anew(services, "things") == 30
    assert scanned(services, "things").state == "complete"
    changes = [(change.kind, change.version) for change in log(services)]
    assert changes == [("snapshot", 1)] * 30 + [("deleted", 2)] * 30 + [("snapshot", 1)] * 30
    assert keys(services, "things") == sorted(f"c{n}" for n in range(30))

    back = world.by()
    begin_anew(back, "things")
    scanned(back, "things")
    assert {(change.kind, change.version) for change in log(back)[-30:]} == {("snapshot", 3)}  # told to nobody
    shop.lists("things", *rows(29))
    shop.answers("/things/29", b"", status=404)
    scanned(back, "things")
    assert told(back)[-1] == ("deleted", "29")


@pytest.mark.parametrize(("first", "second"), [(FLAT, NESTED), (NESTED, FLAT)])
def test_a_list_that_is_nested_now_or_no_more_is_held(world: World, shop: Shop, first: str, second: str) -> None:
    shop.lists("things", *rows(3))
    for n in range(3):
        shop.parts(n, *rows(4))
    shop.lists("parts", *rows(4))
    services = world.by(first)
    scanned(services, "things")
    before = scanned(services, "parts").rows

    services = world.by(second)
    assert scanned(services, "things").state == "complete"
    for _ in range(2):
        ended = scanned(services, "parts")
        assert ended.state == "failed"
        assert "no parent" in str(ended.reason)
    assert told(services) == []

    assert begin_anew(services, "parts") == before
    assert scanned(services, "parts").state == "complete"
    assert {kind for kind, _ in told(services)} == {"deleted"}
    assert scanned(services, "parts").created == 0


def test_children_wait_while_their_parents_keys_are_in_question(world: World, shop: Shop) -> None:
    shop.lists("things", *rows(3))
    services = world.by(NESTED)
    scanned(services, "things")
    scanned(services, "parts")
    composite = NESTED.replace('/{key}"\n\n', '/{key}"\nkey = [["id", "code"]]\n\n').replace("{parent}", "{id}-{code}")
    services = world.by(composite)
    assert scan(services, "parts", "shop").outcome is Outcome.WAITING
    assert scanned(services, "things").state == "failed"
    for n in range(3):
        shop.server.on("GET", f"/things/{n}-c{n}/parts", shops.paged([b'{"id": 7}']))
    begin_anew(services, "parts")
    begin_anew(services, "things")
    assert [scanned(services, name).state for name in ("things", "parts")] == ["complete", "complete"]


def test_one_more_fallback_of_a_key_is_no_change_and_keeps_nobody_waiting(world: World, shop: Shop) -> None:
    shop.lists("things", *rows(3))
    shop.parts(1, *rows(4))
    services = world.by(NESTED)
    scanned(services, "things")
    scanned(services, "parts")
    services = world.by(NESTED.replace('{key}"', '{key}"\nkey = ["id", "thingId"]'))
    assert scanned(services, "parts").state == "complete"  # before its parent has been read by the new catalogue
    assert scanned(services, "things").state == "complete"
    assert told(services) == []


def test_children_wait_until_it_is_certain_whose_lists_theirs_are(world: World, shop: Shop, other: Shop) -> None:
    for server in (shop, other):
        server.lists("things", *rows(3))
    services = world.by(NESTED)
    assert [scanned(services, name).rows for name in ("things", "parts")] == [3, 0]
    other.lists("things", *rows(3, name="other"))
    other.parts(1, *rows(4))
    services = world.by(NESTED, url=other.server.url)
    assert scan(services, "parts", "shop").outcome is Outcome.WAITING
    assert scanned(services, "things").state == "failed"
    assert scan(services, "parts", "shop").outcome is Outcome.WAITING
    assert told(services) == []


def test_rows_at_another_address_of_a_list_that_was_empty_are_not_told_as_created(
    world: World, shop: Shop, other: Shop
) -> None:
    scanned(world.by(), "things")
    services = world.by(url=other.server.url)
    assert scanned(services, "things").state == "complete"
    shop.lists("things", *rows(3))
    services = world.by(url=shop.server.url)
    ended = scanned(services, "things")
    assert (ended.state, "the mirror has no row of it" in str(ended.reason)) == ("failed", True)
    assert log(services) == []


def test_a_first_scan_that_was_broken_off_begins_anew_by_another_key(world: World, shop: Shop) -> None:
    first, paged = world.by(), shops.paged([row.encode() for row in rows(350)])

    def answer(request: Request) -> Reply:
        if request.query.get("offset", "0") != "0":
            first.stopping.set()
        return paged(request)

    shop.server.on("GET", "/things", answer)
    stopped = scan_slice(first, "shop", "things")
    assert stopped.outcome is Outcome.AGAIN
    assert 0 < len(keys(first, "things")) < 350
    services = world.by('[resources.things]\npath = "/things"\nkey = "code"\n')
    ended = scanned(services, "things")
    assert (ended.state, ended.rows) == ("complete", 350)
    assert keys(services, "things") == sorted(f"c{n}" for n in range(350))


def test_rows_that_only_the_former_catalogue_took_for_gone_delete_nobody(world: World, shop: Shop) -> None:
    kept, paged = "[resources.things]\npath = '/things'\n", shops.paged([row.encode() for row in rows(350)])
    shop.server.on("GET", "/things", paged)
    assert scanned(world.by(kept), "things").state == "complete"
    wrong = world.by(kept + "deleted = { name = ['n1', 'n2', 'n3'] }\n")

    def answer(request: Request) -> Reply:
        if request.query.get("offset", "0") != "0":
            wrong.stopping.set()
        return paged(request)

    shop.server.on("GET", "/things", answer)
    assert scan_slice(wrong, "shop", "things").outcome is Outcome.AGAIN
    services = world.by(kept)
    ended = scanned(services, "things")

    assert (ended.state, ended.deleted, told(services)) == ("complete", 0, [])


def test_before_the_first_complete_scan_a_change_begins_anew_by_itself(world: World, shop: Shop) -> None:
    shop.lists("things", *rows(30))
    services = world.by()
    scanned(services, "things")
    with services.database.write() as session:
        session.objects.execute(text("UPDATE mirrorpoint_resource SET baseline_at = NULL"))
    services = world.by('[resources.things]\npath = "/things"\nkey = "code"\n')
    assert scanned(services, "things").state == "complete"
    assert keys(services, "things") == sorted(f"c{n}" for n in range(30))


@pytest.mark.parametrize("also", ["", 'volatile = ["/name"]', 'unordered = ["/tags"]'])
def test_another_address_of_the_same_installation_is_taken_by_itself(
    world: World, shop: Shop, other: Shop, also: str
) -> None:
    shop.lists("things", *rows(150, self=f"{shop.server.url}/things"))
    services = world.by()
    scanned(services, "things")
    assert _path_is_proven(services)
    other.lists("things", *rows(151, self=f"{other.server.url}/things")[20:])

    services = world.by(FLAT.replace('{key}"', '{key}"\n' + also), url=other.server.url)
    ended = scanned(services, "things")
    assert (ended.state, ended.created, ended.updated) == ("complete", 1, 130)
    kept = services.sources["shop"].base_url
    with services.database.read() as session:
        state = scans.resource_state(session, "shop", "things")
    assert state.read_as is not None
    assert state.read_as["base_url"] == kept == other.server.url


@pytest.mark.parametrize("catalogue", [FLAT, FLAT.replace('{key}"', '{key}"\ncreated = "at"')])
def test_another_installation_is_held_until_a_person_says_what_it_is(
    world: World, shop: Shop, other: Shop, catalogue: str
) -> None:
    shop.lists("things", *rows(30))
    scanned(world.by(catalogue), "things")
    other.lists("things", *rows(40, name="other", at="2020-01-01"))

    services = world.by(catalogue, url=other.server.url)
    ended = scanned(services, "things")
    assert ended.state == "failed"
    assert f"base_url is {other.server.url} now" in str(ended.reason)
    assert "of the 40 rows that were looked at 0 are the same" in str(ended.reason)
    assert "--same" in str(ended.reason)
    assert told(services) == []
    assert len(other.server.requests) == 1

    other.lists("things")
    assert scanned(services, "things").state == "failed"  # an empty list tells nothing either
    begin_anew(services, "things")
    other.lists("things", *rows(40, name="other"))
    assert scanned(services, "things").state == "complete"
    assert {kind for kind, _ in told(services)} == {"deleted"}


def test_a_list_of_another_tenant_is_held_too(world: World, shop: Shop) -> None:
    shop.lists("things", *rows(30))
    scanned(world.by('[resources.things]\npath = "/things"\nparams = { tenant = "a" }\n'), "things")
    shop.lists("things", *rows(30, name="of b"))
    services = world.by('[resources.things]\npath = "/things"\nparams = { tenant = "b" }\n')
    assert "other params" in str(scanned(services, "things").reason)
    assert told(services) == []


def test_records_with_the_same_stamp_of_creation_are_the_same(world: World, shop: Shop, other: Shop) -> None:
    catalogue = FLAT.replace('{key}"', '{key}"\ncreated = "at"')
    shop.lists("things", *rows(30))
    scanned(world.by(catalogue), "things")
    other.lists("things", *rows(30, name="renamed"))
    ended = scanned(world.by(catalogue, url=other.server.url), "things")
    assert (ended.state, ended.updated) == ("complete", 30)


def test_nested_lists_at_another_address_are_compared_below_their_parents(
    world: World, shop: Shop, other: Shop
) -> None:
    for server, name in ((shop, "n"), (other, "other")):
        server.lists("things", *rows(3))
        for n in range(3):
            server.parts(n, *rows(4, name=name))
    services = world.by(NESTED)
    scanned(services, "things")
    scanned(services, "parts")
    services = world.by(NESTED, url=other.server.url)
    assert scanned(services, "things").state == "complete"
    assert scanned(services, "parts").state == "failed"
    assert told(services) == []


def test_what_an_own_path_has_proved_does_not_hold_for_another_path(world: World, shop: Shop) -> None:
    shop.lists("things", *rows(30))
    services = world.by()
    scanned(services, "things")
    assert _path_is_proven(services)
    services = world.by(FLAT.replace("/things/{key}", "/nowhere/{key}"))
    shop.lists("things", *rows(25))
    scanned(services, "things")
    assert not _path_is_proven(services)
    assert told(services) == []  # absent once: 404 on a path that has never answered proves nothing


def _path_is_proven(services: Services) -> bool:
    with services.database.read() as session:
        return scans.resource_state(session, "shop", "things").item_path_proven_at is not None


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
def test_records_that_are_mirrored_become_points_when_the_catalogue_says_so(world: World, shop: Shop) -> None:
    shop.lists("things", *[json.dumps({"id": n, "code": f"P{n}", "url": f"https://p{n}.example/"}) for n in range(3)])
    scanned(world.by(), "things")
    mapping = 'points = { code = "code", type = "type", url = "url", token = "token" }'
    with_points = FLAT.replace('things/{key}"', 'things/{key}"\n' + mapping)
    services = world.by(with_points)
    assert scanned(services, "things").state == "complete"
    assert _receiving(services) == {
        "P0": "https://p0.example/",
        "P1": "https://p1.example/",
        "P2": "https://p2.example/",
    }

    services = world.by(with_points.replace('url = "url"', 'url = "hook"'))
    scanned(services, "things")
    assert _receiving(services) == {}
    services = world.by(with_points)
    scanned(services, "things")
    assert len(_receiving(services)) == 3
    services = world.by()
    scanned(services, "things")
    assert _receiving(services) == {}


@pytest.mark.parametrize("dialect", ["postgresql"])
@pytest.mark.parametrize("mapped", ["url", "hook"])
def test_the_rows_of_a_transaction_are_written_before_it_waits_for_the_log(
    world: World, shop: Shop, mapped: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also rows that came twice, and points that are looked at anew: who reads parents waits in the same order."""
    with_points = FLAT.replace(
        'things/{key}"', 'things/{key}"\npoints = { code = "code", type = "type", url = "%s", token = "token" }'
    )

    def has(name: str) -> None:
        rows = [json.dumps({"id": n, "code": f"P{n}", "url": "https://p.example/", "name": name}) for n in range(150)]
        rows[99], rows[120] = (json.dumps({"id": "twin", "name": f"{name} {n}"}) for n in range(2))
        shop.lists("things", *rows)

    has("one")
    scanned(world.by(with_points % "url"), "things")
    has("two")
    services = world.by(with_points % mapped)
    late: list[str] = []
    is_locked = False

    def note(statement: str, _: object) -> None:
        nonlocal is_locked
        is_locked = is_locked or "advisory" in statement
        if is_locked and '"things"' in statement:
            late.append(statement)

    def ended(session: Session, how: str) -> None:
        nonlocal is_locked
        is_locked = False
        ending(session, how)

    ending = Session._end  # there is no other sign of it
    monkeypatch.setattr(Session, "_end", ended)
    services.database.watchers.append(note)
    scanned(services, "things")
    assert late == []
    assert [change.kind for change in log(services)].count("updated") > 150, "there was something to be told"


def _receiving(services: Services) -> dict[str, str | None]:
    with services.database.read() as session:
        return {code: point.url for code, point in points.targets(session).items()}
