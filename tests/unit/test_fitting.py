"""Tables on a narrow terminal: a row is one line, and what gives way does so in its order."""

from __future__ import annotations

from worker import fitting
from worker.fitting import Cell

COLUMNS = ("resource", "rows", "next", "problem")


def rows(*texts: str) -> list[list[Cell]]:
    return [[(text, "") for text in texts]]


def test_what_fits_is_left_alone() -> None:
    given = rows("products", "5", "soon", "none")
    assert fitting.fit(COLUMNS, given, width=80, gives_way=("next",)) == (list(COLUMNS), given)


def test_columns_go_in_their_order_and_no_further_than_needed() -> None:
    given = rows("antifraud_procedures", "5", "2026-11-22 12:00:00Z", "answered 500 to its first page")
    names, cells = fitting.fit(COLUMNS, given, width=66, gives_way=("next", "rows"), shortens=("problem",))
    assert names == ["resource", "rows", "problem"]
    assert [text for text, _ in cells[0]] == ["antifraud_procedures", "5", "answered 500 to its first page"]


def test_then_cells_are_cut_and_names_last() -> None:
    given = rows("antifraud_procedures", "5", "2026-11-22 12:00:00Z", "answered 500 to its first page")
    _, cells = fitting.fit(COLUMNS, given, width=44, gives_way=("next",), shortens=("problem", "resource"))
    assert [text for text, _ in cells[0]] == ["antifraud_procedures", "5", "answered 500 to…"]
    _, cells = fitting.fit(COLUMNS, given, width=32, gives_way=("next",), shortens=("problem", "resource"))
    assert [text for text, _ in cells[0]] == ["antifraud_p…", "5", "answered 50…"]
