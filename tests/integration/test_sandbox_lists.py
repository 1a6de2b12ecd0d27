"""Every list of the sandbox's Back Office answers in its documented shape, in pages, sorted and filtered as asked."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import quote

import pytest

from sandbox import endpoints
from sandbox.endpoints.endpoint import Endpoint, Shape
from tests.integration.sandbox_visitor import Visitor, visiting

BACK_OFFICE = [one for one in endpoints.ALL if one.path.startswith("/api/v2/")]


@pytest.fixture(scope="module")
def server() -> Iterator[Visitor]:
    with visiting() as visitor:
        visitor.begin()
        yield visitor


@pytest.fixture
def visitor(server: Visitor) -> Visitor:
    """The same world for all: nothing here changes it."""
    return server


def a_list(visitor: Visitor, endpoint: Endpoint) -> str:
    """The path of a list of this kind that has rows."""
    (parents, _), *_ = visitor.truth(endpoint.path)
    return endpoint.filled(parents)


def must_query(endpoint: Endpoint) -> dict[str, str]:
    return {f"filter[{endpoint.needs_filter[0]}]": endpoint.needs_filter[1]} if endpoint.needs_filter else {}


@pytest.mark.parametrize("endpoint", BACK_OFFICE, ids=lambda one: one.path)
def test_every_list_answers_in_its_shape_and_its_rows_have_their_keys(visitor: Visitor, endpoint: Endpoint) -> None:
    body = visitor.get(a_list(visitor, endpoint), **must_query(endpoint)).json()

    match endpoint.shape:
        case Shape.LIST | Shape.TREE:
            assert {"total", "data"} == set(body)
            assert all(endpoint.key in row for row in body["data"])
        case Shape.BARE | Shape.BARE_TREE:
            assert all(endpoint.key in row for row in body)
        case Shape.STRINGS:
            assert all(isinstance(row, str) for row in body)
        case Shape.OBJECT:
            assert all({"label", "rule", "class", "name", "classes", "messages"} <= set(one) for one in body.values())
    assert body


@pytest.mark.parametrize(
    "endpoint", [one for one in BACK_OFFICE if one.has_item and not one.is_tree], ids=lambda e: e.path
)
def test_every_record_that_has_a_path_of_its_own_is_the_same_there(visitor: Visitor, endpoint: Endpoint) -> None:
    path = a_list(visitor, endpoint)
    row = visitor.rows(path, **must_query(endpoint))[0]

    assert row == visitor.get(f"{path}/{quote(str(row[endpoint.key]), safe='')}").json()
    missing = visitor.get(f"{path}/999999")
    assert (404, True) == (missing.status_code, "error" in missing.json())


def test_there_are_the_hundred_lists_and_the_settings_of_both_kinds_of_providers() -> None:
    settings = [one for one in BACK_OFFICE if one.shape is Shape.OBJECT]

    assert (101, 2) == (len(BACK_OFFICE), len(settings))


@pytest.mark.parametrize("endpoint", [one for one in BACK_OFFICE if one.parents], ids=lambda one: one.path)
def test_the_list_of_an_unknown_parent_is_not_found(visitor: Visitor, endpoint: Endpoint) -> None:
    path = re.sub(r"\{\w+\}", "999999", endpoint.path)

    assert 404 == visitor.get(path, **must_query(endpoint)).status_code


def test_ten_rows_come_unless_more_are_asked_for_and_never_more_than_the_most(visitor: Visitor) -> None:
    assert 10 == len(visitor.rows("/api/v2/products"))
    assert 24 == len(visitor.rows("/api/v2/products", limit=100))
    visitor.control("options", {"max_limit": 7})
    assert 7 == len(visitor.rows("/api/v2/products", limit=100))
    visitor.control("options", {"max_limit": 500})


def test_pages_join_into_the_whole_list_and_end_empty(visitor: Visitor) -> None:
    pages = [visitor.ids("/api/v2/products", limit=10, offset=offset) for offset in (0, 10, 20, 30)]

    assert [10, 10, 4, 0] == [len(page) for page in pages]
    assert visitor.ids("/api/v2/products", limit=100) == [one for page in pages for one in page]


def test_products_come_by_id_unless_another_sort_is_asked_for(visitor: Visitor) -> None:
    ids = visitor.ids("/api/v2/products", limit=100)
    assert sorted(ids) == ids

    assert ids[::-1] == visitor.ids("/api/v2/products", limit=100, sort_by="id", sort_order="desc")
    names = [row["name"] for row in visitor.rows("/api/v2/products", limit=100, sort_by="name")]
    assert sorted(names) == names


@pytest.mark.parametrize(
    "query",
    [{"sort_by": "caption"}, {"sort_by": "id", "sort_order": "up"}, {"limit": "-1"}, {"filter[colour]": "red"}],
)
def test_what_is_not_documented_is_refused(visitor: Visitor, query: dict[str, str]) -> None:
    assert 400 == visitor.get("/api/v2/products", **query).status_code


@pytest.mark.parametrize(
    ("path", "query", "member", "wanted"),
    [
        ("/api/v2/products", {"filter[status]": "enabled"}, "status", {"enabled"}),
        ("/api/v2/products", {"filter[type]": "trade, demo"}, "type", {"trade", "demo"}),
        ("/api/v2/connections", {"filter[enabled]": "true"}, "enabled", {True}),
        ("/api/v2/connections", {"filter[enabled]": "0"}, "enabled", {False}),
        ("/api/v2/connections", {"filter[provider]": "IDWise"}, "provider", {"IDWise"}),
        ("/api/v2/subscriptions/services", {"filter[isActive]": "1"}, "isActive", {1}),
        ("/api/v2/clients", {"filter[countryCodes][0]": "GE"}, "countryCode", {"GE"}),
        ("/api/v2/clients", {"filter[typeIds][0]": "1", "filter[typeIds][1]": "2"}, "typeId", {1, 2}),
    ],
)  # fmt: skip
def test_filters_leave_exactly_what_fits(
    visitor: Visitor, path: str, query: dict[str, str], member: str, wanted: set[object]
) -> None:
    everything = [row for row in visitor.rows(path, limit=500) if row[member] in wanted]

    assert everything == visitor.rows(path, limit=500, **query)
    assert everything


def test_products_can_be_filtered_by_the_code_of_a_currency_that_they_have(visitor: Visitor) -> None:
    currencies = visitor.truth("/api/v2/products/{}/currencies").items()
    owners = {int(parents[0]) for (parents, _), row in currencies if row["numericCode"] == 978}

    assert owners == set(visitor.ids("/api/v2/products", limit=500, **{"filter[currencyCode]": "978"}))
    assert owners


def test_a_span_of_time_is_a_pair_of_filters(visitor: Visitor) -> None:
    rows = visitor.rows("/api/v2/withdrawals/patterns", limit=500)
    start, end = rows[2]["createTime"], rows[5]["createTime"]
    span = {"filter[fromCreateTime]": start, "filter[toCreateTime]": end}
    found = visitor.rows("/api/v2/withdrawals/patterns", **span)

    assert [row for row in rows if start <= row["createTime"] <= end] == found


def test_profile_changes_want_their_one_filter(visitor: Visitor) -> None:
    refused = visitor.get("/api/v2/clients/1/changes")

    assert (400, "type") == (refused.status_code, refused.json()["field"])
    assert 400 == visitor.get("/api/v2/clients/1/changes", **{"filter[type]": "phone"}).status_code
    assert 200 == visitor.get("/api/v2/clients/1/changes", **{"filter[type]": "email"}).status_code


def test_lists_without_documented_paging_come_whole(visitor: Visitor) -> None:
    assert 8 == len(visitor.rows("/api/v2/clients/1/permissions"))
    assert 8 == len(visitor.rows("/api/v2/connections/providers"))
    assert 11 == len(visitor.rows("/api/v2/events/notifications/types"))


def test_menus_are_a_tree_whose_depth_must_be_asked_for(visitor: Visitor) -> None:
    flat = visitor.rows("/api/v2/menus")
    deep = visitor.rows("/api/v2/menus", deep="true")

    assert [row["id"] for row in flat] == [row["id"] for row in deep]
    assert not any(row["children"] for row in flat)
    assert set(visitor.truth("/api/v2/menus")) == {((), str(one)) for one in _ids_below(deep)}


def test_a_node_of_the_truth_names_its_children_by_id(visitor: Visitor) -> None:
    nodes = visitor.truth("/api/v2/folders")

    for (_, key), node in nodes.items():
        assert [row["id"] for row in visitor.get(f"/api/v2/folders/{key}").json()["children"]] == node["children"]


def test_transactions_that_are_new_are_never_shown(visitor: Visitor) -> None:
    rows = visitor.rows("/api/v2/transactions", limit=500)

    assert 0 < len(rows) < 80
    assert "new" not in {row["status"] for row in rows}


def test_names_with_a_slash_travel_in_paths(visitor: Visitor) -> None:
    answer = visitor.client.get("/api/v2/connections/providers/FIX%2FFAST%20Bridge/settings")

    assert (200, "Time-out of FIX/FAST Bridge") == (answer.status_code, answer.json()["timeout"]["label"])


def test_the_language_changes_captions_and_is_told(visitor: Visitor) -> None:
    english = visitor.client.get("/api/v2/banners/1", headers={"Accept-Language": "en"})
    japanese = visitor.client.get("/api/v2/banners/1", headers={"Accept-Language": "ja"})

    assert ("en", "ja") == (english.headers["Content-Language"], japanese.headers["Content-Language"])
    assert english.json()["caption"] != japanese.json()["caption"]
    assert {**english.json(), "caption": 0} == {**japanese.json(), "caption": 0}


def test_what_the_documents_do_not_let_change_cannot_be_changed(visitor: Visitor) -> None:
    refused = visitor.client.post("/api/v2/accounts", json={})

    assert (405, "GET") == (refused.status_code, refused.headers["Allow"])
    assert 404 == visitor.get("/api/v2/devices").status_code


def test_the_same_seed_gives_the_same_world_and_another_another() -> None:
    from sandbox.world import World

    accounts = endpoints.BY_PATH["/api/v2/accounts"]
    one, two, other = (World(seed=seed).table(accounts).view() for seed in (1, 1, 2))
    assert one == two
    assert one != other


def _ids_below(nodes: list[dict[str, object]]) -> list[object]:
    found: list[object] = []
    for node in nodes:
        children = node["children"]
        assert isinstance(children, list)
        found += [node["id"], *_ids_below(children)]
    return found
