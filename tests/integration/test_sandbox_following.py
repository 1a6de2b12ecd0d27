"""The sandbox's lists by page numbers, cursors and links."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.integration.sandbox_visitor import visiting

CODES = [f"WH-{number:03}" for number in range(1, 13)]


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with visiting() as visitor:
        headers = {"Authorization": "Bearer sandbox"}
        with httpx.Client(base_url=visitor.url, headers=headers, trust_env=False) as client:
            yield client


def codes(rows: list[dict[str, str]]) -> list[str]:
    return [row["code"] for row in rows]


def test_pages_have_numbers(client: httpx.Client) -> None:
    third = client.get("/v3/numbered/warehouses", params={"page": 3, "per_page": 5}).json()

    assert (codes(third["items"]), third["count"]) == (CODES[10:], 12)
    assert client.get("/v3/numbered/warehouses", params={"page": 4, "per_page": 5}).json()["items"] == []
    assert client.get("/v3/numbered/warehouses", params={"page": 0}).status_code == 400


def test_each_page_names_the_next_one(client: httpx.Client) -> None:
    by_cursor: list[str] = []
    cursor = ""
    while cursor is not None:
        query = {"limit": 5, **({"cursor": cursor} if cursor else {})}
        body = client.get("/v3/cursors/warehouses", params=query).json()
        by_cursor += codes(body["items"])
        cursor = body["meta"]["next_cursor"]
    by_key: list[str] = []
    has_more = True
    while has_more:
        query = {"limit": 5, **({"after": by_key[-1]} if by_key else {})}
        body = client.get("/v3/after/warehouses", params=query).json()
        by_key += codes(body["items"])
        has_more = body["has_more"]
    by_link, link = [], "/v3/links/warehouses?limit=5"
    while link:
        body = client.get(link).json()
        by_link += codes(body["items"])
        link = body["links"].get("next", "")
    by_header, link = [], "/v3/headers/warehouses?per_page=5"
    while link:
        answer = client.get(link)
        by_header += codes(answer.json())
        link = answer.links.get("next", {}).get("url", "")

    assert by_cursor == by_key == by_link == by_header == CODES


def test_who_may_come_in_and_what_is_there(client: httpx.Client) -> None:
    url = f"{client.base_url}/v3"
    assert httpx.get(f"{url}/cursors/warehouses", trust_env=False).status_code == 401
    assert client.get("/v3/cursors/warehouses", params={"cursor": "?"}).status_code == 400
    assert client.get("/v3/links/warehouses/WH-001").json()["code"] == "WH-001"
    assert len(client.get("/v3/headers/warehouses/WH-001/bins").json()) == 5
    missing = ("links/warehouses/WH-999", "links/warehouses/WH-999/bins", "turned/warehouses", "links/units", "")
    assert [client.get(f"/v3/{path}").status_code for path in missing] == [404] * len(missing)
