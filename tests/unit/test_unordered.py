"""Of lists whose order means nothing, only what is in them is compared; the document keeps their order."""

from __future__ import annotations

from typing import Any

import pytest

from changes import diff, fingerprint, normalise
from tests.unit.json_values import resource

GROUPED = resource(unordered=("/tags", "/groups", "/groups/*/members"), volatile=("/groups/*/seen",))
ROW = {
    "id": 1,
    "tags": ["a", {"b": 1}, 3],
    "groups": [{"name": "x", "members": [1, 2], "seen": 1}, {"name": "y", "members": [3, 4], "seen": 2}],
    "steps": [1, 2],
}
#: In another order, and nothing else.
SAME: list[dict[str, Any]] = [
    {"tags": [3, {"b": 1.0}, "a"]},
    {"groups": [{"name": "x", "members": [2, 1], "seen": 1}, {"name": "y", "members": [3, 4], "seen": 2}]},
    {"groups": [{"name": "y", "members": [4, 3], "seen": 7}, {"name": "x", "members": [2, 1], "seen": 8}]},
]
OTHER: dict[str, dict[str, Any]] = {
    "/tags": {"tags": ["a", {"b": 1}, 3, 3]},
    "/groups": {"groups": [{"name": "x", "members": [1, 3]}, {"name": "y", "members": [2, 4]}]},
    "/steps": {"steps": [2, 1]},
}


def stamp(row: dict[str, Any]) -> str:
    return fingerprint.fingerprint(GROUPED, row)


@pytest.mark.parametrize("changed", SAME, ids=str)
def test_another_order_is_no_change_and_is_kept(changed: dict[str, Any]) -> None:
    after = ROW | changed
    (record,) = normalise.read(GROUPED, [after], parent_key="", seal=lambda value: value).records

    assert record.fingerprint == stamp(after)
    assert stamp(ROW) != stamp(after)  # so that the document is written anew
    assert fingerprint.same_meaning(stamp(ROW), stamp(after))
    assert ((), {}) == diff.differences(ROW, after, volatile=GROUPED.volatile, unordered=GROUPED.unordered)
    assert normalise.document_of(record) == after


@pytest.mark.parametrize("pointer", OTHER)
def test_whatever_else_differs_is_a_change_told_with_the_order_as_it_was(pointer: str) -> None:
    after = ROW | OTHER[pointer]

    assert not fingerprint.same_meaning(stamp(ROW), stamp(after))
    changed, previous = diff.differences(ROW, after, volatile=GROUPED.volatile, unordered=GROUPED.unordered)
    assert ((pointer,), {pointer: ROW[pointer[1:]]}) == (changed, previous)


@pytest.mark.parametrize("row", [{"id": 1}, {"tags": None}, {"tags": "a"}, {"tags": {"a": 1}, "groups": [1, "x"]}, [1]])
def test_where_there_is_no_such_list_nothing_is_lost(row: Any) -> None:
    assert ((), {}) == diff.differences(row, row, unordered=GROUPED.unordered)
    assert stamp(row).count(":") == 2


def test_only_who_has_such_lists_is_compared_anew() -> None:
    assert fingerprint.prefix(resource()) != fingerprint.prefix(resource(unordered=("/tags",)))
    assert "1643d" == fingerprint.prefix(resource())
    assert "17c5d" == fingerprint.prefix(resource(secrets=("/a",), volatile=("/b",)))
