"""The few things that the two databases, or the library, want said in one certain way.

Used by the other files of this room.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any

from sqlalchemy import BindParameter, CursorResult, Executable, bindparam
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session

_ROWS_AT_A_TIME = 250
#: Begins the names of given values: the library keeps those of columns for itself.
_GIVEN = "given_"


def dialect(session: Session) -> str:
    """`sqlite` or `postgresql`."""
    return session.get_bind().dialect.name


def mark(dialect_name: str) -> str:
    """The driver's placeholder."""
    return "?" if dialect_name == "sqlite" else "%s"


def exact(session: Session, values: Iterable[Any]) -> tuple[list[str], tuple[Any, ...]]:
    """Placeholders of values that `fetch_leniently` gave, and the values, so that just the same are found again."""
    name, marks, given = dialect(session), list[str](), list[Any]()
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


def insert(session: Session, table: Any) -> Any:
    """An INSERT that knows ON CONFLICT; both databases spell it the same, the library has one for each."""
    return insert_for(dialect(session), table)


def insert_for(dialect_name: str, table: Any) -> Any:
    """The same for a statement that is built once: each database has one of its own."""
    return postgresql.insert(table) if dialect_name == "postgresql" else sqlite.insert(table)


def given(name: str) -> BindParameter[Any]:
    """In a statement that is built once: the place of a value that `run_given` gives it each time.

    To build a statement takes the library four times as long as to run it, so the statements of small scans, of which
    there are thousands in an hour, are built once. The value's type is that of the column beside it.
    """
    return bindparam(_GIVEN + name)


def run(session: Session, statement: Executable, parameters: Any = None) -> CursorResult[*tuple[Any, ...]]:
    """Past the ORM: no objects in memory are looked for or changed, which costs more than the statement."""
    return session.connection().execute(statement, parameters)


def run_given(session: Session, statement: Executable, **values: Any) -> CursorResult[*tuple[Any, ...]]:
    """Run a statement that was built once, with these values in the places of `given`."""
    return run(session, statement, {_GIVEN + name: value for name, value in values.items()})


def run_text(session: Session, text: str, parameters: Any) -> CursorResult[*tuple[Any, ...]]:
    """Straight to the driver, with its own placeholders; a list of tuples is one executemany."""
    return session.connection().exec_driver_sql(text, parameters)


def fetch(session: Session, text: str, parameters: Any) -> Sequence[tuple[Any, ...]]:
    """The driver's own rows: the library's cost more than a page's worth of them takes to be read."""
    with run_text(session, text, parameters) as result:
        return result.cursor.fetchall() if result.cursor is not None else ()


def fetch_leniently(session: Session, text: str, parameters: Any) -> Sequence[tuple[Any, ...]]:
    """The same, also where SQLite holds bytes as text that are none: they come as half characters."""
    try:
        return fetch(session, text, parameters)
    except (DBAPIError, sqlite3.OperationalError) as error:
        if "decode" not in str(error).lower():
            raise
    driver: Any = session.connection().connection.driver_connection
    driver.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")
    try:
        return fetch(session, text, parameters)
    finally:
        driver.text_factory = str


def add_rows(session: Session, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Many new rows at once; names as they are written in SQL, values as the driver takes them, JSON as text."""
    names = ", ".join(columns)
    if dialect(session) == "sqlite":
        driver: Any = session.connection().connection.driver_connection
        parameters = driver.getlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER)  # old builds: 999
        # One statement for many rows takes two thirds of the time of one for each.
        at_a_time = max(1, min(_ROWS_AT_A_TIME, parameters // len(columns)))
        for start in range(0, len(rows), at_a_time):
            part = rows[start : start + at_a_time]
            marks = ", ".join([f"({', '.join('?' * len(columns))})"] * len(part))
            text = f"INSERT INTO {table} ({names}) VALUES {marks}"  # noqa: S608  # no values in it
            run_text(session, text, tuple(chain.from_iterable(part)))
        return
    # COPY takes a third of the time of INSERT. It goes past the library, which has no word for it.
    import psycopg

    text = f"COPY {table} ({names}) FROM STDIN"
    driver = session.connection().connection.driver_connection
    try:
        with driver.cursor() as cursor, cursor.copy(text) as copy:
            for row in rows:
                copy.write_row(row)
    except psycopg.Error as error:
        raise DBAPIError.instance(
            text, None, error, psycopg.Error, hide_parameters=True, connection_invalidated=driver.closed
        ) from error


def count_run(session: Session, statement: Executable) -> int:
    """How many rows the statement has changed."""
    return run(session, statement).rowcount
