"""What rows are keyed by: members, pointers, several members together; and which rows a key does not tell apart."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from changes import keys, normalise
from changes.records import Batch
from changes.resources import child_parent_key, split_keys
from tasks.scan.row_identity import identify, label
from tests.unit.json_values import fixed, resource

STOCK = resource("stock", key=(("wh", "sku"),))
MIXED = resource("stock", key=(("wh", "sku"), "id"))
INNER = resource("items", key=("/attributes/id", "/links/0"))

parts = st.text(min_size=1, max_size=8)


def read(of: Any, *rows: Any, parent_key: str = "") -> Batch:
    return normalise.read(of, rows, parent_key=parent_key, seal=lambda value: value)


def keys_of(of: Any, *rows: Any) -> list[str]:
    return [record.id.key for record in read(of, *rows).records]


def test_a_pointer_leads_to_a_key_inside_of_a_row_and_through_a_list() -> None:
    assert ["7", "x"] == keys_of(INNER, {"attributes": {"id": 7}}, {"attributes": None, "links": ["x"]})
    assert ["8"] == keys_of(resource(key=("/a~1b/c~0d",)), {"a/b": {"c~d": 8}})
    assert ["9"] == keys_of(resource(key=("a.b[0]",)), {"a.b[0]": 9, "a": {"b": [1]}})


def test_the_key_of_several_members_is_joined_from_their_texts() -> None:
    rows = {"wh": "A", "sku": 7.0}, {"wh": "A/B", "sku": "50%"}, {"wh": "A", "sku": "B/50%"}
    assert ["A/7", "A%2FB/50%25", "A/B%2F50%25"] == keys_of(STOCK, *rows)


@fixed
@given(st.lists(st.tuples(parts, parts), unique=True, max_size=6))
def test_different_members_are_different_keys_and_can_be_told_from_them_also_below_a_parent(
    pairs: list[tuple[str, str]],
) -> None:
    texts = [keys.reader(STOCK.key)({"wh": wh, "sku": sku}, None) for wh, sku in pairs]
    assert len(set(texts)) == len(pairs)
    for text, pair in zip(texts, pairs, strict=True):
        assert pair == tuple(keys.parts(STOCK.key, text).values())
        assert ("p", text) == split_keys(child_parent_key("p", text))


def test_the_first_alternative_that_is_there_whole_counts_and_a_single_one_is_never_taken_for_two() -> None:
    rows = [{"wh": "A", "sku": "1", "id": 5}, {"wh": "A", "id": 6}, {"id": "A/1"}, {"id": "%"}]
    found = keys_of(MIXED, *rows)
    assert ["A/1", "6", "A%2F1", "%25"] == found
    assert ["A/1", "6", "A/1", "%"] == [keys.whole(MIXED.key, text) for text in found]
    assert [{"wh": "A", "sku": "1"}, {}, {}, {}] == [keys.parts(MIXED.key, text) for text in found]


@pytest.mark.parametrize(
    ("of", "row", "reason"),
    [
        (STOCK, {"wh": "A"}, "has no wh + sku that could be its key"),
        (STOCK, {"wh": "A", "sku": ""}, "cannot be keyed by sku: it is empty"),
        (STOCK, {"wh": "A", "sku": [1]}, "cannot be keyed by sku: it is a list"),
        (STOCK, {"wh": "x" * 300, "sku": "y" * 300}, "cannot be keyed by wh + sku: it is 601 characters long"),
        (MIXED, {}, "has no wh + sku or id that could be its key"),
        (resource(), {"productId": 1, "paid": 2, "group_id": 3}, "has no id that could be its key; it has group_id, "),
        (resource(), {"productId": 1, "ownerUuid": "u", "valid": 2}, "; it has productId, ownerUuid"),
        (resource(), {"productId": {"a": 1}, "userId": None}, "row 1 has no id that could be its key"),
        (resource(key=("attributes.id",)), {"attributes": {"id": 1}}, 'of a member is written "/attributes/id"'),
    ],
)
def test_a_row_without_its_key_is_skipped_with_what_may_have_been_meant(of: Any, row: Any, reason: str) -> None:
    (skipped,) = read(of, row).skipped
    assert reason in skipped


def test_the_walk_tells_rows_apart_by_what_they_are_keyed_by() -> None:
    rows = [{"wh": "A", "sku": "1", "n": 1}, {"wh": "A", "sku": "1", "n": 2}, {"wh": "A", "sku": "2"}, {"id": 3}]
    first, again, other, single = map(identify(MIXED), rows)
    assert first == again == f"{label(MIXED)}=A/1"
    assert len({first, other, single}) == 3
    of_inner = identify(INNER)
    assert of_inner({"attributes": {"id": 7}}) == f"{label(INNER)}=7" != of_inner({"attributes": {"id": True}})


def test_rows_that_share_a_key_are_counted_and_the_members_that_would_tell_them_apart_are_named() -> None:
    of = resource("stock", key=("wh", "sku"))
    rows = [{"wh": wh, "sku": sku, "n": 1} for wh in "AB" for sku in "123"]

    shared = keys.shared(of, [*rows, rows[0]])

    assert (shared.rows, shared.by, shared.better) == (6, "wh", ("wh", "sku"))
    assert (0, None) == (keys.shared(STOCK, [*rows, rows[0]]).rows, keys.shared(STOCK, rows).better)


def test_where_no_further_member_tells_the_rows_apart_none_is_named() -> None:
    rows = [{"id": 1, "n": 1.5}, {"id": 1, "n": 2.5}, {"id": 2, "n": 2.5}, {"no": "key"}, "text"]
    shared = keys.shared(resource(), rows)
    assert (shared.rows, shared.by, shared.better) == (2, "id", None)
