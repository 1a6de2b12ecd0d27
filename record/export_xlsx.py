"""Writes a workbook with one sheet through xlsxwriter, row by row; imported only where that library is there.

Texts are texts, never formulas or links. What a cell cannot hold exactly is written as text: numbers of more than 15
digits, times before March 1900. What no cell can hold is found by `check` before anything is written.
"""

from __future__ import annotations

import contextlib
import re
import tempfile
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from xlsxwriter import Workbook
from xlsxwriter.exceptions import FileCreateError
from xlsxwriter.worksheet import Worksheet

from changes.resources import ColumnType
from record.export_table import Columns, ExportRefused, Row, Written
from record.steady_file import SteadyFile

MOST_ROWS = 1_048_576  #: of a sheet, its header included
MOST_CHARACTERS = 32_767  #: of a cell, counted as UTF-16 does
_MOST_DIGITS = 15
#: Excel believes that 1900 was a leap year; from here on everybody counts the same days.
_FIRST_DATE = datetime(1900, 3, 1, tzinfo=UTC)
_DATE_FORMAT = "yyyy-mm-dd hh:mm:ss.000"
_CURE = "--format csv, jsonl or parquet has no such limit"

#: In this format `_x0041_` stands for a character. What looks so is escaped, and so is what XML cannot hold, and what
#: xlsxwriter would take for markup of its own.
_ESCAPED = re.compile(r"_(?=x[0-9A-Fa-f]{4}_)|[\x00-\x08\x0b-\x1f\ufffe\uffff]|\A<(?=r>.*</r>\Z)", re.DOTALL)


class _Sheet(Worksheet):  # type: ignore[misc]  # the library has no types
    """The library's own way forgets the characters that XML refuses, and the second of two escapes in a row."""

    @staticmethod
    def _escape_control_characters(data: Any) -> Any:
        if not isinstance(data, str):  # the library hands numbers over, too
            return data
        return _ESCAPED.sub(lambda found: f"_x{ord(found[0]):04X}_", data)


def check(columns: Columns, rows: Iterable[Row], *, name: str) -> int:
    """How many rows there are; `ExportRefused` names what a sheet or a cell of it cannot hold."""
    places = [(place, column) for place, (column, kind) in enumerate(columns) if kind in _TEXTS]
    names = [column for column, _ in columns]
    count = 0
    for count, row in enumerate(rows, 1):
        if count >= MOST_ROWS:
            raise ExportRefused(f"{name} would have more than {MOST_ROWS:,} rows, the most that a sheet holds", _CURE)
        for place, column in places:
            length = _utf16_length(row[place])
            if length > MOST_CHARACTERS:
                key = dict(zip(names, row, strict=True)).get("key")
                raise ExportRefused(
                    f"{name}: {column} of the record {key} has {length:,} characters, "
                    f"a cell holds at most {MOST_CHARACTERS:,}",
                    _CURE,
                )
    return count


def write(file: Path, columns: Columns, rows: Iterable[Row], *, is_raw: bool) -> Written:  # noqa: ARG001  # no guard here
    """See `export_table.Writer`; the rows have passed `check`."""
    # The library keeps the sheet in a file of its own until the end, and leaves it there where something goes wrong.
    with tempfile.TemporaryDirectory(dir=file.parent, prefix=f"{file.name}.") as folder, SteadyFile(file) as out:
        book = Workbook(out, {"constant_memory": True, "tmpdir": folder})
        book.use_zip64()
        sheet = book.add_worksheet("export", worksheet_class=_Sheet)
        try:
            count = _fill(book, sheet, columns, rows)
            book.close()
        except FileCreateError as error:  # its argument is what happened
            out.end()
            raise (error.args[0] if isinstance(error.args[0], OSError) else error) from None
        except BaseException:
            out.end()
            with contextlib.suppress(OSError):
                sheet.row_data_fh.close()
            raise
    return Written(count)


def _fill(book: Workbook, sheet: Any, columns: Columns, rows: Iterable[Row]) -> int:
    header, date = book.add_format({"bold": True}), book.add_format({"num_format": _DATE_FORMAT})
    book.set_properties({"created": datetime(2000, 1, 1)})  # noqa: DTZ001  # equal rows make equal files
    sheet.freeze_panes(1, 0)
    cells = _writers(sheet, date)
    of_column = [cells[kind] for _, kind in columns]
    for place, (name, kind) in enumerate(columns):
        sheet.set_column(place, place, 24 if kind is ColumnType.TIME else None)
        sheet.write_string(0, place, name, header)
    count = 0
    for count, row in enumerate(rows, 1):
        for place, value in enumerate(row):
            if value is not None:
                of_column[place](count, place, value)
    return count


def _writers(sheet: Any, date: Any) -> dict[ColumnType, Callable[[int, int, Any], object]]:
    def number(row: int, column: int, value: float) -> None:
        if _digits(value) > _MOST_DIGITS:
            sheet.write_string(row, column, repr(value))
        else:
            sheet.write_number(row, column, value)

    def time(row: int, column: int, value: datetime) -> None:
        if value < _FIRST_DATE:
            sheet.write_string(row, column, value.replace(tzinfo=None).isoformat() + "Z")
        else:
            sheet.write_datetime(row, column, value.replace(tzinfo=None), date)

    return {
        ColumnType.TEXT: sheet.write_string,
        ColumnType.JSON: sheet.write_string,
        ColumnType.INTEGER: number,
        ColumnType.NUMBER: number,
        ColumnType.BOOLEAN: sheet.write_boolean,
        ColumnType.TIME: time,
    }


_TEXTS = (ColumnType.TEXT, ColumnType.JSON)


def _digits(value: float) -> int:
    """Those that count, without zeros around them; of a number beyond all bounds, more than fit."""
    digits = repr(value).partition("e")[0].lstrip("-")
    if not digits.replace(".", "").isdecimal():
        return _MOST_DIGITS + 1
    return len(digits.replace(".", "").strip("0")) if isinstance(value, float) else len(digits)


def _utf16_length(text: str | None) -> int:
    """Exact where it matters."""
    if text is None or len(text) <= MOST_CHARACTERS // 2:
        return 0
    return len(text.encode("utf-16-le")) // 2
