"""How a statement is written for both databases, as text or by SQLAlchemy.

Used by the other files of this room.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from enum import Enum
from functools import cache
from itertools import chain, count
from typing import TYPE_CHECKING, Any

from storage import driver_values
from storage.session import Session

if TYPE_CHECKING:
    from sqlalchemy import BindParameter, CursorResult, Executable

_ROWS_AT_A_TIME = 250
#: Values of one statement: old builds of SQLite take 999.
_MARKS_AT_A_TIME = 900
#: Begins the names of given values: SQLAlchemy keeps those of columns for itself.
_GIVEN = "given_"
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
    at_a_time, new = max(1, _MARKS_AT_A_TIME // len(columns)), 0
    for start in range(0, len(rows), at_a_time):
        part = rows[start : start + at_a_time]
        values = {f"v{number}": value for number, value in enumerate(chain.from_iterable(part))}
        names = [f":{name}" for name in values]
        marks = [f"({', '.join(names[at : at + len(columns)])})" for at in range(0, len(names), len(columns))]
        text = f"INSERT INTO {table} ({', '.join(columns)}) VALUES {', '.join(marks)} ON CONFLICT DO NOTHING"  # noqa: S608  # no values in it
        new += change(session, text, **values)
    return new


def among(session: Session, name: str) -> str:
    """Behind a column: it has one of the values that stand in the tuple of that name."""
    return f"IN (SELECT value FROM json_each(:{name}))" if session.dialect == "sqlite" else f"= ANY(:{name})"  # noqa: S608


def beginning(prefix: str) -> str:
    """For `LIKE :prefix ESCAPE '/'`: whatever begins so."""
    return re.sub(r"([%_/])", r"/\1", prefix) + "%"


def _execute(session: Session, text: str, given: Mapping[str, Any]) -> Any:
    if session.dialect == "sqlite":
        return session.execute(text, {name: _of_sqlite(value) for name, value in given.items()})
    return session.execute(_psycopg_text(text), {name: _of_postgresql(value) for name, value in given.items()})


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


@cache
def _psycopg_text(text: str) -> str:
    """The same with this driver's own marks."""
    return re.sub(r"(?<!:):([a-z]\w*)", r"%(\1)s", text.replace("%", "%%"))


def insert(session: Session, table: Any) -> Any:
    """An INSERT that knows ON CONFLICT; both databases spell it the same, SQLAlchemy has one for each."""
    return insert_for(session.dialect, table)


def insert_for(dialect_name: str, table: Any) -> Any:
    """The same for a statement that is built once: each database has one of its own."""
    from sqlalchemy.dialects import postgresql, sqlite

    return postgresql.insert(table) if dialect_name == "postgresql" else sqlite.insert(table)


def given(name: str) -> BindParameter[Any]:
    """In a statement that is built once: the place of a value that `run_given` gives it each time.

    To build a statement takes SQLAlchemy four times as long as to run it, so the statements of small scans, of which
    there are thousands in an hour, are built once. The value's type is that of the column beside it.
    """
    from sqlalchemy import bindparam

    return bindparam(_GIVEN + name)


def run(session: Session, statement: Executable, parameters: Any = None) -> CursorResult[*tuple[Any, ...]]:
    """Past the ORM: no objects in memory are looked for or changed, which costs more than the statement."""
    return session.sqlalchemy().execute(statement, parameters)


def run_given(session: Session, statement: Executable, **values: Any) -> CursorResult[*tuple[Any, ...]]:
    """Run a statement that was built once, with these values in the places of `given`."""
    return run(session, statement, {_GIVEN + name: value for name, value in values.items()})


def fetch(session: Session, text: str, parameters: Any = ()) -> Sequence[tuple[Any, ...]]:
    """All rows of such a statement."""
    found: Sequence[tuple[Any, ...]] = session.execute(text, parameters).fetchall()
    return found


def stream(session: Session, text: str, parameters: Any, *, at_a_time: int) -> Iterator[tuple[Any, ...]]:
    """The rows of such a statement as they come, so many of them in memory."""
    if session.dialect == "sqlite":
        yield from session.execute(text, parameters)
        return
    # With a name, or the driver would fetch all of them first; of its own, since two may be open.
    with session.driver.cursor(name=f"mirrorpoint_{next(_cursors)}") as cursor:
        cursor.itersize = at_a_time
        yield from cursor.execute(text, parameters)


def value(session: Session, text: str, parameters: Any = ()) -> Any:
    """The first value of the first row; None where there is no row."""
    found = session.execute(text, parameters).fetchall()
    return found[0][0] if found else None


def fetch_leniently(session: Session, text: str, parameters: Any) -> Sequence[tuple[Any, ...]]:
    """The same, also where SQLite holds bytes as text that are none: they come as half characters."""
    try:
        return fetch(session, text, parameters)
    except (sqlite3.OperationalError, UnicodeDecodeError) as error:
        if "decode" not in str(error).lower():
            raise
    driver = session.driver
    driver.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")
    try:
        return fetch(session, text, parameters)
    finally:
        driver.text_factory = str


def add_rows(session: Session, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Many new rows at once; names as they are written in SQL, values as the driver takes them, JSON as text."""
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
    with session.driver.cursor() as cursor, cursor.copy(f"COPY {table} ({names}) FROM STDIN") as copy:
        for row in rows:  # COPY takes a third of the time of INSERT
            copy.write_row(row)


def count_run(session: Session, statement: Executable) -> int:
    """How many rows the statement has changed."""
    return run(session, statement).rowcount


def columns(*names: str, utc: Collection[str] = (), json: Collection[str] = ()) -> str:
    """For the text of a SELECT: the columns in this order, those that are times or JSON marked as such."""
    kinds = dict.fromkeys(utc, "utc") | dict.fromkeys(json, "json")
    return ", ".join(f'{name} AS "{name} [{kinds[name]}]"' if name in kinds else name for name in names)


def change_each(session: Session, text: str, each: Sequence[Mapping[str, Any]]) -> None:
    """Run such a statement once for each of these; they are sent together, and each has the same names of values."""
    if not each:
        return
    of = _of_sqlite if session.dialect == "sqlite" else _of_postgresql
    written = text if session.dialect == "sqlite" else _psycopg_text(text)
    session.execute(written, [{name: of(value) for name, value in values.items()} for values in each])
