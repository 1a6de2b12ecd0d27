"""The sandbox's integration platform and its foreign API answer as their documents say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from sandbox import serving
from sandbox.api import Api
from sandbox.options import Options
from tests.integration.sandbox_visitor import Visitor, visiting

POINTS = "/rest/v1/service/integration_points"
MEMBERS = {"id", "code", "type", "token_local", "token_remote", "token_remote2", "url", "recv_svcscriptcode",
           "recv_svcscriptcode_ws", "send_svcscriptcode", "send_svcscriptcode_ws", "opts", "ext"}  # fmt: skip


@pytest.fixture(scope="module")
def server() -> Iterator[Visitor]:
    with visiting() as visitor:
        yield visitor


@pytest.fixture
def visitor(server: Visitor) -> Visitor:
    server.begin()
    return server


def ask(visitor: Visitor, method: str, path: str = POINTS, **more: Any) -> httpx.Response:
    return visitor.client.request(method, path, headers=visitor.as_platform_user(), **more)


def points(visitor: Visitor, **query: Any) -> list[dict[str, Any]]:
    answer = ask(visitor, "GET", params=query)
    assert 200 == answer.status_code, answer.text
    found: list[dict[str, Any]] = answer.json()
    return found


def test_points_are_a_bare_array_and_only_a_single_one_shows_its_comment(visitor: Visitor) -> None:
    found = points(visitor)

    assert all(MEMBERS == set(point) for point in found)
    assert not any("comment" in point["opts"] for point in found)
    single = ask(visitor, "GET", f"{POINTS}/{found[0]['id']}").json()
    assert {"title", "comment", "allow_files_api", "issync"} == set(single["opts"])


def test_points_come_in_pages_and_the_page_behind_the_last_is_empty(visitor: Visitor) -> None:
    assert points(visitor) == points(visitor, offset=0, limit=3) + points(visitor, offset=3, limit=3)
    assert [] == points(visitor, offset=4, limit=3)


@pytest.mark.parametrize("authorization", ["", "Basic bm9ib2R5OmF0IGFsbA==", "Bearer token"])
def test_only_the_platform_user_is_let_in(visitor: Visitor, authorization: str) -> None:
    assert 401 == visitor.client.get(POINTS, headers={"Authorization": authorization}).status_code


def test_a_point_is_created_with_an_id_a_local_token_and_its_times(visitor: Visitor) -> None:
    answer = ask(visitor, "POST", json={"code": "NEW", "type": "public", "url": "http://trapper.example/x"})
    point = answer.json()

    assert (200, MEMBERS) == (answer.status_code, set(point))
    assert ("NEW", "public", "http://trapper.example/x") == (point["code"], point["type"], point["url"])
    assert str(UUID(point["id"])) == point["id"]
    assert 32 == len(point["token_local"])
    assert point["ext"]["ct"] == point["ext"]["lwt"]
    assert point["ext"]["ct"].endswith("Z")
    assert point == ask(visitor, "GET", f"{POINTS}/{point['id']}").json()


def test_the_creator_may_choose_the_id(visitor: Visitor) -> None:
    chosen = str(uuid4())

    assert chosen == ask(visitor, "POST", json={"id": chosen, "code": "NEW", "type": "public"}).json()["id"]
    assert 400 == ask(visitor, "POST", json={"id": chosen, "code": "NEWER", "type": "public"}).status_code
    assert 400 == ask(visitor, "POST", json={"id": "seven", "code": "NEWER", "type": "public"}).status_code


@pytest.mark.parametrize("body", [{"type": "public"}, {"code": "X"}, {"code": "AUDIT", "type": "public"}, [1]])
def test_a_point_without_code_or_type_or_with_a_code_that_is_taken_is_refused(visitor: Visitor, body: Any) -> None:
    answer = ask(visitor, "POST", json=body)

    assert (400, {"error_code", "error_message"}) == (answer.status_code, set(answer.json()))


def test_a_change_moves_the_time_of_the_last_write_and_leaves_the_rest(visitor: Visitor) -> None:
    path = f"{POINTS}/{points(visitor)[0]['id']}"
    before = ask(visitor, "GET", path).json()
    after = ask(visitor, "PATCH", path, json={"token_remote": "00ea293c29f9dc30", "opts": {"title": "T"}}).json()

    assert ("00ea293c29f9dc30", "T") == (after["token_remote"], after["opts"]["title"])
    assert before["opts"]["comment"] == after["opts"]["comment"]
    assert before["ext"]["ct"] == after["ext"]["ct"]
    assert before["ext"]["lwt"] < after["ext"]["lwt"]


@pytest.mark.parametrize("name", ["id", "token_local", "tokenlocal"])
def test_id_and_local_token_cannot_be_changed(visitor: Visitor, name: str) -> None:
    path = f"{POINTS}/{points(visitor)[0]['id']}"

    assert 400 == ask(visitor, "PATCH", path, json={name: str(uuid4())}).status_code


def test_a_deleted_point_is_not_found_in_any_way(visitor: Visitor) -> None:
    point = points(visitor)[0]
    path = f"{POINTS}/{point['id']}"
    deleted = ask(visitor, "DELETE", path)

    assert (204, b"") == (deleted.status_code, deleted.content)
    for method in ("GET", "PATCH", "DELETE"):
        answer = ask(visitor, method, path)
        assert (404, 1404) == (answer.status_code, answer.json()["error_code"])
    assert 404 == ask(visitor, "LOOKUP", json=point["code"]).status_code


@pytest.mark.parametrize("member", ["id", "code", "token_local"])
def test_lookup_finds_the_id_by_id_code_and_local_token(visitor: Visitor, member: str) -> None:
    point = points(visitor)[1]
    answer = ask(visitor, "LOOKUP", json=point[member])

    assert (200, [point["id"]]) == (answer.status_code, answer.json())


@pytest.mark.parametrize("value", ["nobody", "", 7, None])
def test_a_lookup_that_finds_nothing_says_so(visitor: Visitor, value: Any) -> None:
    answer = ask(visitor, "LOOKUP", json=value)

    assert (404, {"error_code": 1404, "error_message": "Lookup failed"}) == (answer.status_code, answer.json())


def test_a_list_is_filtered_ordered_masked_and_flattened(visitor: Visitor) -> None:
    assert ["902"] == [point["code"] for point in points(visitor, filter='{"type":"telegram"}')]
    assert ["CRM"] == [point["code"] for point in points(visitor, filter='{"type":"public"}', offset=1, limit=1)]
    assert ["902", "AUDIT", "CRM", "RISK"] == [point["code"] for point in points(visitor, order="code")]
    assert ["RISK", "CRM"] == [point["code"] for point in points(visitor, order='[{"code":"desc"}]', limit=2)]
    masked = points(visitor, mask="id,tokenlocal,opts.title", limit=1)[0]
    assert ({"id", "token_local", "opts"}, {"title"}) == (set(masked), set(masked["opts"]))
    assert {"id", "opts.title"} == set(points(visitor, mask="id,opts.title", flat="true")[0])


@pytest.mark.parametrize("query", [{"mask": "url"}, {"filter": "{"}, {"filter": "[]"}, {"limit": "x"}])
def test_a_query_that_cannot_be_read_is_refused(visitor: Visitor, query: dict[str, str]) -> None:
    assert 400 == ask(visitor, "GET", params=query).status_code


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
