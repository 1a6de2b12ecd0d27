"""Held deletions wait for a person's word, are looked at again, and go through once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tasks.services import Services
from tests.commands import Commands, Result
from tests.integration.test_absence import NAMES, PRODUCTS, keys, scanned, suspected
from tests.mirrored_world import World, kinds, last_seq, log, scan
from worker.commands import acting


def held_products(services: Services, world: World, count: int = 12) -> tuple[str, list[str]]:
    """A scan that holds the deletion of so many products."""
    scan(services, "products")
    gone = sorted(keys(services, "products"))[:count]
    for key in gone:
        world.change(PRODUCTS, "delete", key=key)
    row = scanned(services, "products")
    assert count == row.held
    return row.id, gone


Approve = Callable[[str], Result]


@pytest.fixture
def approve(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Approve:
    run = Commands(tmp_path / "mirrorpoint.toml", capsys)
    return lambda scan_id: run("approve", scan_id, "--json")


def test_what_is_approved_and_still_absent_is_deleted_and_nothing_else(
    services: Services, world: World, approve: Approve
) -> None:
    scan_id, gone = held_products(services, world)
    seq = last_seq(services)
    world.change(PRODUCTS, "restore", key=gone[0])

    result = approve(scan_id)

    assert 0 == result.code, result.err
    assert 11 == result.json["scans"][0]["deleted"]
    assert {"deleted": 11} == kinds([c for c in log(services, after=seq) if c.resource == "products"])
    assert not keys(services, "products") & set(gone[1:])
    assert gone[0] in keys(services, "products")
    assert {} == suspected(services, "products")


def test_who_approved_is_written_down(
    services: Services, world: World, approve: Approve, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scan_id, _ = held_products(services, world)
    approve(scan_id)
    (told,) = Commands(tmp_path / "mirrorpoint.toml", capsys)("actions", "--json").lines
    assert (told["who"], told["what"], told["target"]) == (acting.system_user(), "approve", scan_id)
    assert told["outcome"].startswith("done: 12 deletions of ")
    assert told["at"] <= told["ended_at"]


def test_an_approval_covers_what_was_held_then_and_not_what_vanished_later(
    services: Services, world: World, approve: Approve
) -> None:
    scan_id, gone = held_products(services, world)
    later = sorted(keys(services, "products") - set(gone))[:11]
    for key in later:
        world.change(PRODUCTS, "delete", key=key)
    scan(services, "products")

    result = approve(scan_id)

    assert (3, 12, 11) == (result.code, result.json["scans"][0]["deleted"], result.json["scans"][0]["held"])
    assert dict.fromkeys(later, "held") == suspected(services, "products")


def test_an_approval_is_good_for_one_look(services: Services, world: World, approve: Approve) -> None:
    scan_id, gone = held_products(services, world)
    seq = last_seq(services)
    world.fault(kind="status", path="/api/v2/products/*", status=403)

    result = approve(scan_id)

    assert (3, 0) == (result.code, result.json["scans"][0]["deleted"])
    world.no_faults()
    assert (12, 0) == ((row := scanned(services, "products")).held, row.deleted)
    assert dict.fromkeys(gone, "held") == suspected(services, "products")
    assert seq == last_seq(services)


def test_plain_names_that_an_empty_list_has_lost_are_deleted_when_approved(
    services: Services, world: World, approve: Approve
) -> None:
    scan(services, "sms_provider_types")
    names = keys(services, "sms_provider_types")
    for name in names:
        world.change(NAMES, "delete", key=name)
    scan(services, "sms_provider_types")
    row = scanned(services, "sms_provider_types")
    assert len(names) == row.held

    assert 0 == approve(row.id).code

    assert set() == keys(services, "sms_provider_types")


def test_a_scan_that_holds_nothing_is_refused_with_those_that_do(
    services: Services, world: World, approve: Approve
) -> None:
    scan_id, _ = held_products(services, world)
    scan(services, "tags")

    result = approve("nonsense")

    assert 2 == result.code
    assert f"{scan_id} holds some of products" in result.json["error"]["hint"]
