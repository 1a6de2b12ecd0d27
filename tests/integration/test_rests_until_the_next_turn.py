"""A scan that is not complete through no trouble of the source is made again at its next turn, others after a rest."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from changes.records import Id
from storage import backoff, scans
from tasks.services import Services
from tests.mirrored_world import World, kinds, last_seq, log, mirrored, scan, told_changes
from upstream.throttle import Budget

PROVIDERS = "/api/v2/connections/providers"  # plain strings: nothing to ask one by one
SETTINGS = "connection_provider_settings"


def state_of(services: Services, resource: str) -> str:
    """How a scan made just now has ended."""
    scan_id = scan(services, resource).scan_id
    assert scan_id is not None
    with services.database.read() as session:
        row = scans.get(session, scan_id)
    assert row is not None
    return row.state


def is_awake(services: Services, resource: str, *, at: datetime) -> bool:
    with services.database.read() as session:
        return bool(backoff.awake(session, [("backoffice", resource)], now=at))


def next_turn(services: Services, resource: str, *, seconds: float) -> datetime:
    at = services.now() + timedelta(seconds=seconds)
    with services.database.write() as session:
        scans.note_next(session, {("backoffice", resource): at})
    return at


def test_the_list_of_a_parent_that_its_own_list_has_no_more_is_no_failure(services: Services, world: World) -> None:
    for resource in ("connection_providers", SETTINGS):
        scan(services, resource)
    parent = min(mirrored(services, services.sources["backoffice"].catalogue.resources["connection_providers"]))
    world.change(PROVIDERS, "delete", key=parent.key)
    seq = last_seq(services)

    assert "complete" == state_of(services, SETTINGS)  # it has no path of its own: its list was asked
    assert "complete" == state_of(services, "connection_providers")
    assert "complete" == state_of(services, SETTINGS)
    assert {} == kinds(log(services, after=seq))
    scan(services, "connection_providers")

    below = Id(parent.key.replace("/", "%2F"), parent.key)
    told = told_changes(log(services, after=seq))
    assert {("connection_providers", parent, "deleted"), (SETTINGS, below, "deleted")} == set(told)
    assert 2 == len(told)


@pytest.mark.parametrize("seconds", [2, 30])
def test_a_list_that_could_be_read_rests_no_longer_than_until_its_next_turn(
    services: Services, world: World, seconds: float
) -> None:
    scan(services, "products")
    turn = next_turn(services, "products", seconds=seconds)
    world.fault(kind="total", value=99, path="/api/v2/products")
    assert "drifted" == state_of(services, "products")
    assert is_awake(services, "products", at=turn)


def test_a_list_that_goes_on_contradicting_itself_rests_longer(services: Services, world: World) -> None:
    scan(services, "products")
    world.fault(kind="total", value=99, path="/api/v2/products")
    for _ in range(2):
        turn = next_turn(services, "products", seconds=30)
        assert "drifted" == state_of(services, "products")

    assert not is_awake(services, "products", at=turn)
    assert is_awake(services, "products", at=services.now() + timedelta(seconds=121))


def test_between_rare_turns_it_rests_a_minute(services: Services, world: World) -> None:
    scan(services, "products")
    next_turn(services, "products", seconds=3600)
    world.fault(kind="total", value=99, path="/api/v2/products")
    assert "drifted" == state_of(services, "products")
    now = services.now()
    assert not is_awake(services, "products", at=now + timedelta(seconds=50))
    assert is_awake(services, "products", at=now + timedelta(seconds=61))


@pytest.mark.parametrize("path", ["/api/v2/products", "/api/v2/products/*/currencies"])
def test_a_source_in_trouble_is_left_alone_beyond_the_next_turn(
    services: Services, world: World, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Budget, "wait", lambda _self, _seconds: None)  # between two tries
    resource = "product_currencies" if path.endswith("currencies") else "products"
    scan(services, "products")
    turn = next_turn(services, resource, seconds=2)
    world.fault(kind="status", status=500, path=path)
    assert state_of(services, resource) in ("failed", "partial")
    assert not is_awake(services, resource, at=turn)


def test_a_resource_that_is_not_there_is_left_alone_beyond_the_next_turn(services: Services, world: World) -> None:
    turn = next_turn(services, "products", seconds=2)
    world.fault(kind="status", status=404, path="/api/v2/products")
    assert "failed" == state_of(services, "products")
    assert not is_awake(services, "products", at=turn)
