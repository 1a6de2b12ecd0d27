"""Nothing is marked deleted but what a complete scan did not have and what is then confirmed to be gone."""

from __future__ import annotations

from typing import Any

import pytest

from changes.records import Id
from storage import scans, suspects
from storage.scans import Scan
from tasks.services import Services
from tests.mirrored_world import World, kinds, last_seq, log, mirrored, scan, told_changes

PRODUCTS, CURRENCIES = "/api/v2/products", "/api/v2/products/{productId}/currencies"
NAMES = "/api/v2/confirmations/providers/types"  # plain strings: nothing to ask one by one


def scanned(services: Services, resource: str) -> Scan:
    """The row of a scan that was made just now."""
    end = scan(services, resource)
    assert end.scan_id is not None
    with services.database.read() as session:
        row = scans.get(session, end.scan_id)
    assert row is not None
    return row


def suspected(services: Services, resource: str) -> dict[str, str]:
    """Key -> state of those under suspicion."""
    with services.database.read() as session:
        found = suspects.suspects(session, "backoffice", resource, limit=1000)
    return {suspect.id.key: suspect.state for suspect in found}


def keys(services: Services, resource: str) -> set[str]:
    return {id_.key for id_ in mirrored(services, services.sources["backoffice"].catalogue.resources[resource])}


def test_a_record_that_its_own_path_denies_is_deleted_in_the_same_scan(services: Services, world: World) -> None:
    scan(services, "products")
    document = world.truth(services.sources["backoffice"].catalogue.resources["products"])[Id("", "7")]
    seq = last_seq(services)
    world.change(PRODUCTS, "delete", key="7")

    row = scanned(services, "products")

    (change,) = log(services, after=seq)
    assert ("complete", 1, 0) == (row.state, row.deleted, row.held)
    assert ("deleted", "7", 2, [""], None) == (change.kind, change.key, change.version, change.changed, change.document)
    assert {"": document} == change.previous
    assert change.observed_after < change.observed_at


def test_without_a_path_of_its_own_a_record_is_deleted_when_two_complete_scans_did_not_have_it(
    services: Services, world: World
) -> None:
    scan(services, "sms_provider_types")
    seq = last_seq(services)
    world.change(NAMES, "delete", key="SMSAero")

    first = scanned(services, "sms_provider_types")
    assert ("complete", 0) == (first.state, first.deleted)
    assert {"SMSAero": "absent"} == suspected(services, "sms_provider_types")
    assert seq == last_seq(services)

    assert 1 == scanned(services, "sms_provider_types").deleted
    assert [("sms_provider_types", Id("", "SMSAero"), "deleted")] == told_changes(log(services, after=seq))
    assert {} == suspected(services, "sms_provider_types")


def test_a_suspect_that_is_there_again_is_no_suspect_any_more(services: Services, world: World) -> None:
    scan(services, "sms_provider_types")
    seq = last_seq(services)
    world.change(NAMES, "delete", key="SMSAero")
    scan(services, "sms_provider_types")
    world.change(NAMES, "restore", key="SMSAero")
    scan(services, "sms_provider_types")
    assert {} == suspected(services, "sms_provider_types")

    world.change(NAMES, "delete", key="SMSAero")
    scan(services, "sms_provider_types")

    assert seq == last_seq(services)
    assert {"SMSAero": "absent"} == suspected(services, "sms_provider_types")


@pytest.mark.parametrize("resource", ["products", "tags"])
def test_an_empty_list_deletes_nothing_that_is_still_there(services: Services, world: World, resource: str) -> None:
    scan(services, resource)
    before, seq = keys(services, resource), last_seq(services)
    path = services.sources["backoffice"].catalogue.resources[resource].path
    world.fault(kind="empty", path=path)

    for _ in range(3):
        assert 0 == scanned(services, resource).deleted

    assert (before, seq) == (keys(services, resource), last_seq(services))


def test_a_list_that_hides_what_is_there_is_not_asked_for_row_by_row(services: Services, world: World) -> None:
    scan(services, "clients")
    before, seq = keys(services, "clients"), last_seq(services)
    world.fault(kind="empty", path="/api/v2/clients", total=None)
    world.tell("reset", {"what": "requests"})

    row = scanned(services, "clients")

    assert "drifted" == row.state
    assert row.requests < 30 < len(before)
    assert (before, seq) == (keys(services, "clients"), last_seq(services))


def test_an_empty_list_of_plain_names_is_held_and_lets_go_when_the_names_are_back(
    services: Services, world: World
) -> None:
    scan(services, "sms_provider_types")
    before, seq = keys(services, "sms_provider_types"), last_seq(services)
    world.fault(kind="empty", path=NAMES)
    assert 0 == scanned(services, "sms_provider_types").held

    row = scanned(services, "sms_provider_types")

    assert (len(before), 0) == (row.held, row.deleted)
    assert {"held"} == set(suspected(services, "sms_provider_types").values())
    world.no_faults()
    assert 0 == scanned(services, "sms_provider_types").held
    assert {} == suspected(services, "sms_provider_types")
    assert (before, seq) == (keys(services, "sms_provider_types"), last_seq(services))


def test_many_deletions_are_held_while_additions_and_updates_go_on(services: Services, world: World) -> None:
    scan(services, "products")
    seq = last_seq(services)
    *gone, stays = sorted(keys(services, "products"))[:13]  # 12 of 24: more than 10 rows and 10 %
    for key in gone:
        world.change(PRODUCTS, "delete", key=key)
    world.change(PRODUCTS, "update", key=stays, document={"caption": "still told"})
    (effect,) = world.change(PRODUCTS, "create", document={"name": "new", "caption": "new", "type": "demo"})

    row = scanned(services, "products")

    assert ("complete", 12, 0, 1, 1) == (row.state, row.held, row.deleted, row.updated, row.created)
    assert {(stays, "updated"), (str(effect["key"]), "created")} == {(c.key, c.kind) for c in log(services, after=seq)}
    assert {"held"} == set(suspected(services, "products").values())

    for key in gone[1:]:  # all but one were a mistake
        world.change(PRODUCTS, "restore", key=key)
    row = scanned(services, "products")
    assert (0, 1) == (row.held, row.deleted)
    assert {} == suspected(services, "products")


def test_ten_deletions_are_not_held_however_large_their_share(services: Services, world: World) -> None:
    scan(services, "products")
    for key in sorted(keys(services, "products"))[:10]:
        world.change(PRODUCTS, "delete", key=key)

    row = scanned(services, "products")

    assert (10, 0) == (row.deleted, row.held)


def test_a_path_that_answers_403_confirms_nothing(services: Services, world: World) -> None:
    scan(services, "products")
    seq = last_seq(services)
    world.change(PRODUCTS, "hide", key="7", status=403)

    for _ in range(3):
        assert ("complete", 0) == ((row := scanned(services, "products")).state, row.deleted)

    assert {"7": "absent"} == suspected(services, "products")
    assert seq == last_seq(services)


def test_an_item_path_that_has_never_worked_confirms_nothing(services: Services, world: World) -> None:
    world.fault(kind="status", path="/api/v2/tags/*", status=404)
    scan(services, "tags")
    seq = last_seq(services)
    world.change("/api/v2/tags", "hide", key="3", status=404)

    assert 0 == scanned(services, "tags").deleted
    assert {"3": "absent"} == suspected(services, "tags")
    assert 1 == scanned(services, "tags").deleted  # as for resources without such a path
    assert {"deleted": 1} == kinds(log(services, after=seq))


def test_rows_hidden_by_rights_and_shown_again_are_restored_with_all_they_had(services: Services, world: World) -> None:
    scan(services, "products")
    before, seq = mirrored(services, services.sources["backoffice"].catalogue.resources["products"]), last_seq(services)
    for key in ("3", "4"):
        world.change(PRODUCTS, "hide", key=key, status=404)
    scan(services, "products")
    for key in ("3", "4"):
        world.change(PRODUCTS, "show", key=key)
    world.change(PRODUCTS, "update", key="4", document={"caption": "changed meanwhile"})

    scan(services, "products")

    told = log(services, after=seq)
    assert ["deleted", "deleted", "restored", "restored"] == [change.kind for change in told]
    restored: dict[str, Any] = {change.key: change for change in told[2:]}
    assert ([], ["/caption"]) == (restored["3"].changed, restored["4"].changed)
    assert 3 == restored["3"].version
    after = mirrored(services, services.sources["backoffice"].catalogue.resources["products"])
    assert before[Id("", "3")] == after[Id("", "3")]


def test_children_are_deleted_with_their_parent_and_count_for_no_guard(services: Services, world: World) -> None:
    (effect,) = world.change(PRODUCTS, "create", document={"name": "p", "caption": "p", "type": "demo"})
    product = str(effect["key"])
    for number in range(15):
        document = {"numericCode": 900 + number, "alphabeticCode": f"X{number:02}", "caption": "x"}
        world.change(CURRENCIES, "create", parent_keys=[product], document=document)
    scan(services, "products")
    scan(services, "product_currencies")
    seq = last_seq(services)
    world.change(PRODUCTS, "delete", key=product)

    assert (1, 0) == ((row := scanned(services, "products")).deleted, row.held)

    told = told_changes(log(services, after=seq))
    assert 15 == sum(resource == "product_currencies" and id_.parent_key == product for resource, id_, _ in told)
    seq = last_seq(services)
    assert "complete" == scanned(services, "product_currencies").state
    assert seq == last_seq(services)


def test_children_of_a_parent_that_vanished_meanwhile_are_left_until_the_parents_own_scan(
    services: Services, world: World
) -> None:
    scan(services, "products")
    scan(services, "product_currencies")
    seq = last_seq(services)
    world.change(PRODUCTS, "delete", key="5")

    row = scanned(services, "product_currencies")

    assert ("complete", 0, seq) == (row.state, row.deleted, last_seq(services))
    scan(services, "products")
    told = told_changes(log(services, after=seq))
    assert ("products", Id("", "5"), "deleted") in told
    assert {"5"} == {id_.parent_key for resource, id_, _ in told if resource == "product_currencies"}
