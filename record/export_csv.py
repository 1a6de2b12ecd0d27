"""Writes CSV as RFC 4180 has it: a header, lines that end with CR LF, texts in quotes with quotes doubled.

Every text stands in quotes and nothing else does, so that NULL (nothing) and an empty text (`""`) differ, and so do 1
and "1". The file begins with a byte order mark, without which Excel reads UTF-8 as something else; raw files, which are
for programs, have neither mark nor guard.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

from changes.resources import ColumnType
from record import spreadsheet_guard
from record.export_table import Columns, Row, Written

_BUFFER_BYTES = 1 << 20


def write(file: Path, columns: Columns, rows: Iterable[Row], *, is_raw: bool) -> Written:
    """See `export_table.Writer`."""
    texts = _Texts(is_guarded=not is_raw)
    forms: dict[ColumnType, Callable[[Any], str]] = {
        ColumnType.TEXT: texts.cell,
        ColumnType.JSON: texts.cell,
        ColumnType.INTEGER: str,
        ColumnType.NUMBER: repr,
        ColumnType.BOOLEAN: _boolean,
        ColumnType.TIME: _time,
    }
    of_column = [forms[kind] for _, kind in columns]
    count = 0
    with file.open("wb", buffering=_BUFFER_BYTES) as out:
        if not is_raw:
            out.write(codecs.BOM_UTF8)
        out.write(_line(_quoted(name) for name, _ in columns))
        for count, row in enumerate(rows, 1):  # noqa: B007  # used after the loop
            out.write(_line("" if value is None else form(value) for value, form in zip(row, of_column, strict=True)))
    return Written(count, texts.guarded_cells)


class _Texts:
    """Cells of texts, and how many of them had to be guarded."""

    def __init__(self, *, is_guarded: bool) -> None:
        self._is_guarded = is_guarded
        self.guarded_cells = 0

    def cell(self, text: str) -> str:
        if self._is_guarded and spreadsheet_guard.would_run(text):
            self.guarded_cells += 1
            text = spreadsheet_guard.GUARD + text
        return _quoted(text)


def _line(cells: Iterable[str]) -> bytes:
    return (",".join(cells) + "\r\n").encode()


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _boolean(value: bool) -> str:
    return "true" if value else "false"


def _time(value: datetime) -> str:
    return value.replace(tzinfo=None).isoformat() + "Z"
