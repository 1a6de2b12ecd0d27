"""What a catalogue may say of how its lists are paged, and what a mistake in it is told."""

from __future__ import annotations

import pytest

from upstream import catalogue
from upstream.catalogue import Catalogue, CatalogueError
from upstream.paging_table import Paging, Style

ONE = '[resources.products]\npath = "/products"\n'


def parse(paging: str, resource: str = "") -> Catalogue:
    text = f"[source]\n{f'paging = {{ {paging} }}' if paging else ''}\n{ONE}{resource}"
    return catalogue.parse(text, name="own", origin="own.toml")


def test_each_style_is_read_with_its_defaults() -> None:
    assert parse('style = "page"').paging == Paging(style=Style.PAGE, limit="limit", page="page", first=1)
    assert parse('style = "page", limit = "n", page = "p", first = 0').paging == Paging(
        style=Style.PAGE, limit="n", page="p", first=0
    )
    cursor = parse('style = "cursor", cursor = "after", next = ["/meta/next", "next"]').paging
    assert cursor == Paging(style=Style.CURSOR, cursor="after", next=("/meta/next", "next"))
    assert parse('style = "link", next = "Link"').paging == Paging(style=Style.LINK, next=("Link",))
    assert parse("").paging == Paging()


def test_a_resource_may_be_paged_in_another_way_than_its_source() -> None:
    own = parse(
        'limit = "n", offset = "skip"',
        'params = { skip = "1" }\npaging = { style = "page", limit = "size" }\n[resources.others]\npath = "/others"\n',
    )

    assert own.paging_of(own.resources["products"]) == Paging(style=Style.PAGE, limit="size")
    assert own.paging_of(own.resources["others"]) == Paging(limit="n", offset="skip")


@pytest.mark.parametrize(
    ("paging", "member", "message", "cure"),
    [
        ('style = "pages"', "style", '"pages" is not one of its values', 'did you mean "page"?'),
        ('limit = "per_page", offset = "page"', "offset", "the number of a page", 'style = "page", page = "page"'),
        ('offset = "page[number]"', "offset", "the number of a page", 'style = "page", page = "page[number]"'),
        ('offset = "page_token"', "offset", "a name for a cursor", 'style = "cursor", cursor = "page_token", and next'),
        ('limit = "page", offset = "per_page"', "limit", "but limit is how many rows", 'such as "per_page"'),
        ('style = "page", page = "pageSize"', "page", "how many rows a page has", 'limit = "pageSize"'),
        ('style = "page", offset = "skip"', "offset", 'style "page" has no offset', 'belongs to style = "offset"'),
        ('page = "p"', "page", 'style "offset" has no page', 'page belongs to style = "page"'),
        ('next = "/next"', "next", 'style "offset" has no next', 'style = "cursor" and style = "link"'),
        ('style = "page", limit = "n", page = "n"', "page", "the same parameter", "its own name"),
        ('style = "page", first = 2', "first", "the number 0 or 1", "first = 0 or first = 1"),
        ('style = "page", first = true', "first", "the number 0 or 1", "first = 0 or first = 1"),
        ('style = "link"', "next", "this key is missing", 'next = "Link" for the header'),
        ('style = "cursor", next = "Link"', "next", "holds a link", 'style = "link"'),
        ('style = "cursor", next = "/a~2"', "next", "is not a JSON Pointer", "~0"),
        ('style = "cursor", next = "/meta/has_more"', "next", "and not which", "with the cursor or link"),
        ('style = "link", next = "/links/prev"', "next", "does not lead to the next page", "the member that does"),
    ],
)
def test_a_name_that_shows_a_mistake_is_refused_with_its_cure(
    paging: str, member: str, message: str, cure: str
) -> None:
    with pytest.raises(CatalogueError) as caught:
        parse(paging)

    assert caught.value.field == f"source.paging.{member}"
    assert message in caught.value.problem
    assert cure in caught.value.hint


def test_a_style_that_is_written_is_meant_whatever_the_api_calls_its_parameters() -> None:
    assert parse('style = "page", page = "offset"').paging.page == "offset"
    assert parse('style = "offset", offset = "page"').paging.offset == "page"


def test_a_list_that_is_read_in_one_request_is_not_paged() -> None:
    for more in ("paged = false", 'shape = "tree"'):
        with pytest.raises(CatalogueError, match=r"resources.products.paging: the list is read in one request"):
            parse("", f'{more}\npaging = {{ style = "page" }}')


def test_a_parameter_that_the_paging_sets_cannot_be_given_by_hand() -> None:
    with pytest.raises(CatalogueError, match=r"params.after: the scan sets this parameter itself"):
        parse('style = "cursor", cursor = "after", next = "/next"', 'params = { after = "x" }')


def test_a_parameter_of_the_whole_source_is_not_what_pages_of_a_resource_are_asked_for_by() -> None:
    with pytest.raises(CatalogueError, match=r'resources.products.paging: "page" is in params of \[source\] as well'):
        catalogue.parse(
            f'[source]\nparams = {{ page = "all" }}\n{ONE}paging = {{ style = "page" }}', name="own", origin="own.toml"
        )
