"""Each odd or lying list that can be ordered from the sandbox is what its page says, in all of its APIs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.integration.sandbox_visitor import Visitor, visiting

PRODUCTS = "/api/v2/products"
V2 = {"api_key": "sandbox-key"}


@pytest.fixture(scope="module")
def server() -> Iterator[Visitor]:
    with visiting() as visitor:
        yield visitor


@pytest.fixture
def visitor(server: Visitor) -> Visitor:
    server.begin(counts={PRODUCTS: 24})
    server.client.headers["X-Api-Version"] = "2"
    return server


def order(visitor: Visitor, kind: str, **more: Any) -> None:
    visitor.control("faults", {"kind": kind, **more})


def body(visitor: Visitor, **query: Any) -> Any:
    return visitor.get(PRODUCTS, **query).json()


@pytest.fixture
def ids(visitor: Visitor) -> list[int]:
    """Of all products, in their order."""
    return visitor.ids(PRODUCTS, limit=100)


def page(visitor: Visitor, offset: int, limit: int = 5) -> list[int]:
    return visitor.ids(PRODUCTS, offset=offset, limit=limit)


def statuses(visitor: Visitor, *places: tuple[int, int]) -> list[int]:
    return [visitor.get(PRODUCTS, offset=offset, limit=limit).status_code for offset, limit in places]


def test_a_hole_is_empty_between_two_offsets_and_the_total_stays(visitor: Visitor, ids: list[int]) -> None:
    order(visitor, "hole", **{"from": 5, "to": 10})

    assert [ids[:5], [], [], ids[10:15]] == [page(visitor, at) for at in (0, 5, 9, 10)]
    assert 24 == body(visitor, offset=5)["total"]


def test_nothing_is_shown_behind_a_wall_and_the_total_stays(visitor: Visitor, ids: list[int]) -> None:
    order(visitor, "wall", rows=8)

    assert [ids[5:8], []] == [page(visitor, at) for at in (5, 10)]
    assert 24 == body(visitor)["total"]


def test_a_clamped_offset_is_a_fixed_one_or_that_of_the_last_page(visitor: Visitor, ids: list[int]) -> None:
    order(visitor, "clamp", offset=7)
    assert [ids[5:10], ids[7:12]] == [page(visitor, at) for at in (5, 20)]

    visitor.client.delete("/_sandbox/faults")
    order(visitor, "clamp")
    assert [ids[15:20], ids[19:]] == [page(visitor, at) for at in (15, 99)]


def test_offsets_are_snapped_refused_or_taken_for_the_number_of_a_page(visitor: Visitor, ids: list[int]) -> None:
    order(visitor, "snap", count=1)
    assert ids[5:10] == page(visitor, 9)
    order(visitor, "page_number", count=2)
    assert [ids[10:15], []] == [page(visitor, at) for at in (2, 10)]
    order(visitor, "refuse_unaligned", count=2)
    assert [200, 400] == statuses(visitor, (10, 5), (9, 5))


def test_what_ends_beyond_a_bound_or_begins_behind_the_last_row_is_refused(visitor: Visitor) -> None:
    order(visitor, "window", bound=20, count=3)
    assert [200, 400, 400] == statuses(visitor, (15, 5), (16, 5), (0, 21))
    for status in (404, 204, 400, 500):
        order(visitor, "refuse_behind", status=status, count=2)
        assert [200, status] == statuses(visitor, (23, 5), (24, 5))


def test_rows_of_equal_rank_change_places_and_none_is_lost(visitor: Visitor, ids: list[int]) -> None:
    order(visitor, "ties", every=5, seed=1)
    seen = {tuple(page(visitor, 0, 24)) for _ in range(20)}

    assert len(seen) > 3
    assert all(sorted(one) == sorted(ids) for one in seen)
    assert {ids[2]} == {one[2] for one in seen}


def test_rows_are_repeated_or_hidden_after_the_page_was_cut(visitor: Visitor, ids: list[int]) -> None:
    order(visitor, "repeat", count=1)
    assert [*ids[5:10], *ids[5:7]] == page(visitor, 5)
    order(visitor, "hide", keys=[ids[6]], count=2)
    assert [ids[5], *ids[7:10]] == page(visitor, 5)
    assert 24 == body(visitor)["total"]


def test_a_row_at_a_second_place_says_something_else(visitor: Visitor, ids: list[int]) -> None:
    order(visitor, "twice", row=2, at=12, value="elsewhere")
    rows = body(visitor, limit=100)

    assert ([*ids[:12], ids[1], *ids[12:]], 25) == ([row["id"] for row in rows["data"]], rows["total"])
    assert "elsewhere" == rows["data"][12]["name"] != rows["data"][1]["name"]


def test_a_total_is_off_by_a_number_or_that_of_the_page(visitor: Visitor) -> None:
    order(visitor, "total", by=-2, count=1)
    assert 22 == body(visitor)["total"]
    order(visitor, "total", value="page")
    assert 4 == body(visitor, offset=20)["total"]


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("null", {"data": None, "total": 0}),
        ("missing", {"total": 0}),
        ("object", {"data": {}}),
        ("nothing", {}),
        (204, None),
        (404, {"error": "nothing here"}),
    ],
)
def test_an_empty_list_is_told_in_other_words_and_no_other_list_is(visitor: Visitor, form: Any, expected: Any) -> None:
    order(visitor, "nothing_here", form=form)
    assert 10 == len(body(visitor)["data"])
    assert [] == body(visitor, offset=24)["data"]
    order(visitor, "empty")
    told = visitor.get(PRODUCTS)

    assert form == told.status_code if isinstance(form, int) else 200 == told.status_code
    assert expected == (told.json() if told.content else None)


def test_rows_come_as_an_object_with_numbers_from_the_second_page_on(visitor: Visitor, ids: list[int]) -> None:
    order(visitor, "numbered")

    assert isinstance(body(visitor)["data"], list)
    assert [("5", ids[5]), ("6", ids[6])] == [
        (place, row["id"]) for place, row in body(visitor, offset=5, limit=2)["data"].items()
    ]


def test_text_comes_in_the_charset_that_is_declared_or_in_another(visitor: Visitor) -> None:
    visitor.control("change", {"path": f"{PRODUCTS}/1", "op": "update", "document": {"name": "Müller"}})
    order(visitor, "charset", count=1)
    latin = visitor.get(f"{PRODUCTS}/1")
    order(visitor, "charset", name="windows-1251", declared="utf-8")
    lying = visitor.get(f"{PRODUCTS}/1")

    assert ("application/json; charset=iso-8859-1", True) == (
        latin.headers["Content-Type"],
        b"M\xfcller" in latin.content,
    )
    assert ("application/json; charset=utf-8", True) == (lying.headers["Content-Type"], b"M?ller" in lying.content)


def test_a_member_is_written_in_any_text(visitor: Visitor) -> None:
    order(visitor, "literal", text="0.123456789012345678")
    order(visitor, "literal", member="weight", row=2)
    text = visitor.get(PRODUCTS, limit=3).text

    assert (3, 1) == (text.count('"amount":0.123456789012345678'), text.count('"weight":NaN'))


def test_a_record_that_is_gone_answers_200_with_other_words(visitor: Visitor) -> None:
    order(visitor, "gone", path=f"{PRODUCTS}/*")
    visitor.control("change", {"path": f"{PRODUCTS}/1", "op": "delete"})

    gone = visitor.get(f"{PRODUCTS}/1")
    assert (200, {"success": False}) == (gone.status_code, gone.json())
    assert 2 == visitor.get(f"{PRODUCTS}/2").json()["id"]


@pytest.mark.parametrize("status", [403, 404, 500, 204])
def test_the_lists_of_some_parents_fail(visitor: Visitor, status: int) -> None:
    order(visitor, "status", status=status, path=f"{PRODUCTS}/[12]/currencies")

    assert [status, status, 200] == [visitor.get(f"{PRODUCTS}/{key}/currencies").status_code for key in (1, 2, 3)]


def test_the_other_apis_are_befallen_too(visitor: Visitor) -> None:
    order(visitor, "wall", rows=2)
    order(visitor, "numbered", **{"from": 0})
    token = visitor.client.post("/oauth/token", json={"client_id": "mirror", "client_secret": "sandbox"}).json()
    points = httpx.get(
        f"{visitor.url}/rest/v1/service/integration_points", auth=("mirror", "sandbox"), trust_env=False
    ).json()
    headers = {"Authorization": f"Bearer {token['access_token']}"}
    houses = visitor.client.get("/v1/warehouses", headers=headers).json()
    items = visitor.client.get("/v2/items", params=V2).json()

    assert [["0", "1"]] * 3 == [list(points), list(houses["items"]), list(items["result"]["items"])]
    assert (12, 60) == (houses["count"], items["meta"]["total"])
