"""To which points a change is owed."""

from __future__ import annotations

from typing import Any

import pytest

from changes import routes
from changes.records import Kind
from changes.routes import Route
from tests.unit.json_values import change

CODES = ("AUDIT", "CRM_EU", "CRM_US", "audit")
RECEIVERS = dict.fromkeys(CODES, "public")


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
    assert routes.owed_to([route], change(), RECEIVERS) == owed


def test_each_point_is_owed_once_in_the_order_of_the_points() -> None:
    many = [Route(points=("CRM_US", "AUDIT")), Route(points=("*",)), Route(points=("CRM_*",))]
    assert routes.owed_to(many, change(), RECEIVERS) == CODES
    assert routes.owed_to([], change(), RECEIVERS) == ()


@pytest.mark.parametrize("kind", list(Kind))
def test_a_first_scan_is_sent_only_where_it_is_asked_for(kind: Kind) -> None:
    found = change(kind=kind)
    assert routes.owed_to([Route(points=("AUDIT",))], found, RECEIVERS) == (() if kind == "snapshot" else ("AUDIT",))
    assert routes.owed_to([Route(points=("AUDIT",), kinds=("snapshot",))], found, RECEIVERS) == (
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
    assert routes.owed_to([route], change(changed=changed), RECEIVERS) == (("AUDIT",) if is_taken else ())


@pytest.mark.parametrize("kind", [Kind.CREATED, Kind.DELETED, Kind.RESTORED])
def test_fields_sift_updates_only(kind: Kind) -> None:
    route = Route(points=("AUDIT",), fields=("/status",))
    assert routes.owed_to([route], change(kind=kind, changed=("/other",)), RECEIVERS) == ("AUDIT",)


def test_a_code_that_reads_as_a_glob_means_the_point_that_has_it() -> None:
    known = dict.fromkeys(("EU[1]", "EU1", "EU2"), "public")
    assert routes.owed_to([Route(points=("EU[1]",))], change(), known) == ("EU[1]",)
    assert routes.owed_to([Route(points=("EU[12]",))], change(), known) == ("EU1", "EU2")
    assert routes.owed_to([Route(points=("EU[*",))], change(), known) == ("EU[1]",)
    assert routes.owed_to([Route(points=("EU*",))], change(), known) == tuple(known)


def test_a_point_that_is_called_like_a_wildcard_takes_nothing_away_from_others() -> None:
    known = dict.fromkeys(("*", "AUDIT"), "public")
    assert routes.owed_to([Route(points=("*",))], change(), known) == ("*", "AUDIT")


@pytest.mark.parametrize(
    ("types", "owed"),
    [
        (("public",), ("AUDIT",)),
        (("tele*", "public"), ("AUDIT", "902")),
        (("*",), ("AUDIT", "902", "MINE")),
        ((), ("AUDIT", "902", "MINE")),
        (("none",), ()),
    ],
)
def test_a_route_may_choose_by_the_type_of_a_point_beside_its_code(
    types: tuple[str, ...], owed: tuple[str, ...]
) -> None:
    known = {"AUDIT": "public", "902": "telegram", "MINE": None}
    assert routes.owed_to([Route(points=("*",), types=types)], change(), known) == owed
    assert routes.owed_to([Route(points=("NONE",), types=types)], change(), known) == ()


@pytest.mark.parametrize(
    ("resources", "is_asked_for"),
    [
        (("*",), False),
        (("m*",), False),
        (("mirrorpoint*",), False),
        (("products", "mirrorpoint.*"), True),
        (("mirrorpoint.sealed",), True),
        (("mirrorpoint.point_*",), False),
        (("mirrorpoint.Sealed",), False),
    ],
)
def test_a_route_asks_for_notices_by_their_own_name_alone(resources: tuple[str, ...], is_asked_for: bool) -> None:
    route = Route(points=("AUDIT",), resources=resources, kinds=("created",), fields=("/status",))
    assert routes.notice_owed_to([route], "mirrorpoint.sealed", RECEIVERS) == (("AUDIT",) if is_asked_for else ())


def test_notices_go_to_the_points_that_a_route_leads_to_each_once_and_take_no_changes_along() -> None:
    route = Route(points=("CRM_*", "*_EU"), types=("public",), resources=("mirrorpoint.*",))
    known = {**RECEIVERS, "CRM_EU": "telegram"}
    assert routes.notice_owed_to([route, route], "mirrorpoint.point_dead", known) == ("CRM_US",)
    assert routes.owed_to([route], change(), known) == ()
