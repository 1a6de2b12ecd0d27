"""Each fault that can be ordered does what it says, to the requests that it was ordered for, as often as ordered."""

from __future__ import annotations

import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import pytest

from tests.integration.sandbox_visitor import Visitor, visiting

PRODUCTS = "/api/v2/products"


@pytest.fixture(scope="module")
def server() -> Iterator[Visitor]:
    with visiting() as visitor:
        yield visitor


@pytest.fixture
def visitor(server: Visitor) -> Visitor:
    server.begin()
    return server


def order(visitor: Visitor, kind: str, **more: Any) -> None:
    visitor.control("faults", {"kind": kind, **more})


def body(visitor: Visitor, **query: Any) -> Any:
    return visitor.get(PRODUCTS, **query).json()


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500, 502, 503])
def test_a_status_comes_as_often_as_ordered_and_then_the_truth(visitor: Visitor, status: int) -> None:
    order(visitor, "status", status=status, count=2)

    assert [status, status, 200] == [visitor.get(PRODUCTS).status_code for _ in range(3)]


def test_retry_after_comes_in_seconds_as_a_date_or_as_any_text(visitor: Visitor) -> None:
    order(visitor, "status", status=429, retry_after=7, count=1)
    assert "7" == visitor.get(PRODUCTS).headers["Retry-After"]

    order(visitor, "status", status=503, retry_after=60, form="date", count=1)
    moment = parsedate_to_datetime(visitor.get(PRODUCTS).headers["Retry-After"]).timestamp()
    assert abs(moment - time.time() - 60) < 5

    order(visitor, "status", status=503, retry_after="soon", count=1)
    assert "soon" == visitor.get(PRODUCTS).headers["Retry-After"]


def test_only_the_ordered_paths_and_methods_are_befallen(visitor: Visitor) -> None:
    order(visitor, "status", path="/api/v2/products/*/currencies", method="GET")

    assert 200 == visitor.get(PRODUCTS).status_code
    assert 500 == visitor.get(f"{PRODUCTS}/1/currencies").status_code
    assert 400 == visitor.client.post(f"{PRODUCTS}/1/currencies", json={}).status_code


def test_some_requests_can_be_spared_first_and_the_rest_befallen_by_chance(visitor: Visitor) -> None:
    order(visitor, "status", after=2, count=1)
    assert [200, 200, 500, 200] == [visitor.get(PRODUCTS).status_code for _ in range(4)]

    order(visitor, "status", probability=0.5, seed=7)
    hits = [visitor.get(PRODUCTS).status_code for _ in range(40)].count(500)
    assert 5 < hits < 35
    assert [1, hits] == [fault["hits"] for fault in visitor.client.get("/_sandbox/faults").json()]


def test_faults_are_cancelled_one_by_one_or_all(visitor: Visitor) -> None:
    first, second = visitor.control("faults", [{"kind": "status", "status": 500}, {"kind": "delay", "seconds": 0}])
    assert [second] == visitor.client.delete(f"/_sandbox/faults?id={first['id']}").json()
    assert [] == visitor.client.delete("/_sandbox/faults").json()


def test_an_unknown_kind_is_refused_with_the_known_ones(visitor: Visitor) -> None:
    refused = visitor.client.post("/_sandbox/faults", json={"kind": "flood"})

    assert 400 == refused.status_code
    assert "cut_json" in refused.json()["error"]


def test_a_cut_connection_ends_in_the_middle_of_the_body(visitor: Visitor) -> None:
    order(visitor, "cut_connection", count=1)

    with pytest.raises(httpx.RemoteProtocolError):
        visitor.get(PRODUCTS)
    assert 200 == visitor.get(PRODUCTS).status_code


def test_a_cut_connection_after_a_write_leaves_the_write_done(visitor: Visitor) -> None:
    order(visitor, "cut_connection", method="PATCH", count=1)

    with pytest.raises(httpx.RemoteProtocolError):
        visitor.client.patch(f"{PRODUCTS}/1", json={"caption": "Done"})
    assert "Done" == visitor.get(f"{PRODUCTS}/1").json()["caption"]


def test_cut_json_is_valid_http_with_half_a_document(visitor: Visitor) -> None:
    order(visitor, "cut_json")
    answer = visitor.get(PRODUCTS)

    assert (200, "application/json; charset=utf-8") == (answer.status_code, answer.headers["Content-Type"])
    with pytest.raises(ValueError, match=r"Unterminated|Expecting"):
        answer.json()


def test_a_page_of_html_comes_with_200(visitor: Visitor) -> None:
    order(visitor, "html")
    answer = visitor.get(PRODUCTS)

    assert (200, True) == (answer.status_code, answer.text.startswith("<!DOCTYPE html>"))
    assert answer.headers["Content-Type"].startswith("text/html")


def test_an_empty_list_hides_everything_but_not_the_records_own_paths(visitor: Visitor) -> None:
    order(visitor, "empty", path=PRODUCTS)
    assert {"total": 0, "data": []} == body(visitor)
    assert 200 == visitor.get(f"{PRODUCTS}/1").status_code

    visitor.client.delete("/_sandbox/faults")
    order(visitor, "empty", total=24)
    assert {"total": 24, "data": []} == body(visitor)


def test_a_capped_limit_and_a_short_page_give_fewer_rows_than_asked_for(visitor: Visitor) -> None:
    order(visitor, "cap", limit=4)
    assert [4, 4] == [len(visitor.rows(PRODUCTS, limit=10, offset=offset)) for offset in (0, 4)]

    visitor.client.delete("/_sandbox/faults")
    order(visitor, "short_page", rows=3, count=1)
    assert [7, 10] == [len(visitor.rows(PRODUCTS, limit=10)) for _ in range(2)]


def test_an_ignored_offset_gives_the_first_page_for_ever(visitor: Visitor) -> None:
    order(visitor, "ignore_offset")

    assert visitor.ids(PRODUCTS) == visitor.ids(PRODUCTS, offset=10) == visitor.ids(PRODUCTS, offset=1000)


def test_an_endless_list_begins_again_where_it_should_end(visitor: Visitor) -> None:
    ids = visitor.ids(PRODUCTS, limit=100)
    order(visitor, "endless")

    assert ids[20:] + ids[:6] == visitor.ids(PRODUCTS, offset=20)
    assert 10 == len(visitor.ids(PRODUCTS, offset=10_000))


def test_duplicates_repeat_the_rows_before_the_boundary(visitor: Visitor) -> None:
    ids = visitor.ids(PRODUCTS, limit=100)
    order(visitor, "duplicate", rows=2)

    assert ids[:10] == visitor.ids(PRODUCTS, offset=0)
    assert ids[8:18] == visitor.ids(PRODUCTS, offset=10)


@pytest.mark.parametrize("value", [None, 3, "many"])
def test_the_total_can_be_any_lie(visitor: Visitor, value: object) -> None:
    order(visitor, "total", value=value)

    assert value == body(visitor)["total"]


def test_the_total_can_change_with_every_request(visitor: Visitor) -> None:
    order(visitor, "total", value="changing", seed=1)

    assert 3 < len({body(visitor)["total"] for _ in range(12)})


def test_a_total_that_is_missing_already_can_change_all_the_same(visitor: Visitor) -> None:
    order(visitor, "total", value=None)
    order(visitor, "total", value="changing", seed=1)
    assert isinstance(body(visitor)["total"], int)


def test_an_unstable_order_keeps_all_rows_and_moves_them_over_the_edges_of_pages(visitor: Visitor) -> None:
    ids = visitor.ids(PRODUCTS, limit=100)
    order(visitor, "unstable_order", seed=3)

    assert sorted(ids) == sorted(visitor.ids(PRODUCTS, limit=100))
    assert 1 < len({tuple(visitor.ids(PRODUCTS, limit=10)) for _ in range(6)})
    assert 1 < len({frozenset(visitor.ids(PRODUCTS, limit=10)) for _ in range(20)})


def test_a_deletion_before_the_position_shifts_the_next_page(visitor: Visitor) -> None:
    ids = visitor.ids(PRODUCTS, limit=100)
    order(visitor, "shift", count=1)

    assert ids[:10] == visitor.ids(PRODUCTS, offset=0)
    assert ids[11:21] == visitor.ids(PRODUCTS, offset=10)
    (gone,) = [effect for effect in visitor.client.get("/_sandbox/journal").json() if effect["path"] == PRODUCTS]
    assert ("delete", True) == (gone["op"], int(gone["key"]) in ids[:10])


@pytest.mark.parametrize("path", [PRODUCTS, "/api/v2/tags", "/api/v2/connections/providers", "/api/v2/logs/messages"])
def test_a_row_inserted_before_the_position_shifts_the_next_page_the_other_way(visitor: Visitor, path: str) -> None:
    rows = visitor.rows(path, limit=100)
    order(visitor, "shift", how="insert")

    assert rows[:6] == visitor.rows(path, limit=6)
    assert rows[5:7] == visitor.rows(path, limit=2, offset=6)
    assert rows[5:7] == visitor.rows(path, limit=2, offset=7)
    effects = visitor.client.get("/_sandbox/journal").json()
    assert ["create", "create"] == [effect["op"] for effect in effects if effect["path"] == path]


def test_expired_tokens_are_refused_until_somebody_signs_in_again(visitor: Visitor) -> None:
    refresh = visitor.client.post("/api/v2/signin", json={"email": "mirror@example.com", "password": "sandbox"}).json()
    order(visitor, "expire_tokens", path=PRODUCTS, count=1)

    assert [401, 401] == [visitor.get(PRODUCTS).status_code for _ in range(2)]
    token = {"refreshToken": refresh["refreshToken"]["token"]}
    renewed = visitor.client.post("/api/v2/refresh", json=token).json()["accessToken"]["token"]
    assert 200 == visitor.client.get(PRODUCTS, headers={"Authorization": f"Bearer {renewed}"}).status_code


def test_refresh_tokens_can_be_made_to_expire_as_well(visitor: Visitor) -> None:
    body = visitor.client.post("/api/v2/signin", json={"email": "mirror@example.com", "password": "sandbox"}).json()
    order(visitor, "expire_tokens", refresh=True, path=PRODUCTS, count=1)
    visitor.get(PRODUCTS)

    token = {"refreshToken": body["refreshToken"]["token"]}
    assert 401 == visitor.client.post("/api/v2/refresh", json=token).status_code


def test_a_slow_body_drips(visitor: Visitor) -> None:
    order(visitor, "slow_body", seconds=0.4, pieces=4)
    started = time.monotonic()
    with visitor.client.stream("GET", PRODUCTS) as answer:
        pieces = list(answer.iter_raw())

    assert 4 <= len(pieces)
    assert 0.3 < time.monotonic() - started


def test_a_delay_comes_before_the_first_byte(visitor: Visitor) -> None:
    order(visitor, "delay", seconds=0.2)
    started = time.monotonic()

    assert 200 == visitor.get(PRODUCTS).status_code
    assert 0.2 <= time.monotonic() - started


def test_the_content_type_can_be_wrong(visitor: Visitor) -> None:
    order(visitor, "content_type", value="image/png")
    answer = visitor.get(PRODUCTS)

    assert ("image/png", 24) == (answer.headers["Content-Type"], answer.json()["total"])


def test_a_redirect_leads_elsewhere(visitor: Visitor) -> None:
    order(visitor, "redirect", to="http://elsewhere.example/api/v2/products", status=307)
    answer = visitor.get(PRODUCTS)

    assert (307, "http://elsewhere.example/api/v2/products") == (answer.status_code, answer.headers["Location"])


def test_a_huge_body_is_as_long_as_ordered(visitor: Visitor) -> None:
    order(visitor, "huge", megabytes=3)
    answer = visitor.get(PRODUCTS)

    assert 3 * 1024 * 1024 < len(answer.content)
    assert {"total": 0, "data": []} == answer.json()


def test_a_gzip_bomb_is_small_on_the_wire_and_large_behind_it(visitor: Visitor) -> None:
    order(visitor, "gzip_bomb", megabytes=5)
    answer = visitor.get(PRODUCTS)

    assert int(answer.headers["Content-Length"]) < 50_000
    assert 5 * 1024 * 1024 < len(answer.content)


def test_faults_befall_the_other_apis_too(visitor: Visitor) -> None:
    points = "/rest/v1/service/integration_points"
    order(visitor, "cap", path=points, limit=1)

    answer = visitor.client.get(points, headers=visitor.as_platform_user())
    assert 1 == len(answer.json())
