"""Writes Parquet through arro3; imported only where that library is there.

TEXT is a string, INTEGER int64, NUMBER double, BOOLEAN boolean, TIME a timestamp in microseconds of UTC, JSON its text.
Every column may be null.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from arro3.core import Array, DataType, Field, RecordBatch, RecordBatchReader, Schema
from arro3.io import write_parquet

from changes.resources import ColumnType
from record.export_table import Columns, Row, Written
from record.steady_file import SteadyFile

#: The library holds a group of rows until it is full.
_GROUP_ROWS = 20_000
#: Rows that are handed over at a time, or fewer where their texts are long.
_BATCH_ROWS, _BATCH_CHARACTERS = 1_000, 1 << 20
_EPOCH, _MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)


def write(file: Path, columns: Columns, rows: Iterable[Row], *, is_raw: bool) -> Written:  # noqa: ARG001  # no guard here
    """See `export_table.Writer`."""
    schema = Schema([Field(name, _types()[kind]) for name, kind in columns])
    with SteadyFile(file, is_silent=True) as out, _interrupts_kept() as is_interrupted:
        batches = _Batches(schema, columns, rows, stops=lambda: out.failure or is_interrupted())
        try:
            write_parquet(
                RecordBatchReader.from_batches(schema, batches),
                out,  # type: ignore[arg-type]  # it needs no more than `write`
                compression="snappy",  # what every reader knows
                max_row_group_size=_GROUP_ROWS,
            )
        except Exception as error:
            if batches.failure is None:
                raise
            raise batches.failure from error  # the library tells only the text of what was raised within
        failure = out.failure or is_interrupted()
        if failure is not None:
            raise failure
    return Written(batches.count)


def _types() -> dict[ColumnType, DataType]:
    return {
        ColumnType.TEXT: DataType.utf8(),
        ColumnType.INTEGER: DataType.int64(),
        ColumnType.NUMBER: DataType.float64(),
        ColumnType.BOOLEAN: DataType.bool(),
        ColumnType.TIME: DataType.timestamp("us", tz="UTC"),
        ColumnType.JSON: DataType.utf8(),
    }


class _Batches:
    """The rows as the library takes them; `failure` is what ended them too early."""

    def __init__(
        self, schema: Schema, columns: Columns, rows: Iterable[Row], *, stops: Callable[[], BaseException | None]
    ) -> None:
        self.count = 0
        self.failure: BaseException | None = None
        self._schema = schema
        self._columns = columns
        self._rows = iter(rows)
        self._stops = stops

    def __iter__(self) -> Iterator[RecordBatch]:
        try:
            while rows := self._next_rows():
                self.count += len(rows)
                yield self._batch(rows)
        except BaseException as error:
            self.failure = error
            raise

    def _next_rows(self) -> list[Row]:
        failure = self._stops()
        if failure is not None:
            raise failure
        rows: list[Row] = []
        characters = 0
        for row in self._rows:
            rows.append(row)
            characters += sum(len(value) for value in row if isinstance(value, str))
            if len(rows) == _BATCH_ROWS or characters > _BATCH_CHARACTERS:
                break
        return rows

    def _batch(self, rows: Sequence[Row]) -> RecordBatch:
        arrays = []
        for (_, kind), values in zip(self._columns, zip(*rows, strict=True), strict=True):
            type_ = _types()[kind]
            if kind is ColumnType.TIME:  # the library makes none of Python's times
                arrays.append(Array([_microseconds(value) for value in values], type=DataType.int64()).cast(type_))
            else:
                arrays.append(Array(values, type=type_))
        return RecordBatch(arrays, schema=self._schema)


def _microseconds(value: datetime | None) -> int | None:
    return None if value is None else (value - _EPOCH) // _MICROSECOND


@contextmanager
def _interrupts_kept() -> Iterator[Callable[[], BaseException | None]]:
    """Meanwhile Ctrl-C raises nothing and is kept for whoever asks: raised within the library it would be a panic."""
    kept: list[KeyboardInterrupt] = []

    def keep(*_: Any) -> None:
        kept.append(KeyboardInterrupt())

    def first() -> BaseException | None:
        return kept[0] if kept else None

    if threading.current_thread() is not threading.main_thread():  # it comes to the main thread alone
        yield first
        return
    before = signal.signal(signal.SIGINT, keep)
    try:
        yield first
    finally:
        signal.signal(signal.SIGINT, before)
