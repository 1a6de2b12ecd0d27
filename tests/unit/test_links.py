"""What an answer may name as its next page, and where that must not lead."""

from __future__ import annotations

from typing import Any

import pytest

from upstream import links
from upstream.links import Unfollowable
from upstream.paging_table import Paging, Style

CURSOR = Paging(style=Style.CURSOR, next=("/meta/next", "after"))
LINK = Paging(style=Style.LINK, next=("/links/next",))
HEADER = Paging(style=Style.LINK, next=("Link",))
BASE, PAGE = "https://api.example/shop", "https://api.example/shop/things"


@pytest.mark.parametrize(
    ("body", "behind"),
    [
        ({"meta": {"next": "abc"}}, "abc"),
        ({"meta": {"next": 7}}, "7"),
        ({"after": "xyz"}, "xyz"),
        ({"meta": {"next": None}, "after": "xyz"}, "xyz"),
        *(({"meta": {"next": empty}}, "") for empty in (None, "", " ", False, 0, "0")),
        ({"meta": {}}, None),
        ({"meta": None}, None),
        ([1, 2], None),
    ],
)
def test_a_cursor_is_read_from_the_body_and_no_cursor_is_told_from_none_at_all(body: Any, behind: str | None) -> None:
    assert links.next_of(CURSOR, body, {}, []) == behind


@pytest.mark.parametrize(
    ("paging", "value", "message", "hint"),
    [
        (CURSOR, True, "neither a text nor a whole number", "in `next` of paging"),
        (CURSOR, {"id": 1}, "neither a text nor a whole number", "in `next` of paging"),
        (CURSOR, "https://api.example/things?after=1", "is a link, not a cursor", 'style = "link"'),
        (CURSOR, "x" * 9000, "has 9,000 characters", "`next` of paging"),
        (LINK, "abc", "is no link", 'style = "cursor"'),
    ],
)
def test_what_cannot_be_followed_is_told_with_its_cure(paging: Paging, value: Any, message: str, hint: str) -> None:
    with pytest.raises(Unfollowable, match=message) as caught:
        links.next_of(paging, {"meta": {"next": value}, "links": {"next": value}}, {}, [])
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("body", "rows", "behind"),
    [
        ({"more": True}, [{"id": 1}, {"id": 7}], "7"),
        ({"more": "yes"}, [{"id": "a b"}], "a b"),
        ({"more": False}, [{"id": 7}], ""),
        ({"more": None}, [{"id": 7}], ""),
        ({"more": True}, [], ""),
        ({}, [{"id": 7}], None),
    ],
)
def test_a_cursor_may_be_what_the_last_row_has(body: Any, rows: list[Any], behind: str | None) -> None:
    assert links.next_of(Paging(style=Style.CURSOR, next=("more",), after="id"), body, {}, rows) == behind


def test_without_a_flag_the_last_row_is_gone_on_from_until_a_page_is_empty() -> None:
    paging = Paging(style=Style.CURSOR, after="/meta/id")
    assert links.next_of(paging, {}, {}, [{"meta": {"id": 3}}]) == "3"
    assert links.next_of(paging, {}, {}, []) == ""
    for row in ({"id": 3}, {"meta": {"id": None}}, {"meta": {"id": True}}, {"meta": {"id": ""}}, None, 3):
        with pytest.raises(Unfollowable, match='no text and no whole number at "/meta/id"'):
            links.next_of(paging, {}, {}, [row])


def test_a_link_stands_in_the_body_or_in_the_header() -> None:
    assert links.next_of(LINK, {"links": {"next": "/things?page=2"}}, {}, []) == "/things?page=2"
    assert links.next_of(LINK, {"links": {"next": {"href": "/things?page=2"}}}, {}, []) == "/things?page=2"
    two = '<https://api.example/a?p=1>; rel="prev", <https://api.example/a?p=3,4>; title="x"; rel="last Next"'
    assert links.next_of(HEADER, [], {"link": two}, []) == "https://api.example/a?p=3,4"
    assert links.next_of(HEADER, [], {"link": "<https://api.example/a>; rel=first"}, []) == ""
    assert links.next_of(HEADER, [], {}, []) is None


@pytest.mark.parametrize(
    ("link", "target"),
    [
        ("https://api.example/shop/things?b=2&a=%2F&a=+", "/shop/things?b=2&a=%2F&a=+"),
        ("HTTPS://API.example:443/elsewhere?x#part", "/elsewhere?x"),
        ("//api.example/shop/things?c=1", "/shop/things?c=1"),
        ("/shop/things?c=1", "/shop/things?c=1"),
        ("?c=1", "/shop/things?c=1"),
        ("things?c=1", "/shop/things?c=1"),
    ],
)
def test_a_link_on_the_own_origin_is_kept_as_it_came(link: str, target: str) -> None:
    assert links.target(link, page_url=PAGE, base_url=BASE) == target


@pytest.mark.parametrize(
    "link",
    [
        "https://evil.example/shop/things",
        "http://api.example/shop/things",
        "https://api.example:8443/shop/things",
        "https://api.example@evil.example/",
        "https://user@api.example/shop",
        "//evil.example/x",
        "https://api.example.evil.example/",
        "ftp://api.example/x",
        "javascript:alert(1)/",
        "https://[bad/",
    ],
)
def test_a_link_to_another_origin_is_refused(link: str) -> None:
    with pytest.raises(Unfollowable):
        links.target(link, page_url=PAGE, base_url=BASE)


def test_a_secret_that_a_link_repeats_is_not_in_what_is_kept_of_it() -> None:
    secrets = ("k/1 +", "other")
    kept = links.masked("/things?page=2&api_key=k%2f1+%2B&x=other.&n=", secrets)

    assert kept == "/things?page=2&api_key={secret:0}&x=other.&n="
    assert links.unmasked(kept, secrets) == "/things?page=2&api_key=k%2F1%20%2B&x=other.&n="
    assert links.unmasked(kept, ()) == "/things?page=2&api_key=&x=other.&n="


@pytest.mark.parametrize(
    ("header", "behind"),
    [
        ('</a;jsessionid=1?page=2>; rel="next"', "/a;jsessionid=1?page=2"),
        ("</a>; crossorigin; rel=next", "/a"),
        ('</a>; title="a=b, <x>; rel=prev"; REL="NEXT"', "/a"),
        ("</1>; rel=first,</2>; rel = next ; x", "/2"),
        ('</a>; rel="prev"; rel="next"', ""),  # the first one counts
        ("", ""),
    ],
)
def test_a_link_header_is_read_as_the_rfc_has_it(header: str, behind: str) -> None:
    assert links.in_header({"link": header}) == behind
