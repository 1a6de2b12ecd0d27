"""A new route, a new point and one that returns are sent what happens from then on, not what was before."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from changes.routes import Route
from storage import deliveries, points
from tasks.services import Services
from tests.mirrored_world import World, last_seq, scan

PRODUCTS = "/api/v2/products"
POINTS = "/rest/v1/service/integration_points"


class Mirror:
    """A mirror whose first scans are over; each call of `change` is one change of a product, seen by a scan."""

    def __init__(self, world: World, services: Services) -> None:
        self.world, self.services = world, services
        self.key = world.ask("rows", path=PRODUCTS)["rows"][0]["key"]
        scan(services, "products")
        self.scan_points()
        self._count = 0

    def route(self, *codes: str, kinds: tuple[str, ...] = ("created", "updated", "deleted", "restored")) -> None:
        """The configuration of the next start."""
        self.services = replace(self.services, routes=(Route(points=codes, resources=("products",), kinds=kinds),))

    def change(self) -> int:
        """Its number in the log."""
        self._count += 1
        self.world.change(PRODUCTS, "update", key=self.key, document={"caption": f"caption {self._count}"})
        scan(self.services, "products")
        return last_seq(self.services)

    def scan_points(self) -> None:
        scan(self.services, "integration_points", "platform")

    def add(self, code: str) -> None:
        with self.services.database.write() as session:
            points.add(session, code=code, url="https://own.example/", now=self.services.now())

    def owed(self, code: str, state: str = "due") -> list[int]:
        with self.services.database.read() as session:
            return [row.change_seq for row in deliveries.read(session, point=code, states=[state])]


@pytest.fixture
def mirror(world: World, services: Services) -> Mirror:
    return Mirror(world, services)


def test_a_new_route_is_for_what_comes(mirror: Mirror) -> None:
    mirror.add("OWN")
    mirror.change()
    mirror.route("OWN", kinds=("snapshot", "created", "updated"))
    scan(mirror.services, "products")
    assert mirror.owed("OWN") == []
    seq = mirror.change()
    assert mirror.owed("OWN") == [seq]


def test_a_new_point_is_sent_what_comes(mirror: Mirror) -> None:
    mirror.route("*")
    mirror.change()
    mirror.add("OWN")
    assert mirror.owed("OWN") == []
    seq = mirror.change()
    assert mirror.owed("OWN") == [seq]


def test_a_point_that_was_gone_is_sent_what_comes_after_it_was_enabled(mirror: Mirror) -> None:
    mirror.route("OWN")
    mirror.add("OWN")
    before = mirror.change()
    with mirror.services.database.write() as session:
        points.mark_gone(session, "OWN", reason="the receiver answered 410 Gone", now=mirror.services.now())
    mirror.change()
    with mirror.services.database.write() as session:
        points.enable(session, "OWN", now=mirror.services.now())
    assert mirror.owed("OWN") == []
    after = mirror.change()
    assert (mirror.owed("OWN"), mirror.owed("OWN", "skipped")) == ([after], [before])


def test_a_mirrored_point_that_was_deleted_and_returns_is_sent_what_comes(mirror: Mirror) -> None:
    mirror.route("*")
    row = point_with_url(mirror.world)
    key, code = row["key"], row["document"]["code"]
    before = mirror.change()
    assert mirror.owed(code) == [before]

    mirror.world.change(POINTS, "delete", key=key)
    mirror.scan_points()
    assert (mirror.owed(code), mirror.owed(code, "skipped")) == ([], [before])
    mirror.change()
    mirror.world.change(POINTS, "restore", key=key)
    mirror.scan_points()
    assert mirror.owed(code) == []
    after = mirror.change()
    assert (mirror.owed(code), mirror.owed(code, "skipped")) == ([after], [before])


def test_a_mirrored_point_whose_url_comes_back_is_sent_what_comes(mirror: Mirror) -> None:
    mirror.route("*")
    row = point_with_url(mirror.world)
    code, url = row["document"]["code"], row["document"]["url"]
    mirror.world.change(POINTS, "update", key=row["key"], document={"url": ""})
    mirror.scan_points()
    mirror.change()
    mirror.world.change(POINTS, "update", key=row["key"], document={"url": url})
    mirror.scan_points()
    assert mirror.owed(code) == []
    after = mirror.change()
    assert mirror.owed(code) == [after]


def test_a_point_that_is_new_at_the_platform_is_sent_what_comes(mirror: Mirror) -> None:
    mirror.route("NEWCOMER")
    mirror.change()
    mirror.world.change(
        POINTS, "create", document={"code": "NEWCOMER", "type": "public", "url": "https://new.example/"}
    )
    mirror.scan_points()
    assert mirror.owed("NEWCOMER") == []
    after = mirror.change()
    assert mirror.owed("NEWCOMER") == [after]


def point_with_url(world: World) -> Any:
    rows = world.ask("rows", path=POINTS)["rows"]
    return next(row for row in rows if row["document"]["url"])
