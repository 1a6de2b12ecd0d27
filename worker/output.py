"""How commands speak: tables and colours for people, JSON for programs; used by every command.

Results go to standard output, everything else to standard error. rich is imported when something is shown.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime, tzinfo
from typing import IO, TYPE_CHECKING, Any

from changes import written

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

_zone: ContextVar[tzinfo] = ContextVar("zone", default=UTC)


class Captured:
    """What a command would have written with `--json`, as values; and what it noted beside it."""

    def __init__(self) -> None:
        self.values: list[Any] = []
        self.notes: list[str] = []


_captured: ContextVar[Captured | None] = ContextVar("captured", default=None)


@contextmanager
def captured() -> Iterator[Captured]:
    """Meanwhile results and notes are collected, and nothing is written; of this thread and task alone."""
    collected = Captured()
    token = _captured.set(collected)
    try:
        yield collected
    finally:
        _captured.reset(token)


def console(stream: IO[str] | None = None) -> Console:
    """For people; colours only on a terminal and without NO_COLOR."""
    from rich.console import Console

    file = sys.stdout if stream is None else stream
    return Console(file=file, highlight=False, emoji=False)


def diagnostics() -> Console:
    """The same on standard error."""
    return console(sys.stderr)


def say(text: str, *, style: str = "") -> None:
    """One line on standard output."""
    if style and sys.stdout.isatty():
        console().print(text, style=style, markup=False, soft_wrap=True)
    else:
        sys.stdout.write(text + "\n")


def styled_lines() -> Callable[[Iterable[tuple[str, str]]], None]:
    """Writes lines on standard output, each given in parts with their styles, which only a terminal is shown."""
    if not sys.stdout.isatty():  # ten times as many in a second
        return _write_plain
    from rich.text import Text

    screen = console()
    return lambda parts: screen.print(Text.assemble(*parts), soft_wrap=True)


def _write_plain(parts: Iterable[tuple[str, str]]) -> None:
    sys.stdout.write("".join(text for text, _ in parts) + "\n")
    sys.stdout.flush()  # who follows the log is to see it at once


def note(text: str) -> None:
    """One line on standard error, for what is not the result."""
    collected = _captured.get()
    if collected is not None:
        collected.notes.append(text)
        return
    sys.stderr.write(text + "\n")


def step(text: str) -> None:
    """One line on standard error for work that goes on, where no terminal shows its progress."""
    if _captured.get() is None and not sys.stderr.isatty():
        sys.stderr.write(text + "\n")
        sys.stderr.flush()


def abandon() -> None:
    """Standard output takes no more; without this the interpreter complains once more at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def warn(text: str, hint: str = "") -> None:
    """Something to look at that stops nothing."""
    collected = _captured.get()
    if collected is not None:
        collected.notes.append(f"{text}; {hint}" if hint else text)
        return
    _marked("warning", "yellow", text, hint)


def complain(text: str, hint: str = "") -> None:
    """What went wrong, and what to do."""
    _marked("error", "red", text, hint)


def _marked(word: str, colour: str, text: str, hint: str) -> None:
    if sys.stderr.isatty() and not os.environ.get("NO_COLOR"):
        word = {"red": "\x1b[1;31m", "yellow": "\x1b[1;33m"}[colour] + word + "\x1b[0m"
    sys.stderr.write(f"{word}: {text}\n")
    if hint:
        sys.stderr.write(f"  hint: {hint}\n")


def table(
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    right: Sequence[str] = (),
    gives_way: Sequence[str] = (),
    shortens: Sequence[str] = (),
) -> None:
    """A table for people; the columns named in `right` are aligned to the right. A cell may be (text, style).

    On a terminal that is too narrow the columns of `gives_way` are left out, then those of `shortens` cut (fitting.py).
    A pipe or a file is given everything.
    """
    cells = [[cell if isinstance(cell, tuple) else (text(cell), "") for cell in row] for row in rows]
    if not sys.stdout.isatty():
        _plain_table(columns, cells, right)
        return
    from rich.table import Table
    from rich.text import Text

    from worker import fitting

    screen = console()
    names, fitted = fitting.fit(columns, cells, width=screen.width, gives_way=gives_way, shortens=shortens)
    shown = Table(box=None, pad_edge=False, header_style="bold underline", padding=(0, fitting.GAP, 0, 0))
    for name in names:
        shown.add_column(name, justify="right" if name in right else "left", no_wrap=True)
    for row in fitted:
        shown.add_row(*(Text(*cell) for cell in row))
    screen.print(shown)


def _plain_table(columns: Sequence[str], cells: Sequence[Sequence[tuple[str, str]]], right: Sequence[str]) -> None:
    """For pipes and files: one line a row where its cells have one, never cut, in a tenth of the time."""
    lines = [list(columns)]
    for row in cells:
        parts = [cell[0].splitlines() or [""] for cell in row]
        lines += [[part[at] if at < len(part) else "" for part in parts] for at in range(max(map(len, parts)))]
    widths = [max(len(line[at]) for line in lines) for at in range(len(columns))]
    for line in lines:
        padded = [
            value.rjust(width) if column in right else value.ljust(width)
            for value, width, column in zip(line, widths, columns, strict=True)
        ]
        sys.stdout.write("  ".join(padded).rstrip() + "\n")


def text(value: object) -> str:
    """A cell."""
    if value is None:
        return "-"
    if isinstance(value, datetime):
        return moment(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return str(value)


@contextmanager
def times_in(zone: tzinfo) -> Iterator[None]:
    """Meanwhile people are shown times of this zone; JSON stays in UTC."""
    token = _zone.set(zone)
    try:
        yield
    finally:
        _zone.reset(token)


def moment(at: datetime | None) -> str:
    """A time to the second, in UTC unless `times_in` says otherwise."""
    if at is None:
        return "-"
    return at.astimezone(_zone.get()).isoformat(" ", "seconds").replace("+00:00", "Z")


def document(value: object) -> None:
    """One JSON document on standard output."""
    collected = _captured.get()
    if collected is not None:
        collected.values.append(value)
        return
    sys.stdout.write(written.dumps(value, indent=2 if sys.stdout.isatty() else None) + "\n")
    sys.stdout.flush()


def line(value: Mapping[str, Any]) -> None:
    """One JSON Line on standard output, at once."""
    collected = _captured.get()
    if collected is not None:
        collected.values.append(dict(value))
        return
    sys.stdout.write(written.dumps(value) + "\n")
    sys.stdout.flush()


def columns(row: Any) -> dict[str, Any]:
    """A row of a bookkeeping table, in the table's order: a named tuple, or an object of its class."""
    return {name: getattr(row, name) for name in getattr(row, "_fields", None) or type(row).model_fields}


@contextmanager
def progress(*, is_shown: bool = True, units: str = "") -> Iterator[Progress | None]:
    """A progress bar on standard error, on a terminal only; None where nothing is to be shown.

    `units` are what is counted (`rows`): how many of them are done in a second is shown, too.
    """
    if not is_shown or _captured.get() is not None or not sys.stderr.isatty():
        yield None
        return
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        Task,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class Rate(ProgressColumn):
        def render(self, task: Task) -> Text:
            return Text(f"{task.speed:,.0f} {units}/s" if task.speed else "")

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    rate = (Rate(),) if units else ()
    with Progress(*columns, *rate, TimeRemainingColumn(), console=diagnostics(), transient=True) as shown:
        yield shown


def pretty(value: object) -> None:
    """A JSON value for people: indented, coloured on a terminal."""
    shown = written.dumps(value, indent=2)
    if not sys.stdout.isatty():
        sys.stdout.write(shown + "\n")
        return
    from rich.json import JSON

    console().print(JSON(shown, ensure_ascii=False))
