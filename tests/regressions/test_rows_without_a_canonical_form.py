"""A keyless row that holds 1e4400, or is nested too deep, ended the scan of its whole list at every try."""

from __future__ import annotations

from typing import Any

import pytest

from changes import normalise
from tasks.scan.row_identity import identify
from tests.unit.json_values import resource

DEEP = "[" * 300 + "1" + "]" * 300
BOTTOMLESS = "[" * 20_000 + "1" + "]" * 20_000
ROWS = [
    '{"rate": 1e4400}',
    '{"rate": 1e401, "a": 1}',
    f'{{"deep": {DEEP}}}',
    f'{{"other": {DEEP}}}',
    f'{{"deep": {BOTTOMLESS}, "a": 1}}',
    '{"id": 1e4400}',
    '{"id": {"a": 1e4400}}',
    "1e4400",
    DEEP,
    "null",
]


def rows_of(*texts: str) -> list[Any]:
    found: list[Any] = normalise.parse(f"[{', '.join(texts)}]".encode())
    return found


@pytest.mark.parametrize("text", ROWS)
def test_such_a_row_is_known_again_whenever_it_is_read_and_whatever_stands_beside_it(text: str) -> None:
    known_as = identify(resource())
    alone, again, beside = rows_of(text)[0], rows_of(text)[0], rows_of(text, f'{{"x": {BOTTOMLESS}}}')[0]
    assert known_as(alone) == known_as(again) == known_as(beside)


def test_such_rows_are_told_apart() -> None:
    assert len(ROWS) == len({identify(resource())(row) for row in rows_of(*ROWS)})


@pytest.mark.parametrize("key", ["a\\u0000b", "k\\udfff", "\U0001f600", "y" * 10_000])
def test_what_a_row_is_known_by_is_the_same_when_it_comes_back_from_a_database(key: str) -> None:
    (row,) = rows_of(f'{{"id": "{key}"}}')
    known_by = identify(resource())(row)
    written = normalise.read(resource(), [{"id": 1, "known_by": known_by}], parent_key="", seal=str)
    assert {"id": 1, "known_by": known_by} == normalise.parse(written.records[0].canonical)
    assert len(known_by) <= 600
