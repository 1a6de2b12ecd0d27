"""Documents that were stored while the catalogue had another list of secrets."""

from __future__ import annotations

import pytest

from changes import stored_secrets
from changes.records import Json
from tests.unit.json_values import resource

SEALED = "sealed:" + "0" * 32
THINGS = resource("things", secrets=("/token", "/options/*/key"))


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"id": 1, "token": "open"}, {"id": 1}),
        ({"id": 1, "token": SEALED}, {"id": 1, "token": SEALED}),
        ({"id": 1, "token": None}, {"id": 1, "token": None}),
        (
            {"options": {"a": {"key": "k", "on": 1}, "b": {"key": SEALED}}},
            {"options": {"a": {"on": 1}, "b": {"key": SEALED}}},
        ),
    ],
)
def test_a_secret_that_stands_in_clear_is_left_out(document: Json, expected: Json) -> None:
    assert stored_secrets.without_open(THINGS, document) == expected


def test_a_secret_is_left_out_of_both_where_one_has_it_in_clear() -> None:
    clear, closed = {"token": "open"}, {"token": SEALED}
    assert stored_secrets.without_open(THINGS, closed, beside=(clear, closed)) == {}
    assert stored_secrets.without_open(resource("things"), clear) is clear


@pytest.mark.parametrize(
    ("pointer", "new", "expected"),
    [
        ("/name", "plain", True),
        ("/name", SEALED, False),
        ("/token", None, False),
        ("/options/a/key", "k", False),
        ("/options/a/other", "k", True),
        ("/options", {}, True),
    ],
)
def test_a_value_that_is_no_secret_any_more_is_known_by_its_seal(pointer: str, new: Json, expected: bool) -> None:
    assert stored_secrets.was_unsealed(THINGS, pointer, SEALED, new) is expected
