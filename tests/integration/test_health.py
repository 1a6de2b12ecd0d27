"""Health fails only for what somebody here can cure; a source that is down is told."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from storage import processes, scans, writable
from storage.engine import Database
from storage.errors import DatabaseTrouble
from storage.states import ScanState
from tasks.services import Services
from tests.integration import served
from tests.integration import shop as shops
from tests.integration.served import Client
from tests.integration.shop import Shop
from worker.commands import brokers

file, services = shops.file, shops.services


@pytest.fixture
def client(file: Path, services: Services, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    monkeypatch.setattr(brokers, "look", lambda _: brokers.Broker("embedded", True))
    with services.database.write() as session:
        for kind in ("clock", "scan+deliver"):
            processes.note_beat(session, f"{kind}@here", kind=kind, host="here", now=services.now())
    with served.client(file) as asking:
        yield asking


@contextmanager
def locked(database: Database) -> Iterator[None]:
    """Somebody else writes, and does not end."""
    if database.dialect == "sqlite":
        holder = sqlite3.connect(str(database.url.database), isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        try:
            yield
        finally:
            holder.close()
        return
    with Database(database.url.text(hide_password=False)).write() as session:
        session.execute("LOCK TABLE mirrorpoint_installation IN ACCESS EXCLUSIVE MODE")
        yield


def asked(client: Client, path: str) -> tuple[int, dict[str, Any]]:
    answer = client.get(path)
    assert answer.headers["content-type"] == "application/health+json"
    return answer.status_code, answer.json()


def of(told: dict[str, Any], name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = told["checks"].get(name, [])
    return found


def test_a_process_that_answers_is_alive_whatever_else_is_wrong(tmp_path: Path, shop: Shop) -> None:
    file = shops.configure(tmp_path, database=f"sqlite:///{tmp_path / 'none.db'}", url=shop.server.url)
    with served.client(file) as client:
        assert asked(client, "/health/live")[0] == 200
        for path in ("/health/ready", "/health"):
            status, told = asked(client, path)
            assert (status, told["status"]) == (503, "fail")
            assert "nothing was mirrored yet" in of(told, "database:schema")[0]["output"]
    assert not (tmp_path / "none.db").exists()


def test_all_is_well_where_all_are_at_work(client: Client) -> None:
    for path in ("/health/live", "/health/ready"):
        status, told = asked(client, path)
        assert (status, told["status"], told["releaseId"]) == (200, "pass", client.web.version)
    status, told = asked(client, "/health")
    assert (status, told["status"]) == (200, "pass")
    assert {each["componentId"] for each in of(told, "processes:beat")} == {"clock@here", "scan+deliver@here"}
    (write,) = of(told, "database:write")
    assert (write["status"], write["componentType"], write["observedUnit"]) == ("pass", "datastore", "ms")
    assert datetime.fromisoformat(write["time"]) <= client.web.now()


def test_a_database_that_somebody_holds_is_not_ready_and_nothing_waits_for_long(
    client: Client, services: Services
) -> None:
    with locked(services.database):
        assert asked(client, "/health/live")[0] == 200
        status, told = asked(client, "/health/ready")
        assert (status, told["status"]) == (503, "fail")
        assert "nothing could be written within 1 s" in of(told, "database:write")[0]["output"]
    assert asked(client, "/health/ready")[0] == 200, "and its connection waits as long as before"


def test_who_tries_to_write_changes_nothing_and_waits_as_before_afterwards(database: Database) -> None:
    writable.check(database)
    with locked(database), pytest.raises(DatabaseTrouble, match=r"within 0\.1 s"):
        writable.check(database, seconds=0.1)
    writable.check(database)
    with database.read() as session:
        name = "PRAGMA busy_timeout" if database.dialect == "sqlite" else "SHOW lock_timeout"
        assert session.objects.execute(text(name)).scalar() in {30_000, "30s"}


def test_a_database_of_another_version_is_not_ready(client: Client, services: Services) -> None:
    with services.database.write() as session:
        session.objects.execute(text("UPDATE mirrorpoint_version SET version_num = '0001'"))
    status, told = asked(client, "/health/ready")
    assert status == 503
    assert "older Mirrorpoint" in of(told, "database:schema")[0]["output"]


def test_a_source_that_is_down_is_a_warning_and_nothing_fails(client: Client, services: Services) -> None:
    now = services.now()
    with services.database.write() as session:
        scans.begin(session, source="shop", resource="things", kind="full", fence=1, now=now, id="a")
        scans.finish(session, "a", fence=1, state=ScanState.FAILED, now=now, reason="answered 503")
    status, told = asked(client, "/health")
    assert (status, told["status"]) == (200, "warn")
    (check,) = of(told, "resource:lastComplete")
    assert (check["componentId"], check["status"]) == ("shop:things", "warn")
    assert "answered 503" in check["output"]


def test_nobody_at_work_fails(client: Client, services: Services) -> None:
    with services.database.write() as session:
        processes.forget_silent(session, before=services.now() + timedelta(days=1))
    status, told = asked(client, "/health")
    assert (status, told["status"]) == (503, "fail")
    (beat,) = of(told, "processes:beat")
    assert beat["status"] == "fail"
    assert "start `mirrorpoint run`" in beat["output"]
