"""The documented methods of the sandbox's Back Office change records, and refuse by name what is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.sandbox_visitor import Visitor, visiting

PRODUCT = {"numericCodes": [840, 978], "factory": 1, "groupId": 1, "name": "mt5_live", "platformId": 1}

#: path, a body that creates, what PATCH changes, the verbs that update
RESOURCES: list[tuple[str, dict[str, Any], dict[str, Any], tuple[str, ...]]] = [
    ("/api/v2/connections",
     {"name": "pay", "caption": "Pay", "provider": "B2BinPay", "enabled": False, "providerOptions": {"login": "user1"}},
     {"enabled": True, "providerOptions": {"login": "user2"}}, ("PATCH",)),
    ("/api/v2/confirmations/providers",
     {"name": "Twilio", "caption": "Twilio SMS", "provider": "Twilio", "isEnabled": True, "options": {"api_sid": "s"}},
     {"priority": 3, "isEnabled": False}, ("PATCH",)),
    ("/api/v2/confirmations/templates",
     {"name": "default", "caption": "Template", "template": "Your code: %CODE%", "isEnabled": True},
     {"priority": "1", "template": "%CODE%"}, ("PATCH",)),
    ("/api/v2/subscriptions", {"clientId": 1, "serviceId": 1, "isActive": 0}, {"isActive": 1}, ("PUT", "PATCH")),
    ("/api/v2/subscriptions/groups", {"caption": "Signals"}, {"comment": "for traders"}, ("PATCH",)),
    ("/api/v2/subscriptions/parameters",
     {"name": "Payment period", "caption": "How often", "categoryId": 1, "type": "select", "services": [1, 2]},
     {"type": "text", "services": []}, ("PATCH",)),
    ("/api/v2/subscriptions/plans", {"name": "Monthly", "serviceId": 1}, {"name": "Yearly"}, ("PATCH",)),
    ("/api/v2/subscriptions/services", {"name": "VPS", "fullName": "A server", "groupId": 1, "isActive": 1},
     {"groupId": 2, "externalId": "16"}, ("PATCH",)),
    ("/api/v2/products", PRODUCT, {"status": "enabled", "leverages": [5, 10], "priority": 4}, ("PUT", "PATCH")),
    ("/api/v2/products/groups", {"caption": "Coins", "description": "Stable", "status": "disabled"},
     {"status": "enabled", "priority": 1}, ("PUT", "PATCH")),
    ("/api/v2/products/1/currencies", {"numericCode": 985, "factory": 100, "caption": "PLN"},
     {"isEnabled": False, "minDepositAmount": "100.00"}, ("PUT", "PATCH")),
    ("/api/v2/products/1/preferences", {"title": "Note", "value": "Read this"}, {"value": "And this"}, ("PATCH",)),
    ("/api/v2/products/1/restrictions", {"name": "country", "isEnabled": "1", "type": "allow", "ids": ["2", "33"]},
     {"type": "deny", "isEnabled": "0"}, ("PUT", "PATCH")),
]  # fmt: skip
REQUIRED = [(path, body, name) for path, body, name in [
    ("/api/v2/connections", RESOURCES[0][1], "name"),
    ("/api/v2/connections", RESOURCES[0][1], "providerOptions"),
    ("/api/v2/subscriptions", RESOURCES[3][1], "clientId"),
    ("/api/v2/subscriptions/groups", RESOURCES[4][1], "caption"),
    ("/api/v2/subscriptions/parameters", RESOURCES[5][1], "categoryId"),
    ("/api/v2/subscriptions/plans", RESOURCES[6][1], "serviceId"),
    ("/api/v2/subscriptions/services", RESOURCES[7][1], "fullName"),
    ("/api/v2/products", PRODUCT, "numericCodes"),
    ("/api/v2/products", PRODUCT, "platformId"),
    ("/api/v2/products/groups", RESOURCES[9][1], "description"),
    ("/api/v2/products/1/currencies", RESOURCES[10][1], "factory"),
    ("/api/v2/products/1/preferences", RESOURCES[11][1], "title"),
    ("/api/v2/products/1/restrictions", RESOURCES[12][1], "type"),
]]  # fmt: skip


@pytest.fixture(scope="module")
def server() -> Iterator[Visitor]:
    with visiting() as visitor:
        yield visitor


@pytest.fixture
def visitor(server: Visitor) -> Visitor:
    server.begin()
    return server


@pytest.mark.parametrize(("path", "body", "changes", "verbs"), RESOURCES, ids=[one[0] for one in RESOURCES])
def test_a_record_is_created_read_updated_and_deleted(
    visitor: Visitor, path: str, body: dict[str, Any], changes: dict[str, Any], verbs: tuple[str, ...]
) -> None:
    created = visitor.client.post(path, json=body)
    assert 201 == created.status_code, created.text
    record = created.json()
    sent = {name: value for name, value in body.items() if name not in ("numericCodes", "isEnabled")}
    assert sent == {name: record[name] for name in sent}
    own = f"{path}/{record['id']}"
    assert record == visitor.get(own).json()
    assert record in visitor.rows(path, limit=500)

    for verb in verbs:
        updated = visitor.client.request(verb, own, json=changes)
        assert 200 == updated.status_code, updated.text
        expected = (
            {**changes, "isEnabled": changes.get("isEnabled") in (True, "1")} if "isEnabled" in changes else changes
        )
        assert expected == {name: updated.json()[name] for name in expected}
    assert visitor.get(own).json() == updated.json()

    deleted = visitor.client.delete(own)
    assert (204, b"") == (deleted.status_code, deleted.content)
    assert 404 == visitor.get(own).status_code
    assert 404 == visitor.client.patch(own, json={}).status_code
    assert 404 == visitor.client.delete(own).status_code


@pytest.mark.parametrize(("path", "body", "name"), REQUIRED, ids=[f"{path} {name}" for path, _, name in REQUIRED])
def test_a_member_that_is_missing_is_named(visitor: Visitor, path: str, body: dict[str, Any], name: str) -> None:
    answer = visitor.client.post(path, json={key: value for key, value in body.items() if key != name})

    assert (400, name) == (answer.status_code, answer.json()["field"])


@pytest.mark.parametrize(
    ("path", "verb", "body", "name"),
    [
        ("/api/v2/products", "POST", {**PRODUCT, "factory": 10}, "factory"),
        ("/api/v2/products", "POST", {**PRODUCT, "groupId": 999}, "groupId"),
        ("/api/v2/products", "POST", {**PRODUCT, "groupId": "one"}, "groupId"),
        ("/api/v2/products", "POST", {**PRODUCT, "numericCodes": [1]}, "numericCodes"),
        ("/api/v2/products/1", "PATCH", {"status": "sleeping"}, "status"),
        ("/api/v2/products/1", "PATCH", {"permissions": ["fly"]}, "permissions"),
        ("/api/v2/connections/1", "PATCH", {"enabled": "perhaps"}, "enabled"),
        ("/api/v2/subscriptions", "POST", {"clientId": 1, "serviceId": 999, "isActive": 1}, "serviceId"),
        ("/api/v2/subscriptions/1", "PUT", {"isActive": True}, "isActive"),
    ],
)
def test_a_value_that_does_not_fit_is_named(
    visitor: Visitor, path: str, verb: str, body: dict[str, Any], name: str
) -> None:
    answer = visitor.client.request(verb, path, json=body)

    assert (400, name) == (answer.status_code, answer.json()["field"])


def test_members_that_cannot_be_updated_stay_as_they_are(visitor: Visitor) -> None:
    before = visitor.get("/api/v2/products/1").json()
    visitor.client.patch(
        "/api/v2/products/1", json={"id": 7, "platformId": 5, "createTime": "2000-01-01", "colour": "red"}
    )

    assert before == visitor.get("/api/v2/products/1").json()
    assert [] == visitor.client.get("/_sandbox/journal").json()


def test_a_new_product_has_a_currency_for_each_of_its_codes(visitor: Visitor) -> None:
    product = visitor.client.post("/api/v2/products", json=PRODUCT).json()
    currencies = visitor.rows(f"/api/v2/products/{product['id']}/currencies")

    assert [(840, "USD"), (978, "EUR")] == [(one["numericCode"], one["alphabeticCode"]) for one in currencies]
    assert [] == visitor.rows(f"/api/v2/products/{product['id']}/preferences")


def test_a_deleted_product_takes_along_all_that_belongs_to_it(visitor: Visitor) -> None:
    below = ["currencies", "preferences", "restrictions"]
    owned = {(name, key) for name in below for (_, key) in visitor.truth(f"/api/v2/products/2/{name}")}
    assert owned
    visitor.client.delete("/api/v2/products/2")

    journal = visitor.client.get("/_sandbox/journal").json()
    assert {"delete"} == {effect["op"] for effect in journal}
    told = {(effect["path"].rpartition("/")[2], effect["key"]) for effect in journal[:-1]}
    assert (owned, "2") == (told, journal[-1]["key"])
    assert [404, 404, 404] == [visitor.get(f"/api/v2/products/2/{name}").status_code for name in below]


def test_a_deleted_paid_service_takes_its_subscriptions_and_presets_along(visitor: Visitor) -> None:
    visitor.client.post("/api/v2/subscriptions", json={"clientId": 1, "serviceId": 3, "isActive": 1})
    visitor.client.post("/api/v2/subscriptions/plans", json={"name": "Monthly", "serviceId": 3})
    visitor.client.delete("/api/v2/subscriptions/services/3")

    for path in ("/api/v2/subscriptions", "/api/v2/subscriptions/plans"):
        assert 3 not in {row["serviceId"] for row in visitor.rows(path, limit=500)}


def test_a_body_that_is_no_object_is_refused(visitor: Visitor) -> None:
    assert 400 == visitor.client.post("/api/v2/products", content=b"{").status_code
    assert 400 == visitor.client.post("/api/v2/products", json=[1]).status_code


def test_an_unknown_parent_is_not_found_before_the_body_is_looked_at(visitor: Visitor) -> None:
    assert 404 == visitor.client.post("/api/v2/products/999/currencies", json={}).status_code


def test_ids_are_never_given_out_twice(visitor: Visitor) -> None:
    first = visitor.client.post("/api/v2/subscriptions/groups", json={"caption": "One"}).json()["id"]
    visitor.client.delete(f"/api/v2/subscriptions/groups/{first}")

    assert first < visitor.client.post("/api/v2/subscriptions/groups", json={"caption": "Two"}).json()["id"]
