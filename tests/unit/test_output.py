"""Tables in a pipe, and JSON as the product writes it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from changes import written
from worker import output


def test_a_table_in_a_pipe_is_plain_and_never_cut(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [("products", 1234567, None, ("ok", "green")), ("x" * 90, 5, "a\nb", "")]
    output.table(("name", "rows", "note", "state"), rows, right=("rows",))
    assert capsys.readouterr().out.splitlines() == [
        f"{'name':<90}       rows  note  state",
        f"{'products':<90}  1,234,567  -     ok",
        f"{'x' * 90}          5  a",
        f"{'':<90}             b",
    ]


def test_an_empty_table_is_its_heading(capsys: pytest.CaptureFixture[str]) -> None:
    output.table(("name", "rows"), [])
    assert capsys.readouterr().out == "name  rows\n"


def test_times_are_written_in_utc(capsys: pytest.CaptureFixture[str]) -> None:
    at = datetime(2026, 11, 22, 2, 30, 0, 500, tzinfo=timezone(timedelta(hours=2)))
    output.line({"at": at, "on": datetime(2026, 11, 22, tzinfo=UTC)})
    assert capsys.readouterr().out == '{"at": "2026-11-22T00:30:00.000500Z", "on": "2026-11-22T00:00:00Z"}\n'


def test_what_json_does_not_know_is_a_mistake_of_ours() -> None:
    with pytest.raises(TypeError, match="object is not for JSON"):
        written.dumps({"x": object()})


def test_complaints_and_warnings_go_to_standard_error_without_colours(capsys: pytest.CaptureFixture[str]) -> None:
    output.complain("it is bad", "do this")
    output.warn("it is odd")
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "error: it is bad\n  hint: do this\nwarning: it is odd\n")
