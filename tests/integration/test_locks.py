"""The locks of PostgreSQL are taken in one order, so that no two transactions wait for each other."""

from __future__ import annotations

import pytest

from storage import change_log, outbox
from storage.engine import Database


def test_the_log_is_locked_before_the_outbox(database: Database) -> None:
    with database.write() as session:
        change_log.lock(session)
        outbox.lock(session)
        change_log.lock(session)  # held already


def test_the_other_order_is_refused_before_anybody_waits(database: Database) -> None:
    if database.dialect == "sqlite":
        pytest.skip("one writer, no locks")
    with database.write() as session:
        outbox.lock(session)
        with pytest.raises(RuntimeError, match="LOG is taken after OUTBOX"):
            change_log.lock(session)
    with database.write() as session:  # the next transaction holds nothing
        change_log.lock(session)


def test_a_lock_that_is_held_is_not_asked_for_again(database: Database) -> None:
    asked: list[str] = []
    database.watchers.append(lambda text, _: asked.append(text))
    for _ in range(2):
        with database.write() as session:
            outbox.lock(session)
            outbox.lock(session)
    assert len([each for each in asked if "advisory" in each]) == (2 if database.dialect == "postgresql" else 0)
