"""SQLAlchemy over a connection of ours, for statements that are built and for rows as objects; loaded when needed.

The session begins and ends the transaction. SQLAlchemy is not to notice, so it gets a connection that does nothing of
that kind.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine


_DRIVERS = {"sqlite": "sqlite+pysqlite://", "postgresql": "postgresql+psycopg://"}
#: Is told each statement and its parameters, before it runs.
Watcher = Callable[[str, Any], None]


class Bridge:
    """Of one database."""

    def __init__(self, dialect: str, watchers: Sequence[Watcher]) -> None:
        self._dialect, self._watchers = dialect, watchers
        self._engine: Engine | None = None
        self._lock = threading.Lock()
        self._next = threading.local()

    def over(self, driver: Any) -> Connection:
        """A connection of SQLAlchemy that uses this one, for as long as it is open."""
        with self._lock:
            if self._engine is None:
                self._engine = self._make()
        self._next.driver = _Lent(driver)
        try:
            return self._engine.connect()
        finally:
            del self._next.driver  # nobody else is to be given it

    def _make(self) -> Engine:
        from sqlalchemy import NullPool, create_engine, event

        from storage import driver_values

        options: dict[str, Any] = {"creator": lambda: self._next.driver, "poolclass": NullPool}
        options["hide_parameters"] = True  # documents and tokens stay out of error texts
        if self._dialect == "postgresql":
            options["use_native_hstore"] = False  # else it asks for that type each time
            options |= {"json_serializer": driver_values.json_text, "json_deserializer": driver_values.parse}
        engine = create_engine(_DRIVERS[self._dialect], **options)

        @event.listens_for(engine, "before_cursor_execute")
        def _tell(*said: Any) -> None:
            for told in self._watchers:
                told(said[2], said[3])

        return engine


class _Lent:
    """The driver's connection, but for what ends a transaction or the connection."""

    def __init__(self, driver: Any) -> None:
        object.__setattr__(self, "_driver", driver)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._driver, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._driver, name, value)

    def commit(self) -> None: ...

    def rollback(self) -> None: ...

    def close(self) -> None: ...
