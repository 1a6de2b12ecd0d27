"""The sandbox's foreign API answers as its document says; its integration platform is in test_points_api.py."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from sandbox import serving
from sandbox.api import Api
from sandbox.options import Options
from tests.integration.sandbox_visitor import Visitor, visiting

POINTS = "/rest/v1/service/integration_points"


@pytest.fixture(scope="module")
def server() -> Iterator[Visitor]:
    with visiting() as visitor:
        yield visitor


@pytest.fixture
def visitor(server: Visitor) -> Visitor:
    server.begin()
    return server


def test_points_can_be_seeded_with_urls_below_a_receiver() -> None:
    with serving.start(Api(options=Options(receiver_url="http://127.0.0.1:9/"))) as running:
        answer = httpx.get(running.url + POINTS, auth=("mirror", "sandbox"), trust_env=False)

    assert "http://127.0.0.1:9/hooks/AUDIT" in [point["url"] for point in answer.json()]


@pytest.fixture
def abroad(visitor: Visitor) -> Iterator[httpx.Client]:
    """Signed in at the foreign API."""
    body = {"client_id": "mirror", "client_secret": "sandbox"}
    token = visitor.client.post("/oauth/token", json=body).json()
    assert (3600, "access_token" in token) == (token["expires_in"], True)
    headers = {"Authorization": f"Bearer {token['access_token']}"}
    with httpx.Client(base_url=visitor.url, headers=headers, trust_env=False) as client:
        yield client


def test_the_foreign_api_wants_its_own_token(visitor: Visitor) -> None:
    assert 401 == visitor.get("/v1/warehouses").status_code
    assert 401 == visitor.client.post("/oauth/token", json={"client_id": "mirror"}).status_code


def test_warehouses_come_in_their_own_envelope_and_pages(abroad: httpx.Client) -> None:
    body = abroad.get("/v1/warehouses", params={"page_size": 5, "skip": 10, "order_by": "code"}).json()

    assert ({"items", "count"}, 12, ["WH-011", "WH-012"]) == (
        set(body),
        body["count"],
        [w["code"] for w in body["items"]],
    )
    assert 400 == abroad.get("/v1/warehouses", params={"order_by": "colour"}).status_code


def test_a_warehouse_has_bins_whose_codes_have_slashes(abroad: httpx.Client) -> None:
    bins = abroad.get("/v1/warehouses/WH-001/bins").json()["items"]

    assert ["01/A", "02/A", "03/A", "04/A", "05/A"] == [one["code"] for one in bins]
    assert bins[0] == abroad.get("/v1/warehouses/WH-001/bins/01%2FA").json()
    assert "WH-001" == abroad.get("/v1/warehouses/WH-001").json()["code"]
    assert [404, 404] == [abroad.get(f"/v1/warehouses/{path}").status_code for path in ("WH-999", "WH-999/bins")]


def test_units_are_bare_strings(abroad: httpx.Client) -> None:
    assert ["piece", "box", "pallet"] == abroad.get("/v1/units", params={"page_size": 3}).json()
