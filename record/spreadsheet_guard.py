"""Texts that a spreadsheet would run as a formula when it opens a CSV file; used by the writer of CSV.

A leading apostrophe makes a text of them. Numbers, and texts that are numbers, are never touched: a guard that made
`'-12.5` of -12.5 would spoil every sum.
"""

from __future__ import annotations

import re

#: A cell that begins so is run; the last four are the full-width forms of the first, which some programs take for them.
_RUNS = frozenset("=+-@\t\r\uff1d\uff0b\uff0d\uff20")
#: What a column of numbers would take: ASCII digits, one point, an exponent. `+44 20` and `-1+1` are none.
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")

GUARD = "'"


def would_run(text: str) -> bool:
    """Whether a spreadsheet may take the text for something else than a text or a number."""
    return text[:1] in _RUNS and _NUMBER.fullmatch(text) is None
