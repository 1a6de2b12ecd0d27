"""What goes into one file of an export, and what is told of it afterwards; shared by the writers of all formats."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from changes.problems import Problem
from changes.resources import ColumnType

#: Name and kind, in the order of the values of a row.
Columns = Sequence[tuple[str, ColumnType]]
#: Values as `ColumnType` says: text, int, float, bool, an aware UTC time; JSON as its canonical text. None is NULL.
Row = Sequence[Any]


class Written(NamedTuple):
    """What a writer has done."""

    rows: int
    guarded_cells: int = 0


class Writer(Protocol):
    """Writes the rows to a file that is there and empty, in memory that does not grow with their number."""

    def __call__(self, file: Path, columns: Columns, rows: Iterable[Row], *, is_raw: bool) -> Written: ...


class ExportRefused(Problem):
    """It cannot be written like this; nothing was begun, or nothing is left of it."""

    exit_code = 2
    code = "export"
