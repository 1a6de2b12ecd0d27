"""To which points a change is owed."""

from __future__ import annotations

from typing import Any

import pytest

from changes import routes
from changes.records import Kind
from changes.routes import Route
from tests.unit.json_values import change

CODES = ("AUDIT", "CRM_EU", "CRM_US", "audit")


@pytest.mark.parametrize(
    ("route", "owed"),
    [
        (Route(points=("AUDIT",)), ("AUDIT",)),
        (Route(points=("CRM_*",)), ("CRM_EU", "CRM_US")),
        (Route(points=("*",)), CODES),
        (Route(points=("[ac]*",)), ("audit",)),
        (Route(points=("NONE",)), ()),
        (Route(points=()), ()),
        (Route(points=("AUDIT",), resources=("products",)), ("AUDIT",)),
        (Route(points=("AUDIT",), resources=("product_*",)), ()),
        (Route(points=("AUDIT",), resources=("clients", "prod*")), ("AUDIT",)),
        (Route(points=("AUDIT",), resources=("Products",)), ()),
        (Route(points=("AUDIT",), kinds=("created",)), ()),
        (Route(points=("AUDIT",), kinds=("created", "updated")), ("AUDIT",)),
    ],
)
def test_a_route_takes_what_its_names_and_kinds_say(route: Route, owed: tuple[str, ...]) -> None:
    assert routes.owed_to([route], change(), CODES) == owed


def test_each_point_is_owed_once_in_the_order_of_the_points() -> None:
    many = [Route(points=("CRM_US", "AUDIT")), Route(points=("*",)), Route(points=("CRM_*",))]
    assert routes.owed_to(many, change(), [*CODES, "AUDIT"]) == CODES
    assert routes.owed_to([], change(), CODES) == ()


@pytest.mark.parametrize("kind", list(Kind))
def test_a_first_scan_is_sent_only_where_it_is_asked_for(kind: Kind) -> None:
    found = change(kind=kind)
    assert routes.owed_to([Route(points=("AUDIT",))], found, CODES) == (() if kind == "snapshot" else ("AUDIT",))
    assert routes.owed_to([Route(points=("AUDIT",), kinds=("snapshot",))], found, CODES) == (
        ("AUDIT",) if kind == "snapshot" else ()
    )


@pytest.mark.parametrize(
    ("fields", "changed", "is_taken"),
    [
        (("/status",), ("/status",), True),
        (("/status",), ("/statusText",), False),
        (("/status",), ("/other", "/status"), True),
        (("/options",), ("/options/a/b",), True),
        (("/options/a",), ("/options",), True),
        (("/options/a",), ("/options/b",), False),
        (("/options/a",), ("",), True),
        (("",), ("/anything",), True),
        (("/a~1b",), ("/a~1b/c",), True),
        (("/a",), ("/a~1b",), False),
        (("/status", "/name"), ("/name",), True),
    ],
)
def test_fields_stand_for_themselves_and_all_below_them(fields: Any, changed: Any, is_taken: bool) -> None:
    route = Route(points=("AUDIT",), fields=fields)
    assert routes.owed_to([route], change(changed=changed), CODES) == (("AUDIT",) if is_taken else ())


@pytest.mark.parametrize("kind", [Kind.CREATED, Kind.DELETED, Kind.RESTORED])
def test_fields_sift_updates_only(kind: Kind) -> None:
    route = Route(points=("AUDIT",), fields=("/status",))
    assert routes.owed_to([route], change(kind=kind, changed=("/other",)), CODES) == ("AUDIT",)
