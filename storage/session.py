"""A session: one connection, one transaction; handed by engine.py to the other files of this room.

Its statements go to the driver as they are written. The library (SQLAlchemy, SQLModel) is loaded where one asks for it.
"""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sqlalchemy import Connection as LibraryConnection
    from sqlmodel import Session as ObjectSession

    from storage.connections import Opened
    from storage.library import Library, Watcher


class Session:
    """Begins its transaction with the first statement. Ended by who has opened it; see `Database`."""

    def __init__(
        self, dialect: str, opened: Opened, *, begin: str, library: Library, watchers: Sequence[Watcher] = ()
    ) -> None:
        self.dialect = dialect  #: "sqlite" or "postgresql"
        self.info: dict[str, Any] = {}  #: what others keep for as long as the transaction lasts
        self._opened, self._begin, self._library, self._watchers = opened, begin, library, watchers
        self._has_begun = False
        self._objects: ObjectSession | None = None

    @property
    def driver(self) -> Any:
        """The driver's own connection, within the transaction."""
        if not self._has_begun:
            self._tell(self._begin, ())
            self._opened.driver.execute(self._begin)
            self._has_begun = True
        return self._opened.driver

    def execute(self, text: str, parameters: Any = ()) -> Any:
        """The driver's cursor; with its own placeholders, and a list of tuples is one executemany."""
        driver = self.driver
        self._tell(text, parameters)
        if isinstance(parameters, list):
            cursor = driver.cursor()
            cursor.executemany(text, parameters)
            return cursor
        return driver.execute(text, parameters)

    def _tell(self, text: str, parameters: Any) -> None:
        for told in self._watchers:
            told(text, parameters)

    def library(self) -> LibraryConnection:
        """The library's connection over this one, for statements that are built."""
        driver = self.driver
        if self._opened.library is None:
            self._opened.library = self._library.over(driver)
        return self._opened.library

    @property
    def objects(self) -> ObjectSession:
        """For rows as objects; what was added or changed is written when it is flushed, and at the end."""
        if self._objects is None:
            from sqlmodel import Session as ObjectSession

            self._objects = ObjectSession(self.library(), expire_on_commit=False)
        return self._objects

    def commit(self) -> None:
        """Keep what was written."""
        if self._objects is not None:
            self._objects.flush()
        if self._has_begun:
            self._check_whole()
        self._end("COMMIT")

    def rollback(self) -> None:
        """Keep nothing of it. The next statement begins anew."""
        self._end("ROLLBACK")

    def _check_whole(self) -> None:
        """PostgreSQL answers a COMMIT behind a statement that failed with a ROLLBACK, and calls that no error."""
        if self.dialect == "postgresql" and self._opened.driver.info.transaction_status.name == "INERROR":
            raise sys.modules["psycopg"].errors.InFailedSqlTransaction(
                "a statement of this transaction failed, so nothing of it can be kept"
            )

    def _end(self, how: str) -> None:
        self.info.clear()
        objects, self._objects = self._objects, None
        if objects is not None:
            objects.close()
        library = self._opened.library
        if library is not None:
            library.rollback()  # it holds nothing: it is to know that its transaction is over
            if library.invalidated:  # it was interrupted in a statement, and would ask for another connection
                self._opened.library, self._opened.is_spent = None, True
        if self._has_begun:
            self._has_begun = False
            self._opened.driver.execute(how)


def cause_of(error: BaseException) -> BaseException:
    """The driver's error, which the library wraps."""
    return getattr(error, "orig", None) or error


def failures() -> tuple[type[Exception], ...]:
    """What a statement may raise: the errors of the drivers, and the library's, as far as they are loaded."""
    psycopg, library = sys.modules.get("psycopg"), sys.modules.get("sqlalchemy.exc")
    return (
        sqlite3.Error,
        *((psycopg.Error,) if psycopg else ()),
        *((library.DBAPIError,) if library else ()),
    )
