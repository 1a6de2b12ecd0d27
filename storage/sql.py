"""How a statement is written as text for both databases; used by the other files of this room."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from enum import Enum
from functools import lru_cache
from itertools import chain, count
from typing import Any

import orjson

from storage import driver_values, postgresql_sessions
from storage.session import Session

_ROWS_AT_A_TIME = 250
#: Values of one statement: old builds of SQLite take 999.
_MARKS_AT_A_TIME = 900
_ROWS_IN_JSON = 5_000
_cursors = count()


def mark(dialect_name: str) -> str:
    """The driver's placeholder."""
    return "?" if dialect_name == "sqlite" else "%s"


def exact(session: Session, values: Iterable[Any]) -> tuple[list[str], tuple[Any, ...]]:
    """Placeholders of values that `fetch_leniently` gave, and the values, so that just the same are found again."""
    name, marks, given = session.dialect, list[str](), list[Any]()
    for value in values:
        is_text = not isinstance(value, str) or is_written_text(value)
        marks.append(mark(name) if is_text else f"CAST({mark(name)} AS TEXT)")
        given.append(value if is_text else value.encode("utf-8", "surrogateescape"))
    return marks, tuple(given)


def is_written_text(value: Any) -> bool:
    """Whether it is text that can be written: no bytes, and none of the half characters that stand for them."""
    if not isinstance(value, str):
        return False
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def rows(session: Session, text: str, **values: Any) -> Sequence[tuple[Any, ...]]:
    """What a statement of ours gives, as the driver gives it: `:name` in it stands for the value of that name.

    A time is read as `started_at AS "started_at [utc]"`, a JSON value as `… [json]`: SQLite holds both as text.
    Values are text, numbers, aware times, enums of text, the mappings and lists of JSON, and tuples for `among`.
    """
    found: Sequence[tuple[Any, ...]] = _execute(session, text, values).fetchall()
    return found


def first(session: Session, text: str, **values: Any) -> tuple[Any, ...] | None:
    """The first of these rows; None where there is none."""
    found = rows(session, text, **values)  # all: a statement that is not read to its end holds the others up
    return found[0] if found else None


def change(session: Session, text: str, **values: Any) -> int:
    """Run such a statement; how many rows it has written."""
    count: int = _execute(session, text, values).rowcount
    return count


def add_new(session: Session, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> int:
    """Insert those that are not there yet, in few statements; how many they were."""
    return put(session, table, columns, rows, conflict="DO NOTHING")


def put(session: Session, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]], *, conflict: str) -> int:
    """Insert rows in few statements; how many were written. `conflict`: what becomes of those that are there already.

    Give them in one order, so that nobody waits for who waits for him.
    """
    at_a_time = max(1, _MARKS_AT_A_TIME // len(columns)) if session.dialect == "sqlite" else _ROWS_IN_JSON
    written, names = 0, ", ".join(columns)
    for start in range(0, len(rows), at_a_time):
        part = rows[start : start + at_a_time]
        if session.dialect == "sqlite":
            marks, values = f"({', '.join('?' * len(columns))})", [_of_sqlite(value) for row in part for value in row]
            given = f"VALUES {', '.join([marks] * len(part))}"
        else:  # one value: the driver takes longer to count thousands of marks than the database to write the rows
            values = [orjson.dumps([dict(zip(columns, row, strict=True)) for row in part]).decode()]
            given = f"SELECT {names} FROM json_populate_recordset(NULL::{table}, %s)"  # noqa: S608  # no values in it
        text = f"INSERT INTO {table} ({names}) {given} ON CONFLICT {conflict}"
        written += session.execute(text, tuple(values)).rowcount
    return written


def among(session: Session, name: str) -> str:
    """Behind a column: it has one of the values that stand in the tuple of that name."""
    return f"IN (SELECT value FROM json_each(:{name}))" if session.dialect == "sqlite" else f"= ANY(:{name})"  # noqa: S608


def beginning(prefix: str) -> str:
    """For `LIKE :prefix ESCAPE '/'`: whatever begins so."""
    return re.sub(r"([%_/])", r"/\1", prefix) + "%"


def _execute(session: Session, text: str, given: Mapping[str, Any]) -> Any:
    of, written = _converter(session), text if session.dialect == "sqlite" else _psycopg_text(text)
    return session.execute(written, {name: of(value) for name, value in given.items()})


def _converter(session: Session) -> Callable[[Any], Any]:
    return _of_sqlite if session.dialect == "sqlite" else _of_postgresql


def _of_sqlite(value: Any) -> Any:
    if isinstance(value, datetime):
        return driver_values.sqlite_time(value)
    if isinstance(value, tuple):
        return driver_values.json_text(list(value))
    return _of_postgresql(value)


def _of_postgresql(value: Any) -> Any:
    if isinstance(value, tuple):
        return list(value)
    if isinstance(value, (dict, list)):
        return driver_values.json_text(value)
    return value.value if isinstance(value, Enum) else value


@lru_cache(maxsize=4_096)
def _psycopg_text(text: str) -> str:
    """The same with this driver's own marks."""
    return re.sub(r"(?<!:):([a-z]\w*)", r"%(\1)s", text.replace("%", "%%"))


def fetch(session: Session, text: str, parameters: Any = ()) -> Sequence[tuple[Any, ...]]:
    """All rows of such a statement."""
    found: Sequence[tuple[Any, ...]] = session.execute(text, parameters).fetchall()
    return found


def stream(session: Session, text: str, parameters: Any, *, at_a_time: int) -> Iterator[tuple[Any, ...]]:
    """The rows of such a statement as they come, so many of them in memory."""
    if session.dialect == "sqlite":
        yield from session.execute(text, parameters)
        return
    driver = session.driver
    session.tell(text, parameters)
    # With a name, or the driver would fetch all of them first; of its own, since two may be open.
    with driver.cursor(name=f"mirrorpoint_{next(_cursors)}") as cursor:
        cursor.itersize = at_a_time
        yield from cursor.execute(text, parameters)


def value(session: Session, text: str, parameters: Any = ()) -> Any:
    """The first value of the first row; None where there is no row."""
    found = session.execute(text, parameters).fetchall()
    return found[0][0] if found else None


def fetch_leniently(session: Session, text: str, parameters: Any) -> Sequence[tuple[Any, ...]]:
    """The same, also where a value is none that Python has: it comes as text.

    SQLite may hold bytes as text that are none, which come as half characters; PostgreSQL knows times such as infinity.
    """
    try:
        return fetch(session, text, parameters)
    except Exception as error:
        if session.dialect != "sqlite" and postgresql_sessions.is_unknown_time(error):
            session.tell(text, parameters)
            return postgresql_sessions.fetch_with_all_times(session.driver, text, parameters)
        if not isinstance(error, (sqlite3.OperationalError, UnicodeDecodeError)) or "decode" not in str(error).lower():
            raise
    driver = session.driver
    driver.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")
    try:
        return fetch(session, text, parameters)
    finally:
        driver.text_factory = str


def add_rows(session: Session, table: str, columns: Mapping[str, str], rows: Sequence[Sequence[Any]]) -> None:
    """Many new rows at once, values as the driver takes them, JSON as text.

    `columns`: their names as they are written in SQL, and what PostgreSQL calls their types.
    """
    names = ", ".join(columns)
    if session.dialect == "sqlite":
        parameters = session.driver.getlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER)  # old builds: 999
        # One statement for many rows takes two thirds of the time of one for each.
        at_a_time = max(1, min(_ROWS_AT_A_TIME, parameters // len(columns)))
        for start in range(0, len(rows), at_a_time):
            part = rows[start : start + at_a_time]
            marks = ", ".join([f"({', '.join('?' * len(columns))})"] * len(part))
            text = f"INSERT INTO {table} ({names}) VALUES {marks}"  # noqa: S608  # no values in it
            session.execute(text, tuple(chain.from_iterable(part)))
        return
    # COPY takes a third of the time of INSERT, and to write values out as text a third of the time of COPY.
    text = f"COPY {table} ({names}) FROM STDIN (FORMAT BINARY)"
    with session.driver.cursor() as cursor, cursor.copy(text) as copy:
        copy.set_types(list(columns.values()))
        for row in rows:
            copy.write_row(row)


def columns(*names: str, utc: Collection[str] = (), json: Collection[str] = ()) -> str:
    """For the text of a SELECT: the columns in this order, those that are times or JSON marked as such."""
    kinds = dict.fromkeys(utc, "utc") | dict.fromkeys(json, "json")
    return ", ".join(f'{name} AS "{name} [{kinds[name]}]"' if name in kinds else name for name in names)


def change_each(session: Session, text: str, each: Sequence[Mapping[str, Any]]) -> None:
    """Run such a statement once for each of these; they are sent together, and each has the same names of values."""
    if not each:
        return
    of, written = _converter(session), text if session.dialect == "sqlite" else _psycopg_text(text)
    session.execute(written, [{name: of(value) for name, value in values.items()} for values in each])


def for_update(session: Session) -> str:
    """Behind a SELECT: its rows are held until the transaction ends. SQLite has one writer at a time anyway."""
    return "FOR UPDATE" if session.dialect == "postgresql" else ""
