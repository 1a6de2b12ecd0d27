"""What `check` warns of in a configuration that is valid."""

from __future__ import annotations

from pathlib import Path

import pytest

from upstream import catalogue
from worker import settings
from worker.commands.check import config_warnings

CATALOGUE = catalogue.parse(
    '[resources.things]\npath = "/things"\n[resources.parts]\npath = "/things/{parent}/parts"\nparent = "things"\n',
    name="shop",
    origin="shop.toml",
)
SOURCE = '[sources.shop]\ncatalogue = "shop.toml"\nbase_url = "https://shop.example.com"\n'
POINT = '[[points]]\ncode = "AUDIT"\nurl = "https://audit.example.com"\n'
ROUTE = '[[routes]]\npoints = ["AUDIT"]\n'
SIGNED = '[delivery]\nsecret = "env:SECRET"\n'


def warned(text: str, **known_points: bool) -> list[tuple[str, str]]:
    found = settings.parse(text, file=Path("/nowhere/mirrorpoint.toml"), environ={})
    return [
        (each.where, each.message)
        for each in config_warnings.warnings(found, {"shop": CATALOGUE}, signed_points=known_points)
    ]


def test_a_configuration_without_faults_is_not_commented_on() -> None:
    assert warned(SOURCE + POINT + ROUTE + SIGNED) == []


@pytest.mark.parametrize(
    ("text", "where", "message"),
    [
        (
            SOURCE + 'auth = { method = "bearer", token = "hush" }',
            "sources.shop.auth.token",
            "the secret itself is written in the configuration",
        ),
        (
            SOURCE.replace("https", "http") + 'auth = { method = "bearer", token = "env:T" }',
            "sources.shop.base_url",
            "credentials and data travel unencrypted",
        ),
        (SOURCE + POINT.replace("https", "http") + ROUTE + SIGNED, "points[AUDIT].url", "events travel unencrypted"),
        (
            SOURCE + 'schedule = { things = "off" }',
            "shop:parts",
            "nothing of it is found while its parent things is off",
        ),
        (SOURCE + POINT + SIGNED, "routes", "there are points but no route leads to them"),
        (SOURCE + POINT + ROUTE.replace("AUDIT", "ADIT") + SIGNED, "routes[0].points", 'no point "ADIT" is known'),
        (
            SOURCE + POINT + ROUTE + 'resources = ["thing"]\n' + SIGNED,
            "routes[0].resources",
            'no resource is called "thing"',
        ),
        (SOURCE + POINT + ROUTE, "points[AUDIT]", "deliveries to it are not signed"),
    ],
)
def test_what_may_be_meant_otherwise_is_named(text: str, where: str, message: str) -> None:
    assert warned(text) == [(where, message)]


def test_a_mirrored_point_is_known_to_routes_and_signed_by_its_own_secret_or_the_common_one() -> None:
    route = ROUTE.replace("AUDIT", "CRM")
    assert warned(SOURCE + route, CRM=True) == []
    assert warned(SOURCE + route, CRM=False) == [("points[CRM]", "deliveries to it are not signed")]
    assert warned(SOURCE + route + SIGNED, CRM=False) == []


def test_a_nested_resource_that_is_off_with_its_parent_is_fine() -> None:
    assert warned(SOURCE + 'schedule = { things = "off", parts = "off" }') == []


def test_plain_http_on_this_machine_is_fine() -> None:
    text = SOURCE.replace("https://shop.example.com", "http://127.0.0.1:8088")
    assert warned(text + 'auth = { method = "bearer", token = "env:T" }') == []


def test_a_route_may_ask_for_notices_and_one_that_there_is_not_is_named() -> None:
    asking = SOURCE + POINT + ROUTE + SIGNED
    for names in ('"mirrorpoint.*"', '"things", "mirrorpoint.sealed"', '"mirrorpoint.deletions_held"'):
        assert warned(asking.replace(ROUTE, ROUTE + f"resources = [{names}]\n")) == []
    wrong = asking.replace(ROUTE, ROUTE + 'resources = ["mirrorpoint.seled"]\n')
    assert warned(wrong) == [("routes[0].resources", 'no notice is called "mirrorpoint.seled"')]


def test_a_point_that_no_route_leads_to_is_not_told_to_be_unsigned() -> None:
    assert warned(SOURCE + POINT + ROUTE, OTHER=False) == [("points[AUDIT]", "deliveries to it are not signed")]
