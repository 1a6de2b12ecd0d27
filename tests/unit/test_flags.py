"""Rows that say that they are gone: what counts as that, and what such a row is for a page."""

from __future__ import annotations

from typing import Any

import pytest

from changes import flags, normalise
from changes.records import Id
from changes.resources import Shape
from tests.unit.json_values import resource


def is_gone(deleted: dict[str, tuple[Any, ...]], row: Any) -> bool:
    reader = flags.reader(resource(deleted=deleted))
    assert reader is not None
    return reader(row)


@pytest.mark.parametrize(
    "value", [True, 1, "true", "yes", "2026-11-04T00:00:00Z", 1793750400, "1793750400", {"by": "me"}, "T"]
)
def test_a_flag_that_is_true_and_a_moment_say_that_a_row_is_gone(value: Any) -> None:
    assert is_gone({"deleted": ()}, {"deleted": value})
    assert is_gone({"/meta/deleted": ()}, {"meta": {"deleted": value}})


@pytest.mark.parametrize(
    "value",
    [False, None, 0, 0.0, "", " ", "false", "No", "0", "OFF", "null", [], {}, "0000-00-00 00:00:00",
     "0001-01-01T00:00:00Z", "1970-01-01T00:00:00+00:00", "1970-01-01T02:00:00+02:00", "9999-12-31T23:59:59Z",
     "9999-12-31", 32503680000, "F", "N/A", "-", "x", 2],
)  # fmt: skip
def test_whatever_could_mean_no_leaves_a_row_there(value: Any) -> None:
    assert not is_gone({"deleted": ()}, {"deleted": value})
    assert not is_gone({"deleted": ()}, {})


def test_named_values_are_compared_exactly() -> None:
    deleted = {"status": ("archived", "removed"), "active": (False,), "state": (3,)}
    for row in ({"status": "removed"}, {"active": False}, {"state": 3}, {"state": 3.0}):
        assert is_gone(deleted, row)
    for row in ({"status": "Removed"}, {"active": 0}, {"active": None}, {"state": "3"}, {"state": True}, "text"):
        assert not is_gone(deleted, row)


def test_a_flagged_row_is_no_record_and_a_living_one_of_the_same_key_wins() -> None:
    of = resource(deleted={"gone": ()})
    rows = [{"id": 1, "gone": True}, {"id": 2}, {"id": 3, "gone": True}, {"id": 3}, {"gone": True}]

    batch = normalise.read(of, rows, parent_key="7", seal=lambda value: value)

    assert (["2", "3"], (Id("7", "1"),)) == ([record.id.key for record in batch.records], batch.gone)
    assert batch.skipped == ("products under 7: row 5 has no id that could be its key",)
    assert Id("7", "1") not in batch.ids


def test_a_flagged_node_leaves_its_parents_list_of_children_and_its_own_children_stay_records() -> None:
    of = resource("menus", shape=Shape.TREE, children="/sub/nodes", deleted={"gone": ()})
    tree = {"id": 1, "sub": {"nodes": [{"id": 2, "gone": 1, "sub": {"nodes": [{"id": 3}]}}, {"id": 4}]}}

    batch = normalise.read(of, [tree], parent_key="", seal=lambda value: value)

    assert ["1", "3", "4"] == sorted(record.id.key for record in batch.records)
    assert {"id": 1, "sub": {"nodes": ["4"]}} == normalise.document_of(batch.records[0])
    assert batch.gone == (Id("", "2"),)
