"""A session: one connection, one transaction; handed by engine.py to the other files of this room.

Its statements go to the driver as they are written. SQLAlchemy and SQLModel are loaded where one asks for them.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sqlalchemy import Connection
    from sqlmodel import Session as ObjectSession

    from storage.connections import Opened
    from storage.sqlalchemy_bridge import Bridge, Watcher


class Session:
    """Begins its transaction with the first statement. Ended by who has opened it; see `Database`."""

    def __init__(
        self, dialect: str, opened: Opened, *, begin: str, bridge: Bridge, watchers: Sequence[Watcher] = ()
    ) -> None:
        self.dialect = dialect  #: "sqlite" or "postgresql"
        self.info: dict[str, Any] = {}  #: what others keep for as long as the transaction lasts
        self._opened, self._begin, self._bridge, self._watchers = opened, begin, bridge, watchers
        self._has_begun = False
        self._cursors: list[weakref.ref[Any]] = []  #: of SQLite
        self._objects: ObjectSession | None = None

    @property
    def driver(self) -> Any:
        """The driver's own connection, within the transaction."""
        if not self._has_begun:
            self.tell(self._begin, ())
            self._opened.driver.execute(self._begin)
            self._has_begun = True
        return self._opened.driver

    def execute(self, text: str, parameters: Any = ()) -> Any:
        """The driver's cursor; with its own placeholders, and a list of tuples is one executemany."""
        driver = self.driver
        self.tell(text, parameters)
        if isinstance(parameters, list):
            cursor = driver.cursor()
            cursor.executemany(text, parameters)
            return cursor
        cursor = driver.execute(text, parameters)
        if self.dialect == "sqlite":
            self._cursors.append(weakref.ref(cursor))
        return cursor

    def tell(self, text: str, parameters: Any) -> None:
        """Those who watch, of a statement that is about to run; for those that `execute` does not run."""
        for told in self._watchers:
            told(text, parameters)

    def sqlalchemy(self) -> Connection:
        """SQLAlchemy's connection over this one, for statements that are built."""
        driver = self.driver
        if self._opened.sqlalchemy is None:
            self._opened.sqlalchemy = self._bridge.over(driver)
        return self._opened.sqlalchemy

    @property
    def objects(self) -> ObjectSession:
        """For rows as objects; what was added or changed is written when it is flushed, and at the end."""
        if self._objects is None:
            from sqlmodel import Session as ObjectSession

            self._objects = ObjectSession(self.sqlalchemy(), expire_on_commit=False)
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
            from psycopg import errors

            raise errors.InFailedSqlTransaction("a statement of this transaction failed, so nothing of it can be kept")

    def _close_cursors(self) -> None:
        """One that was not read to its end, since an exception came, lives as long as that exception. Until then SQLite
        would see the database as it was, and take every writing transaction of this connection for too late.
        """
        for cursor in (each() for each in self._cursors):
            if cursor is not None:
                cursor.close()
        self._cursors.clear()

    def _end(self, how: str) -> None:
        self.info.clear()
        self._close_cursors()
        objects, self._objects = self._objects, None
        if objects is not None:
            objects.close()
        built = self._opened.sqlalchemy
        if built is not None:
            built.rollback()  # it holds nothing: it is to know that its transaction is over
            if built.invalidated:  # it was interrupted in a statement, and would ask for another connection
                self._opened.sqlalchemy, self._opened.is_spent = None, True
        if self._has_begun:
            self._has_begun = False
            self._opened.driver.execute(how)


def cause_of(error: BaseException) -> BaseException:
    """The driver's error, which SQLAlchemy wraps."""
    return getattr(error, "orig", None) or error


def failures() -> tuple[type[Exception], ...]:
    """What a statement may raise: the errors of the drivers, and SQLAlchemy's, as far as they are loaded."""
    return _loaded(sqlite=("Error",), psycopg=("Error",), sqlalchemy=("DBAPIError",))


def unfit() -> tuple[type[Exception], ...]:
    """Those of them that a statement raises for a table or column that is not there."""
    of_both = ("OperationalError", "ProgrammingError")
    return _loaded(sqlite=("OperationalError",), psycopg=of_both, sqlalchemy=of_both)


def _loaded(*, sqlite: Sequence[str], psycopg: Sequence[str], sqlalchemy: Sequence[str]) -> tuple[type[Exception], ...]:
    named = (("sqlite3", sqlite), ("psycopg", psycopg), ("sqlalchemy.exc", sqlalchemy))
    return tuple(
        getattr(sys.modules[module], name) for module, names in named if module in sys.modules for name in names
    )
