"""Which answers say themselves that more rows follow, and which only look like it."""

from __future__ import annotations

from typing import Any

import pytest

from changes.resources import Resource
from upstream import says_more

ITEMS = Resource("items", "Items", "/items")


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({"has_more": True}, "has_more"),
        ({"hasMore": True}, "hasMore"),
        ({"isTruncated": True}, "isTruncated"),
        ({"pagination": {"hasNextPage": True}}, "/pagination/hasNextPage"),
        ({"next": "/items?page=2"}, "next"),
        ({"next_page": 2}, "next_page"),
        ({"nextPageToken": "x"}, "nextPageToken"),
        ({"@odata.nextLink": "https://a.example"}, "@odata.nextLink"),
        ({"_links": {"next": {"href": "/items?page=2"}}}, "/_links/next/href"),
        ({"meta": {"page": {"next": "x"}}}, "/meta/page/next"),
    ],
)
def test_a_member_that_says_so_is_found(body: dict[str, Any], place: str) -> None:
    found = says_more.finder(ITEMS, {}, lambda: {"data": [{"id": 1}], **body})(1)
    assert found == place.removesuffix("/href")


@pytest.mark.parametrize(
    "body",
    [
        {"has_more": False},
        *({"next": nothing} for nothing in (None, "", " ", False, 0, "0", {}, {"href": None}, [])),
        {"next_page": None},
        {"pageInfo": {"endCursor": "x", "hasNextPage": False}},
        {"cursor": "x", "scroll_id": "y", "previous": "/items", "prev_page": 1, "more_info": "text", "next_steps": "z"},
        {"total": 10, "page": 1},
        {"data": {"0": {"next": "a row's own"}}},
    ],
)
def test_what_is_there_on_the_last_page_too_says_nothing(body: dict[str, Any]) -> None:
    assert says_more.finder(ITEMS, {}, lambda: {"data": [{"next": 2}], **body})(1) == ""


def test_the_header_says_it_too() -> None:
    def of(link: str) -> str:
        return says_more.finder(ITEMS, {"link": link}, lambda: [{"next": "a row's own"}])(1)

    assert of('<https://a.example/?page=2>; rel="next", <https://a.example/>; rel="last"') == "Link"
    assert of("<https://a.example/?page=2>; title=x; rel=next") == "Link"
    assert of('<https://a.example/>; rel="prev first"') == ""
    assert of("") == ""
