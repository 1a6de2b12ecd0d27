"""The second version of the sandbox's foreign API answers as its page says."""

from __future__ import annotations

from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import pytest

from tests.integration.sandbox_visitor import Visitor, visiting

GRANT = {"grant_type": "client_credentials"}
CLIENT = {"client_id": "mirror", "client_secret": "sandbox"}


@pytest.fixture(scope="module")
def server() -> Iterator[Visitor]:
    with visiting() as visitor:
        yield visitor


@pytest.fixture
def abroad(server: Visitor) -> Iterator[httpx.Client]:
    """With the version's header and the key in the query, in a fresh world."""
    server.begin()
    headers, params = {"X-Api-Version": "2"}, {"api_key": "sandbox-key"}
    with httpx.Client(base_url=server.url, headers=headers, params=params, trust_env=False) as client:
        yield client


def token(client: httpx.Client, *, data: dict[str, str], **more: Any) -> httpx.Response:
    return client.post("/v2/oauth/token", data=data, **more)


@pytest.fixture
def nobody(server: Visitor) -> Iterator[httpx.Client]:
    server.begin()
    with httpx.Client(base_url=server.url, headers={"X-Api-Version": "2"}, trust_env=False) as client:
        yield client


def test_a_token_comes_for_a_form_with_the_client_in_it_or_as_basic(nobody: httpx.Client) -> None:
    assert 401 == nobody.get("/v2/items").status_code
    for answer in (token(nobody, data={**GRANT, **CLIENT}), token(nobody, data=GRANT, auth=("mirror", "sandbox"))):
        told = answer.json()
        headers = {"Authorization": f"Bearer {told['access_token']}"}
        assert (86400, 200) == (told["expires_in"], nobody.get("/v2/items", headers=headers).status_code)


def test_whoever_asks_for_a_token_in_another_way_is_refused(nobody: httpx.Client) -> None:
    assert 401 == token(nobody, data={**GRANT, **CLIENT, "client_secret": "no"}).status_code
    assert 401 == token(nobody, data={**GRANT, **CLIENT}, auth=("mirror", "no")).status_code
    assert 400 == token(nobody, data=CLIENT).status_code
    assert 415 == nobody.post("/v2/oauth/token", json={**GRANT, **CLIENT}).status_code


def test_how_long_a_token_is_good_can_be_set(server: Visitor, nobody: httpx.Client) -> None:
    server.control("options", {"client_token_seconds": 0})
    told = token(nobody, data={**GRANT, **CLIENT}).json()
    assert 401 == nobody.get("/v2/items", headers={"Authorization": f"Bearer {told['access_token']}"}).status_code


def test_a_request_without_the_version_is_refused(abroad: httpx.Client) -> None:
    refused = abroad.get("/v2/items", headers={"X-Api-Version": "1"})
    assert (400, "X-Api-Version: 2 is wanted") == (refused.status_code, refused.json()["detail"])


def test_a_page_of_more_than_fifty_rows_is_refused_with_the_reason(abroad: httpx.Client) -> None:
    assert 50 == len(abroad.get("/v2/items", params={"limit": 50}).json()["result"]["items"])
    refused = abroad.get("/v2/items", params={"limit": 51})
    assert (422, "limit: 51 is more than 50") == (refused.status_code, refused.json()["detail"])


def test_items_stand_inside_of_rows_with_times_of_three_kinds(abroad: httpx.Client) -> None:
    body = abroad.get("/v2/items", params={"limit": 8, "offset": 1}).json()
    items = [row["attributes"] for row in body["result"]["items"]]

    assert (60, {"item"}) == (body["meta"]["total"], {row["type"] for row in body["result"]["items"]})
    assert ["8"] == [str(item["id"]) for item in items if item["deleted"]]
    assert all(1.6e9 < item["created"] < item["counted"] / 500 for item in items)
    assert all(parsedate_to_datetime(item["changed"]) for item in items)
    orders = {tuple(abroad.get("/v2/items/4").json()["attributes"]["tags"]) for _ in range(20)}
    assert (1, True) == (len({frozenset(order) for order in orders}), len(orders) > 1)


def test_the_truth_leaves_out_rows_that_say_they_are_deleted(server: Visitor, abroad: httpx.Client) -> None:
    before = server.truth("/v2/items")
    server.control("change", {"path": "/v2/items/1", "op": "update", "document": {"deleted": True}})

    assert {((), "1")} == before.keys() - server.truth("/v2/items").keys()
    assert not any(row["attributes"]["deleted"] for row in before.values())
    assert 60 == abroad.get("/v2/items").json()["meta"]["total"]


def test_stock_is_found_by_two_members(server: Visitor, abroad: httpx.Client) -> None:
    truth = server.truth("/v2/stock")

    assert {"B/SKU-001", "A/SKU-001", "B/SKU%2F002", "B/SKU%25004"} <= {key for _, key in truth}
    assert truth[(), "B/SKU%2F002"] == abroad.get("/v2/stock/B/SKU%2F002").json()
    assert 404 == abroad.get("/v2/stock/C/SKU-001").status_code


def test_bins_name_their_warehouse_in_the_query(server: Visitor, abroad: httpx.Client) -> None:
    bins = abroad.get("/v2/bins", params={"warehouse": "W2"}).json()

    assert (4, "01/B") == (bins["meta"]["total"], bins["result"]["items"][0]["attributes"]["code"])
    assert bins["result"]["items"][0] == abroad.get("/v2/bins/01%2FB", params={"warehouse": "W2"}).json()
    assert [422, 404] == [abroad.get("/v2/bins", params=query).status_code for query in ({}, {"warehouse": "W9"})]
    assert 24 == len(server.truth("/v2/bins"))
    server.control("change", {"path": "/v2/bins", "parent_keys": ["W2"], "key": "01/B", "op": "delete"})
    assert 3 == abroad.get("/v2/bins", params={"warehouse": "W2"}).json()["meta"]["total"]
