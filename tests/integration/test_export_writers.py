"""What the writers of exports write is what others read: csv, orjson, openpyxl and arro3."""

from __future__ import annotations

import csv
import gc
import hashlib
import json
import resource
import signal
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from arro3.core import DataType
from arro3.io import read_parquet
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl.utils import escape

from changes.resources import ColumnType
from record import export_csv, export_formats, export_jsonl, export_parquet, export_xlsx
from record.export_formats import Format
from record.export_table import ExportRefused, Row, Written
from record.spreadsheet_guard import would_run

NOON = datetime(2026, 11, 22, 12, 0, 0, 123456, tzinfo=UTC)
LONG = '{"a":123456789012345678901234567890.5,"b":"=1"}'
IN_CSV = '"{""a"":123456789012345678901234567890.5,""b"":""=1""}"'
COLUMNS = [
    ("key", ColumnType.TEXT),
    ("number", ColumnType.INTEGER),
    ("price", ColumnType.NUMBER),
    ("active", ColumnType.BOOLEAN),
    ("at", ColumnType.TIME),
    ("document", ColumnType.JSON),
]
ROWS: list[Row] = [
    ["1", 2**63 - 1, 0.30000000000000004, True, NOON, LONG],
    ["", -(2**63), 1e300, False, datetime(1, 1, 1, tzinfo=UTC), "-5"],
    [None, None, None, None, None, None],
]
#: Whatever a database may hold: no NUL, no half characters.
TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))


def written(format_: Format, file: Path, rows: Any, **more: Any) -> Written:
    file.write_bytes(b"")
    return export_formats.writer(format_)(file, COLUMNS, iter(rows), is_raw=more.get("is_raw", False))


def cells(file: Path) -> list[list[Any]]:
    """Of a workbook, without its header."""
    with file.open("rb") as opened:
        book = openpyxl.load_workbook(opened)
        return [list(row) for row in book.active.iter_rows(min_row=2)]


def test_csv_has_texts_in_quotes_and_nothing_else_and_lines_that_end_as_rfc_4180_has_them(tmp_path: Path) -> None:
    assert written(Format.CSV, tmp_path / "f", ROWS) == Written(3, 0)
    assert (tmp_path / "f").read_bytes().decode("utf-8").split("\r\n") == [
        '\ufeff"key","number","price","active","at","document"',
        '"1",9223372036854775807,0.30000000000000004,true,2026-11-22T12:00:00.123456Z,' + IN_CSV,
        '"",-9223372036854775808,1e+300,false,0001-01-01T00:00:00Z,"-5"',
        ",,,,,",
        "",
    ]


def test_cells_that_a_spreadsheet_would_run_are_guarded_and_counted_and_numbers_are_not(tmp_path: Path) -> None:
    keys = ["=1+1", "-12.5", "+44 20", "@x", "\tx", "\uff1dx", "plain"]
    rows = [[key, -1, -1.5, None, None, "-7"] for key in keys]
    assert written(Format.CSV, tmp_path / "f", rows) == Written(7, 5)
    with (tmp_path / "f").open(encoding="utf-8-sig", newline="") as file:
        found = list(csv.DictReader(file))
    assert [row["key"] for row in found] == ["'=1+1", "-12.5", "'+44 20", "'@x", "'\tx", "'\uff1dx", "plain"]
    assert {(row["number"], row["price"], row["document"]) for row in found} == {("-1", "-1.5", "-7")}


def test_raw_csv_has_neither_guard_nor_byte_order_mark(tmp_path: Path) -> None:
    assert written(Format.CSV, tmp_path / "f", [["=1+1", *ROWS[0][1:]]], is_raw=True) == Written(1, 0)
    assert (tmp_path / "f").read_bytes().startswith(b'"key"')
    assert b'\r\n"=1+1",' in (tmp_path / "f").read_bytes()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(TEXTS))
def test_any_texts_come_back_from_csv_as_they_were_but_for_the_guard(tmp_path: Path, texts: list[str]) -> None:
    export_csv.write(tmp_path / "f", COLUMNS[:1], [[text] for text in texts], is_raw=False)
    with (tmp_path / "f").open(encoding="utf-8-sig", newline="") as file:
        found = [row[0] for row in csv.reader(file)]
    assert found == ["key", *("'" + text if would_run(text) else text for text in texts)]


def test_json_lines_have_numbers_of_any_length_and_json_as_json(tmp_path: Path) -> None:
    assert written(Format.JSONL, tmp_path / "f", ROWS) == Written(3)
    first, second, third = (tmp_path / "f").read_text("utf-8").splitlines()
    assert first == (
        '{"key":"1","number":9223372036854775807,"price":0.30000000000000004,"active":true,'
        f'"at":"2026-11-22T12:00:00.123456Z","document":{LONG}}}'
    )
    assert json.loads(second)["at"] == "0001-01-01T00:00:00Z"
    assert set(json.loads(third).values()) == {None}


def test_parquet_has_types_and_every_value(tmp_path: Path) -> None:
    assert written(Format.PARQUET, tmp_path / "f", ROWS * 1_000) == Written(3_000)
    table = read_parquet(tmp_path / "f").read_all()
    types = [DataType.utf8(), DataType.int64(), DataType.float64(), DataType.bool()]
    types += [DataType.timestamp("us", tz="UTC"), DataType.utf8()]
    assert [field.name for field in table.schema] == [name for name, _ in COLUMNS]
    assert [field.type for field in table.schema] == types
    assert [column.to_pylist() for column in table.columns] == [
        list(values) for values in zip(*ROWS * 1_000, strict=True)
    ]


def test_parquet_without_a_row_has_its_columns(tmp_path: Path) -> None:
    assert written(Format.PARQUET, tmp_path / "f", []) == Written(0)
    table = read_parquet(tmp_path / "f").read_all()
    assert (0, [name for name, _ in COLUMNS]) == (table.num_rows, [field.name for field in table.schema])


def test_a_workbook_has_texts_as_texts_and_numbers_that_it_cannot_hold_as_texts(tmp_path: Path) -> None:
    rows: list[Row] = [["=1+1", 12, 1.5, True, NOON, "http://example.com"], *ROWS[:2], ["n", *ROWS[2][1:]]]
    assert written(Format.XLSX, tmp_path / "f", rows) == Written(4)
    first, second, third, last = cells(tmp_path / "f")
    moment = first[4].value.replace(tzinfo=UTC)
    assert [cell.value for cell in first[:4]] == ["=1+1", 12, 1.5, True]
    assert abs(moment - NOON) < timedelta(milliseconds=1)
    assert first[5].value == "http://example.com"
    assert [cell.data_type for cell in first] == ["s", "n", "n", "b", "d", "s"]
    assert first[5].hyperlink is None
    assert [cell.value for cell in second[1:3]] == ["9223372036854775807", "0.30000000000000004"]
    assert [cell.value for cell in third[2:5]] == [1e300, False, "0001-01-01T00:00:00Z"]
    assert [cell.value for cell in last] == ["n", None, None, None, None, None]


@pytest.mark.parametrize(
    ("number", "is_exact"),
    [(10**15 - 1, True), (-(10**15) + 1, True), (10**15, False), (0.1, True), (1 / 3, False), (123456.7890123, True)],
)
def test_fifteen_digits_are_a_number_and_more_are_a_text(number: float, is_exact: bool, tmp_path: Path) -> None:
    kind = ColumnType.INTEGER if isinstance(number, int) else ColumnType.NUMBER
    export_xlsx.write(tmp_path / "f", [("n", kind)], [[number]], is_raw=False)
    assert cells(tmp_path / "f")[0][0].value == (number if is_exact else repr(number))


@pytest.mark.parametrize(
    "text",
    [
        "<r>a</r>",
        "<r>&</r>",
        "_x0041_x0042_",
        "a\x01b\x0bc",
        "a\uffffb\ufffe",
        " \r\n\t ",
        "<r>",
        "&amp;<b>",
        "é\U0001f600",
    ],
)
def test_a_text_that_the_format_of_workbooks_is_not_made_for_comes_back_as_it_was(text: str, tmp_path: Path) -> None:
    export_xlsx.write(tmp_path / "f", COLUMNS[:1], [[text]], is_raw=False)
    assert escape.unescape(cells(tmp_path / "f")[0][0].value) == text


def test_a_cell_holds_so_many_characters_as_utf_16_counts_them(tmp_path: Path) -> None:
    for text in ("x" * 32_767, "\U0001f600" * 16_383):
        assert export_xlsx.check(COLUMNS[:1], [[text]], name="f.xlsx") == 1
        export_xlsx.write(tmp_path / "f", COLUMNS[:1], [[text]], is_raw=False)
        assert cells(tmp_path / "f")[0][0].value == text
    for text in ("x" * 32_768, "\U0001f600" * 16_384):
        with pytest.raises(ExportRefused, match=r"f\.xlsx: key of the record .* has 32,768 characters"):
            export_xlsx.check(COLUMNS[:1], [[text]], name="f.xlsx")


def test_a_sheet_holds_so_many_rows_with_its_header() -> None:
    rows: Iterator[Row] = (["x"] for _ in range(1_048_575))
    assert export_xlsx.check(COLUMNS[:1], rows, name="f.xlsx") == 1_048_575
    with pytest.raises(ExportRefused, match="more than 1,048,576 rows") as refused:
        export_xlsx.check(COLUMNS[:1], (["x"] for _ in range(1_048_576)), name="f.xlsx")
    assert "--format csv" in refused.value.hint


def test_equal_rows_make_equal_files(tmp_path: Path) -> None:
    for format_ in Format:
        written(format_, tmp_path / "a", ROWS)
        written(format_, tmp_path / "b", ROWS)
        assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes(), format_


@pytest.mark.parametrize("format_", Format)
def test_what_goes_wrong_with_the_rows_is_told_as_it_was(format_: Format, tmp_path: Path) -> None:
    def rows() -> Iterator[Row]:
        yield from ROWS
        raise LookupError("the 4th row")

    with pytest.raises(LookupError, match="the 4th row"):
        written(format_, tmp_path / "f", rows())
    assert [path.name for path in tmp_path.iterdir()] == ["f"]


@pytest.mark.parametrize("format_", Format)
def test_ctrl_c_ends_the_writing_at_once(format_: Format, tmp_path: Path) -> None:
    read = []

    def rows() -> Iterator[Row]:
        while True:
            read.append(1)
            if len(read) == 1_500:
                signal.raise_signal(signal.SIGINT)
            yield ROWS[0]

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        written(format_, tmp_path / "f", rows())
    assert len(read) <= 2_500
    assert signal.getsignal(signal.SIGINT) is before
    assert [path.name for path in tmp_path.iterdir()] == ["f"]


@pytest.mark.parametrize(
    ("format_", "count", "limit"),
    [
        *((format_, 2_000, 65_536) for format_ in Format),
        (Format.XLSX, 1, 4_096),  # its rows are written, and there is no room left to pack them
    ],
)
def test_a_file_that_cannot_grow_is_told_as_such_and_nothing_else_is_said(
    format_: Format, count: int, limit: int, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    rows = ([str(number), number, number / 7, True, NOON, hashed(number) * 10] for number in range(count))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            written(format_, tmp_path / "f", rows)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    gc.collect()
    assert capfd.readouterr() == ("", "")
    assert [path.name for path in tmp_path.iterdir()] == ["f"]


def hashed(number: int) -> str:
    return hashlib.sha256(b"%d" % number).hexdigest()


def test_ctrl_c_behind_the_last_row_ends_the_writing_too(tmp_path: Path) -> None:
    def rows() -> Iterator[Row]:
        yield ROWS[0]
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        export_parquet.write(tmp_path / "f", COLUMNS, rows(), is_raw=False)


def test_a_workbook_is_packed_and_its_rows_are_not_kept_in_memory(tmp_path: Path) -> None:
    rows: Iterator[Row] = (ROWS[0] for _ in range(1_000))
    export_xlsx.write(tmp_path / "f", COLUMNS, rows, is_raw=False)
    with zipfile.ZipFile(tmp_path / "f") as packed:
        sheet = packed.getinfo("xl/worksheets/sheet1.xml")
        assert sheet.compress_size < sheet.file_size / 5
        assert "xl/sharedStrings.xml" not in packed.namelist(), "texts stand in their rows"


def test_json_lines_are_no_csv(tmp_path: Path) -> None:
    assert export_jsonl.write(tmp_path / "f", COLUMNS[:1], [["=1"]], is_raw=False) == Written(1)
    assert (tmp_path / "f").read_bytes() == b'{"key":"=1"}\n'
