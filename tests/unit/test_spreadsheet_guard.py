"""Which texts a spreadsheet would run: all that begin like a formula, but for numbers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from record.spreadsheet_guard import would_run

STARTS = "=+-@\t\r\uff1d\uff0b\uff0d\uff20"


@pytest.mark.parametrize("start", STARTS)
def test_what_begins_like_a_formula_would_run(start: str) -> None:
    assert would_run(f'{start}HYPERLINK("http://example.com")')
    assert would_run(start)


@pytest.mark.parametrize("text", ["-12.5", "+7", "-0", "-.5", "-5.", "+1e5", "-1.25E-10", "-" + "9" * 400, "+442012"])
def test_a_text_that_is_a_number_is_left_as_it_is(text: str) -> None:
    assert not would_run(text)


@pytest.mark.parametrize(
    "text", ["+44 20", "-1+1", "-", "--5", "+-5", "-1,5", "-5\n", "- 5", "-1e", "-\uff15", "\uff0d5", "-0x1F", "-inf"]
)
def test_what_is_nearly_a_number_is_none(text: str) -> None:
    assert would_run(text)


@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers())
def test_no_number_is_ever_touched(number: float) -> None:
    assert not would_run(repr(number))
    assert not would_run(f"+{abs(number)!r}")


@given(st.text())
def test_what_begins_otherwise_does_not_run(text: str) -> None:
    assert not would_run(text.lstrip(STARTS))
