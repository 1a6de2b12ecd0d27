"""The six verbs of integration points answer as documented: those of the sandbox's platform, and ours."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from changes import sealing
from tests.integration import points_api
from tests.integration.conftest import Templates
from tests.integration.points_api import PATH, PointsApi
from upstream import writing

MEMBERS = {"id", "code", "type", "token_local", "token_remote", "token_remote2", "url", "recv_svcscriptcode",
           "recv_svcscriptcode_ws", "send_svcscriptcode", "send_svcscriptcode_ws", "opts", "ext"}  # fmt: skip


@pytest.fixture(params=points_api.ALL, scope="module")
def server(
    request: pytest.FixtureRequest, templates: Templates, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PointsApi]:
    with points_api.opened(request.param, templates, tmp_path_factory.mktemp("points")) as opened:
        yield opened


@pytest.fixture
def api(server: PointsApi) -> PointsApi:
    server.clear()
    server.seed()
    return server


def shown(api: PointsApi, secret: str, told: str) -> bool:
    """Whether a secret is told as the API does it: the platform in clear, ours sealed."""
    return sealing.is_sealed(told) if api.is_ours else told == secret


def test_points_are_a_bare_array_and_only_a_single_one_shows_its_comment(api: PointsApi) -> None:
    found = api.points()

    assert all(set(point) == MEMBERS for point in found)
    assert not any("comment" in point["opts"] for point in found)
    single = api.ask("GET", f"{PATH}/{found[0]['id']}").json()
    assert set(single["opts"]) == {"title", "comment", "allow_files_api", "issync"}


def test_points_come_in_pages_and_the_page_behind_the_last_is_empty(api: PointsApi) -> None:
    assert api.points() == api.points(offset=0, limit=3) + api.points(offset=3, limit=3)
    assert api.points(offset=4, limit=3) == []


@pytest.mark.parametrize("authorization", ["", "Basic bm9ib2R5OmF0IGFsbA==", "Bearer token"])
def test_only_who_is_known_is_let_in(api: PointsApi, authorization: str) -> None:
    answer = httpx.get(api.url + PATH, headers={"Authorization": authorization}, trust_env=False)
    assert (answer.status_code, answer.json()["error_code"]) == (401, 1401)


def test_a_point_is_created_with_an_id_a_local_token_and_its_times(api: PointsApi) -> None:
    answer = api.ask("POST", json={"code": "NEW", "type": "public", "url": "http://192.0.2.9/x"})
    point = answer.json()

    assert (answer.status_code, set(point)) == (200, MEMBERS)
    assert (point["code"], point["type"], point["url"]) == ("NEW", "public", "http://192.0.2.9/x")
    assert str(UUID(point["id"])) == point["id"]
    assert len(point["token_local"]) == 32
    assert point["ext"]["ct"] == point["ext"]["lwt"]
    assert point["ext"]["ct"].endswith("Z")
    again = api.ask("GET", f"{PATH}/{point['id']}").json()
    assert shown(api, point["token_local"], again["token_local"])
    assert {**again, "token_local": ""} == {**point, "token_local": ""}


def test_the_creator_may_choose_the_id(api: PointsApi) -> None:
    chosen = str(uuid4())

    assert api.ask("POST", json={"id": chosen, "code": "NEW", "type": "public"}).json()["id"] == chosen
    assert api.ask("POST", json={"id": chosen, "code": "NEWER", "type": "public"}).status_code == 400
    assert api.ask("POST", json={"id": "seven", "code": "NEWER", "type": "public"}).status_code == 400
    assert api.ask("DELETE", f"{PATH}/{chosen}").status_code == 204
    assert api.ask("POST", json={"id": chosen, "code": "NEWER", "type": "public"}).json()["code"] == "NEWER"


@pytest.mark.parametrize("body", [{"type": "public"}, {"code": "X"}, {"code": "AUDIT", "type": "public"}, [1]])
def test_a_point_without_code_or_type_or_with_a_code_that_is_taken_is_refused(api: PointsApi, body: Any) -> None:
    answer = api.ask("POST", json=body)

    assert (answer.status_code, set(answer.json())) == (400, {"error_code", "error_message"})
    assert answer.json()["error_code"] == 1400


def test_a_change_moves_the_time_of_the_last_write_and_leaves_the_rest(api: PointsApi) -> None:
    path = f"{PATH}/{api.points()[0]['id']}"
    before = api.ask("GET", path).json()
    after = api.ask("PATCH", path, json={"token_remote": "00ea293c29f9dc30", "opts": {"title": "T"}}).json()

    assert shown(api, "00ea293c29f9dc30", after["token_remote"])
    assert after["opts"]["title"] == "T"
    assert before["opts"]["comment"] == after["opts"]["comment"]
    assert before["ext"]["ct"] == after["ext"]["ct"]
    assert before["ext"]["lwt"] < after["ext"]["lwt"]


@pytest.mark.parametrize("name", ["id", "token_local", "tokenlocal"])
def test_id_and_local_token_cannot_be_changed(api: PointsApi, name: str) -> None:
    answer = api.ask("PATCH", f"{PATH}/{api.points()[0]['id']}", json={name: str(uuid4())})

    assert (answer.status_code, answer.json()["error_message"]) == (
        400,
        f"Field '{name}' is prohibited for modification",
    )


def test_a_point_that_is_written_back_as_it_was_read_stays_as_it_is(api: PointsApi) -> None:
    path = f"{PATH}/{api.points()[0]['id']}"
    api.ask("PATCH", path, json={"token_remote": "t1", "token_remote2": "t2"})
    before = api.ask("GET", path).json()
    after = api.ask("PATCH", path, json=before)

    assert after.status_code == 200
    assert {**after.json(), "ext": None} == {**before, "ext": None}


def test_a_deleted_point_is_not_found_in_any_way(api: PointsApi) -> None:
    point = api.points()[0]
    path = f"{PATH}/{point['id']}"
    deleted = api.ask("DELETE", path)

    assert (deleted.status_code, deleted.content) == (204, b"")
    for method in ("GET", "PATCH", "DELETE"):
        answer = api.ask(method, path)
        assert (answer.status_code, answer.json()["error_code"]) == (404, 1404)
    assert api.ask("LOOKUP", json=point["code"]).status_code == 404


@pytest.mark.parametrize("member", ["id", "code", "token_local"])
def test_lookup_finds_the_id_by_id_code_and_local_token(api: PointsApi, member: str) -> None:
    point = api.ask("POST", json={"code": "NEW", "type": "public"}).json()
    answer = api.ask("LOOKUP", json=point[member])

    assert (answer.status_code, answer.json()) == (200, [point["id"]])


@pytest.mark.parametrize("value", ["nobody", "", 7, None])
def test_a_lookup_that_finds_nothing_says_so(api: PointsApi, value: Any) -> None:
    answer = api.ask("LOOKUP", content=json.dumps(value))

    assert (answer.status_code, answer.json()) == (404, {"error_code": 1404, "error_message": "Lookup failed"})


def test_a_list_is_filtered_ordered_masked_and_flattened(api: PointsApi) -> None:
    assert ["902"] == [point["code"] for point in api.points(filter='{"type":"telegram"}')]
    assert ["CRM"] == [point["code"] for point in api.points(filter='{"type":"public"}', offset=1, limit=1)]
    assert ["902", "AUDIT", "CRM", "RISK"] == [point["code"] for point in api.points(order="code")]
    assert ["RISK", "CRM"] == [point["code"] for point in api.points(order='[{"code":"desc"}]', limit=2)]
    masked = api.points(mask="id,tokenlocal,opts.title", limit=1)[0]
    assert (set(masked), set(masked["opts"])) == ({"id", "token_local", "opts"}, {"title"})
    assert set(api.points(mask="id,opts.title", flat="true")[0]) == {"id", "opts.title"}
    one = api.ask("GET", f"{PATH}/{masked['id']}", params={"mask": "code", "flat": "1"}).json()
    assert one == {"code": "AUDIT"}


@pytest.mark.parametrize(
    "query", [{"mask": "url"}, {"filter": "{"}, {"filter": "[]"}, {"limit": "x"}, {"order": "colour"}]
)
def test_a_query_that_cannot_be_read_is_refused(api: PointsApi, query: dict[str, str]) -> None:
    assert api.ask("GET", params=query).status_code == 400


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("type,code", [("public", "AUDIT"), ("public", "CRM"), ("public", "RISK"), ("telegram", "902")]),
        ('["type","code"]', [("public", "AUDIT"), ("public", "CRM"), ("public", "RISK"), ("telegram", "902")]),
        ('[{"type":"desc"},"code"]', [("telegram", "902"), ("public", "AUDIT"), ("public", "CRM"), ("public", "RISK")]),
        ('{"code":"desc"}', [("public", "RISK"), ("public", "CRM"), ("public", "AUDIT"), ("telegram", "902")]),
    ],
)
def test_points_are_sorted_by_each_field_in_turn(api: PointsApi, order: str, expected: list[tuple[str, str]]) -> None:
    assert [(point["type"], point["code"]) for point in api.points(order=order)] == expected


def test_the_write_client_of_the_platform_works(api: PointsApi) -> None:
    auth = {"method": "basic", "username": "mirror", "password": api.password}
    with writing.connect(base_url=api.url, auth=auth, catalogue="integration-platform") as writer:
        made: Any = writer.create("integration_points", {"code": "ABCDE", "type": "public"})
        changed: Any = writer.update("integration_points", made["id"], {"token_remote": "00ea293c29f9dc30"})
        assert shown(api, "00ea293c29f9dc30", changed["token_remote"])
        assert [made["id"]] == writer.lookup("integration_points", made["token_local"])
        assert [] == writer.lookup("integration_points", "nobody")
        assert writer.delete("integration_points", made["id"]) is True
        assert writer.delete("integration_points", made["id"]) is False


def test_a_verb_that_there_is_not_is_refused_in_the_same_form(api: PointsApi) -> None:
    answer = api.ask("PUT", json={})
    assert (answer.status_code, answer.json()["error_code"]) == (405, 1405)
