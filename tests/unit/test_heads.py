"""Whether newest rows can be read first: what a catalogue lets one try, and what an answer's order says."""

from __future__ import annotations

from typing import Any

import pytest

from changes.resources import Resource
from upstream import catalogue, heads
from upstream.catalogue import Catalogue
from upstream.heads import Order, Way

SORTED = 'sorting = { by = "sort", order = "order" }'
BY_CREATION = 'created = "at"'


def read(resource: str, source: str = SORTED) -> tuple[Catalogue, Resource]:
    text = f'[source]\n{source}\n[resources.parents]\npath = "/parents"\n[resources.news]\npath = "/news"\n{resource}'
    own = catalogue.parse(text, name="own", origin="own.toml")
    return own, own.resources["news"]


@pytest.mark.parametrize(
    ("source", "resource", "way"),
    [
        (SORTED, BY_CREATION, Way.NEWEST),
        (SORTED, 'sort = "id"', Way.NEWEST),
        (SORTED, 'created = "/meta/at"\nsort = "at"', Way.NEWEST),
        (SORTED, 'created = "/meta/at"', Way.NONE),
        (SORTED, 'sort = "name"', Way.NONE),
        (SORTED, "", Way.NONE),
        (SORTED, f"{BY_CREATION}\npaged = false", Way.NONE),
        (SORTED, f'{BY_CREATION}\nshape = "tree"', Way.NONE),
        (SORTED, f'{BY_CREATION}\nparent = "parents"', Way.NONE),
        ('sorting = { by = "sort" }', BY_CREATION, Way.TAIL),
        ("", BY_CREATION, Way.TAIL),
        ('paging = { style = "link", limit = "limit", next = "next" }', BY_CREATION, Way.NONE),
    ],
)
def test_the_catalogue_says_which_way_is_tried_first(source: str, resource: str, way: Way) -> None:
    if "parent" in resource:
        resource = f'path = "/parents/{{parent}}/news"\n{resource}'
        own = catalogue.parse(
            f'[source]\n{source}\n[resources.parents]\npath = "/parents"\n[resources.news]\n{resource}',
            name="own",
            origin="own.toml",
        )
        assert way is heads.first_way(own, own.resources["news"])
        return
    assert way is heads.first_way(*read(resource, source))
    assert heads.can_have_heads(*read(resource, source)) is (way is not Way.NONE)


def of(*values: Any, member: str = "at") -> list[dict[str, Any]]:
    return [{member: value} for value in values]


@pytest.mark.parametrize(
    ("values", "order"),
    [
        (("2026-01-03", "2026-01-02T12:00:00Z", "2026-01-02"), Order.DESCENDING),
        (("2026-01-01T00:00:00+02:00", "2025-12-31T23:00:00Z"), Order.ASCENDING),
        ((1_700_000_000, "1699999999"), Order.DESCENDING),
        (("2026-01-03", "2026-01-03", "2026-01-02"), Order.DESCENDING),
        (("2026-01-03", None, "2026-01-02"), Order.DESCENDING),
        (("2026-01-03", "2026-01-01", "2026-01-02"), Order.MIXED),
        (("2026-01-03", "2026-01-03"), Order.UNKNOWN),
        (("2026-01-03",), Order.UNKNOWN),
        ((), Order.UNKNOWN),
        (("soon", "later"), Order.UNKNOWN),
    ],
)
def test_rows_are_compared_by_their_stamps_as_moments(values: tuple[Any, ...], order: Order) -> None:
    assert order is heads.order_of(read(BY_CREATION)[1], of(*values))


@pytest.mark.parametrize(
    ("values", "order"),
    [
        ((12, 9, 1), Order.DESCENDING),
        (("12", "9", 1), Order.DESCENDING),
        (("a9", "a12"), Order.DESCENDING),
        ((1, 2, 12), Order.ASCENDING),
        ((1, "b"), Order.MIXED),
        ((True, False), Order.UNKNOWN),
    ],
)
def test_keys_are_compared_as_numbers_or_as_texts(values: tuple[Any, ...], order: Order) -> None:
    assert order is heads.order_of(read('sort = "id"')[1], of(*values, member="id"))


def test_only_a_list_sorted_by_its_stamp_proves_by_it() -> None:
    assert heads.is_by_creation(read(BY_CREATION)[1])
    assert heads.is_by_creation(read('created = "/meta/at"\nsort = "at"')[1])
    assert not heads.is_by_creation(read('created = "/meta/at"\nsort = "id"')[1])
    assert not heads.is_by_creation(read('sort = "id"')[1])
