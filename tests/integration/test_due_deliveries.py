"""The clock sees each second whether a delivery is due, and asks the database only when somebody has written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from storage import outbox
from storage.commits import Commits
from storage.engine import Database
from storage.session import Session
from tasks.services import DeliveryPolicy, Services
from tests import waiting
from worker import due_deliveries
from worker.due_deliveries import DueDeliveries

START = datetime(2026, 11, 22, 10, 0, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


class World:
    """Services with a time of our own, what was woken, and what the outbox says instead of itself."""

    def __init__(self, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
        self.moment, self.woken, self.asked = START, list[str](), 0
        self.due_at: datetime | None = None
        nothing: Any = None
        self.services = Services(
            database=database,
            sources={},
            vault=nothing,
            routes=(),
            delivery=DeliveryPolicy(15, (), 8, None, ()),
            wake=lambda task, **_: self.woken.append(task),
            now=lambda: self.moment,
        )
        self.deliveries = DueDeliveries()
        monkeypatch.setattr(outbox, "next_due_at", self._next_due_at)

    def _next_due_at(self, _: Session) -> datetime | None:
        self.asked += 1
        return self.due_at

    def look(self, seconds: float = 1) -> list[str]:
        """So much later; what was woken."""
        self.moment += timedelta(seconds=seconds)
        self.woken.clear()
        self.deliveries.wake(self.services, self.moment)
        return list(self.woken)

    def write(self, due_at: datetime | None) -> None:
        """Somebody writes, and this is due afterwards."""
        self.due_at = due_at
        with self.services.database.write() as session:
            session.driver.execute(
                "INSERT INTO mirrorpoint_process (name, kind, host, started_at, beat_at) "
                f"VALUES ('{due_at}{self.moment}', '', '', '2026-11-22', '2026-11-22')"
            )


@pytest.fixture
def world(database: Database, monkeypatch: pytest.MonkeyPatch) -> World:
    return World(database, monkeypatch)


def test_what_another_writes_is_due_with_the_next_look(world: World) -> None:
    assert world.look() == []
    world.write(START)
    assert world.look() == ["deliver"]
    assert world.look() == ["deliver"]  # nobody has taken it
    world.write(None)
    assert world.look() == []


def test_what_is_due_later_is_woken_then_though_nobody_writes_any_more(world: World) -> None:
    world.write(START + 4 * SECOND)
    assert [world.look() for _ in range(5)] == [[], [], [], ["deliver"], ["deliver"]]


def test_as_long_as_nobody_writes_sqlite_is_asked_every_ten_seconds(world: World) -> None:
    if world.services.database.dialect != "sqlite":
        pytest.skip("PostgreSQL does not tell")
    statements: list[str] = []
    world.services.database.watchers.append(lambda text, _: statements.append(text))
    for _ in range(due_deliveries.LOOK_SECONDS):
        world.look()
    assert world.asked == 1
    statements.clear()
    world.look()
    assert world.asked == 2
    world.look()
    assert statements == ["BEGIN"] * len(statements)


def test_a_time_that_was_put_back_is_no_reason_not_to_look(world: World) -> None:
    world.look()
    world.due_at = START - timedelta(days=1)
    assert world.look(-3600) == ["deliver"]


def test_trouble_with_the_database_is_told_and_the_next_look_asks_anew(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.look()
    world.write(START)

    def fail(_: Session) -> datetime:
        raise OSError("away")

    with monkeypatch.context() as patch:
        patch.setattr(outbox, "next_due_at", fail)
        with pytest.raises(OSError, match="away"):
            world.look()
    assert world.look() == ["deliver"]


def test_a_file_that_is_not_there_may_have_changed(tmp_path: Any) -> None:
    commits = Commits(Database(f"sqlite:///{tmp_path / 'none.db'}"))
    assert [commits.have_come(), commits.have_come()] == [True, True]
    assert list(tmp_path.iterdir()) == []


def test_another_process_is_heard_as_well(database: Database) -> None:
    if database.dialect != "sqlite":
        pytest.skip("PostgreSQL does not tell")
    commits, other = Commits(database), Database(database.url.text(hide_password=False))
    assert commits.have_come()
    assert not commits.have_come()
    with other.write() as session:
        session.driver.execute("CREATE TABLE something (id INTEGER)")
    waiting.until(commits.have_come)
    assert not commits.have_come()
    other.dispose()
