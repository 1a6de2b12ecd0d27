"""Writes JSON Lines: an object for each row, its members in the order of the columns; JSON stands in it as JSON.

Numbers have all their digits, times are RFC 3339 in UTC, NULL is null.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import orjson

from changes.resources import ColumnType
from record.export_table import Columns, Row, Written

_BUFFER_BYTES = 1 << 20
_OPTIONS = orjson.OPT_UTC_Z | orjson.OPT_APPEND_NEWLINE


def write(file: Path, columns: Columns, rows: Iterable[Row], *, is_raw: bool) -> Written:  # noqa: ARG001  # no guard here
    """See `export_table.Writer`."""
    names = [name for name, _ in columns]
    json_places = [place for place, (_, kind) in enumerate(columns) if kind is ColumnType.JSON]
    count = 0
    with file.open("wb", buffering=_BUFFER_BYTES) as out:
        for count, row in enumerate(rows, 1):  # noqa: B007  # used after the loop
            values = list(row)
            for place in json_places:
                if values[place] is not None:
                    values[place] = orjson.Fragment(values[place])  # as it is: orjson would round long numbers
            out.write(orjson.dumps(dict(zip(names, values, strict=True)), option=_OPTIONS))
    return Written(count)
