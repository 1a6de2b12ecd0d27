"""A served feed over a log that the test writes itself; used by the tests of the feed over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from sqlalchemy import text

from changes.records import Change, Id, Kind
from storage import change_log
from storage.engine import Database
from tests import shop as shops
from tests import waiting
from tests.integration import web_server
from tests.integration.web_server import Served
from tests.shop import NOON
from web.feed.watching import Watcher
from worker import bootstrap
from worker import settings as settings_module

#: Of a point that pulls, and sees updates and deletions of things.
PULLS = "pulls-token-12345"
_POINT = f"""
[[points]]
code = "PULLS"
token_local = "{PULLS}"

[[routes]]
points = ["PULLS"]
resources = ["things"]
kinds = ["updated", "deleted"]
"""


class Fed(NamedTuple):
    """The feed, and the database that it reads."""

    served: Served
    database: Database


@contextmanager
def feeding(folder: Path, url: str) -> Iterator[Fed]:
    """Until the block is left; `url` of a database with the bookkeeping tables."""
    file = shops.configure(folder)
    file.write_text(f'{file.read_text()}\n[storage]\nurl = "{url}"\n{web_server.TOKENS}{_POINT}')
    settings = settings_module.load(str(file), environ={})
    database = bootstrap.open_database(settings)
    bootstrap.write_points(settings, database, bootstrap.open_vault(settings))
    try:
        with web_server.serving(file) as served:
            yield Fed(served, database)
    finally:
        database.dispose()


def change(key: str, *, version: int = 1, resource: str = "things", kind: Kind = Kind.UPDATED, **more: Any) -> Change:
    document = None if kind is Kind.DELETED else {"id": key, "version": version}
    return Change(
        source="shop", resource=resource, id=Id("", key), version=version, kind=kind, changed=("/version",),
        previous={"/version": version - 1}, document=document, observed_after=None,
        observed_at=NOON + timedelta(seconds=more.pop("at", version)), scan_id="s",
    )  # fmt: skip


def append(database: Database, *changes: Change) -> list[int]:
    with database.write() as session:
        return change_log.append(session, changes)


def ids(answer: httpx.Response) -> list[str]:
    answer.raise_for_status()
    return [each["id"] for each in answer.json()]


def keys(answer: httpx.Response) -> list[str]:
    answer.raise_for_status()
    return [each["data"]["key"] for each in answer.json()]


def put_back(database: Database, *changes: Change) -> None:
    """In place of the log, as after a backup that was put back and a mirror that went on from there."""
    with database.write() as session:
        session.objects.execute(text("DELETE FROM mirrorpoint_change"))
    append(database, *changes)


class Watchers:
    """The watcher of the served feed, and how many wait."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._made: list[Watcher] = []
        original = Watcher.__init__

        def made(one: Watcher, look: Any) -> None:
            original(one, look)
            self._made.append(one)

        monkeypatch.setattr(Watcher, "__init__", made)

    def until(self, waiting_: int) -> None:
        waiting.until(lambda: sum(each._waiting for each in self._made) == waiting_, what=f"{waiting_} wait")

    def until_seen(self, changes: int) -> None:
        """So many changes were found by a look."""
        waiting.until(lambda: any(each._found is not None and each._found.changes == changes for each in self._made))
