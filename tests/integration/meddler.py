"""A stranger who writes into mirrored tables by SQL, over a connection of his own; and who never waits for long."""

from __future__ import annotations

import random
import sqlite3
import threading
from collections.abc import Sequence
from contextlib import closing, suppress
from typing import Any

import psycopg

from tests.integration.lively_source import NEW_KEYS

ROW = "source, parent_key, key, v, document, version, fingerprint, first_seen_at, changed_at"
#: `one` is a row of his choice, `other` another one of the same table.
DEEDS = (
    "DELETE FROM {table} WHERE {one}",
    "DELETE FROM {table} WHERE key >= {key}",
    "DELETE FROM {table}",
    "TRUNCATE {table}",
    "UPDATE {table} SET deleted_at = changed_at WHERE {one}",
    "UPDATE {table} SET deleted_at = NULL",
    "UPDATE {table} SET key = key || 'z' WHERE {one}",
    "UPDATE {table} SET parent_key = {parent} || 'q' WHERE {one}",
    """UPDATE {table} SET document = '{{"id": 1}}', fingerprint = 'x' WHERE {one}""",
    "UPDATE {table} SET v = -1 WHERE {one}",
    "UPDATE {table} SET version = version + 1 WHERE {one}",
    "UPDATE {table} SET version = version - 1",
    "UPDATE {table} SET changed_at = '2030-01-01 00:00:00.000000' WHERE {one}",
    "INSERT INTO {table} ({row}) SELECT {invented} FROM {table} WHERE {one}",
    "INSERT INTO {table} ({row}) SELECT {elsewhere} FROM {table} WHERE {one}",
)
#: PostgreSQL gives him a lock within this time, or not at all; SQLite at once.
WAIT_MS = 10
#: He keeps a transaction open for so long at the most.
HOLD_SECONDS = 0.1


class Meddler:
    """Of one database; `done` says what he did, for whoever looks for the cause of something."""

    def __init__(self, url: str, tables: Sequence[str], rng: random.Random) -> None:
        self._url, self._tables, self._rng = url, tables, rng
        self._is_sqlite = url.startswith("sqlite")
        self._holding: list[threading.Thread] = []
        self.done: list[str] = []

    def meddle(self) -> None:
        """Some deeds in one transaction, which he may take back, or commit only later."""
        how, tables = self._rng.random(), [self._rng.choice(self._tables)]
        if how < 0.2:  # parents and children, in either order
            tables = self._rng.sample(self._tables, len(self._tables))
        seconds = HOLD_SECONDS if 0.2 < how < 0.3 else 0.0
        has_written, is_kept, rng = threading.Event(), self._rng.random() < 0.85, random.Random(self._rng.random())
        given = (tables, rng, has_written)
        thread = threading.Thread(target=self._transact, args=given, kwargs={"seconds": seconds, "is_kept": is_kept})
        thread.start()
        if seconds:
            self._holding.append(thread)
            has_written.wait()
        else:
            thread.join()

    def leave(self) -> None:
        """He ends what he holds."""
        while self._holding:
            self._holding.pop().join()

    def _transact(
        self, tables: Sequence[str], rng: random.Random, has_written: threading.Event, *, seconds: float, is_kept: bool
    ) -> None:
        try:
            # Whom he cannot get past, he leaves alone.
            with suppress(sqlite3.OperationalError, psycopg.OperationalError), closing(self._connect()) as connection:
                for table in tables:
                    self.done.append(self._deed(connection, table, rng))
                has_written.set()
                if seconds:
                    threading.Event().wait(seconds)
                if is_kept:
                    connection.commit()
                self.done.append("kept" if is_kept else "taken back")
        finally:
            has_written.set()

    def _connect(self) -> Any:
        if self._is_sqlite:
            return sqlite3.connect(self._url.removeprefix("sqlite:///"), timeout=0)
        url = self._url.replace("postgresql+psycopg:", "postgresql:")
        return psycopg.connect(url, options=f"-c lock_timeout={WAIT_MS}")

    def _deed(self, connection: Any, table: str, rng: random.Random) -> str:
        rows = connection.execute(f"SELECT parent_key, key FROM {table} ORDER BY parent_key, key").fetchall()
        if not rows:
            return f"{table} is empty"
        parent, key = map(_text, rng.choice(rows))
        deed = rng.choice([each for each in DEEDS if not (self._is_sqlite and each.startswith("TRUNCATE"))])
        text = deed.format(
            table=table,
            row=ROW,
            one=f"parent_key = {parent} AND key = {key}",
            key=key,
            parent=_text(rng.choice(rows)[0]),
            invented=ROW.replace(" key", f" 'n{rng.randrange(NEW_KEYS)}'"),
            elsewhere=ROW.replace("parent_key", "parent_key || 'i' || key"),
        )
        with suppress(sqlite3.IntegrityError):  # such a row is there already
            try:
                connection.execute(text)
            except psycopg.IntegrityError:
                connection.rollback()
        return text


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
