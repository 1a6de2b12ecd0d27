"""Which answers say themselves that more rows follow, and which only look like it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from changes.resources import Envelope, Resource
from upstream import says_more

ITEMS = Resource("items", "Items", "/items")


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({"has_more": True}, "has_more"),
        ({"hasMore": True}, "hasMore"),
        ({"isTruncated": True}, "isTruncated"),
        ({"pagination": {"hasNextPage": True}}, "/pagination/hasNextPage"),
        ({"last": False}, "last"),
        ({"page": {"isLastPage": False}}, "/page/isLastPage"),
        ({"links": [{"rel": "self", "href": "/a"}, {"rel": "next", "href": "/b"}]}, "links"),
        ({"nextRecordsUrl": "/query/01g-2000"}, "nextRecordsUrl"),
        ({"meta": {"total_pages": 5}}, "/meta/total_pages"),
        ({"next": "/items?page=2"}, "next"),
        ({"next_page": 2}, "next_page"),
        ({"nextPageToken": "x"}, "nextPageToken"),
        ({"@odata.nextLink": "https://a.example"}, "@odata.nextLink"),
        ({"_links": {"next": {"href": "/items?page=2"}}}, "/_links/next/href"),
        ({"meta": {"page": {"next": "x"}}}, "/meta/page/next"),
    ],
)
def test_a_member_that_says_so_is_found(body: dict[str, Any], place: str) -> None:
    found = says_more.finder(ITEMS, {}, lambda: {"data": [{"id": 1}], **body})(1, is_first=True)
    assert found == place.removesuffix("/href")


@pytest.mark.parametrize(
    "body",
    [
        {"has_more": False},
        *({"next": nothing} for nothing in (None, "", " ", False, 0, "0", {}, {"href": None}, [])),
        {"next_page": None},
        {"pageInfo": {"endCursor": "x", "hasNextPage": False}},
        {"cursor": "x", "scroll_id": "y", "previous": "/items", "prev_page": 1, "more_info": "text", "next_steps": "z"},
        {"total": 10, "page": 1, "total_pages": 1, "last": True},
        {"links": [{"rel": "self", "href": "/a"}]},
        {"data": {"0": {"next": "a row's own"}}},
    ],
)
def test_what_is_there_on_the_last_page_too_says_nothing(body: dict[str, Any]) -> None:
    assert says_more.finder(ITEMS, {}, lambda: {"data": [{"next": 2}], **body})(1, is_first=True) == ""


def test_pages_are_counted_by_the_first_answer_alone() -> None:
    found = says_more.finder(ITEMS, {}, lambda: {"data": [], "total_pages": 3})
    assert found(9, is_first=False) == ""
    assert found(9, is_first=True) == "total_pages"


def test_a_header_that_counts_more_rows_says_it() -> None:
    found = says_more.finder(ITEMS, {"x-total": "12"}, list)
    assert [found(rows, is_first=False) for rows in (11, 12, 13)] == ["x-total: 12", "", ""]


def test_a_catalogue_says_which_members_say_it() -> None:
    def found(*more: str) -> str:
        named = replace(ITEMS, envelope=Envelope(more=more))
        return says_more.finder(named, {}, lambda: {"weiter": True, "has_more": True})(1, is_first=True)

    assert (found(), found("weiter"), found("/a/b")) == ("", "weiter", "")


def test_the_header_says_it_too() -> None:
    def of(link: str) -> str:
        return says_more.finder(ITEMS, {"link": link}, lambda: [{"next": "a row's own"}])(1, is_first=True)

    assert of('<https://a.example/?page=2>; rel="next", <https://a.example/>; rel="last"') == "Link"
    assert of("<https://a.example/?page=2>; title=x; rel=next") == "Link"
    assert of('<https://a.example/>; rel="prev first"') == ""
    assert of("") == ""
