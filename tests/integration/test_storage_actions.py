"""What people did is written in two rows, whose digests cover all that can be read of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from changes import digests
from storage import actions
from storage.engine import Database

NOW = datetime(2026, 11, 29, 12, 30, 0, 123456, tzinfo=UTC)
GIVEN = {"reason": 'ü "quoted"', "limit": 10**20, "nothing": None}


def test_an_intent_and_what_became_of_it_are_read_as_they_were_written(database: Database) -> None:
    with database.write() as session:
        number = actions.intend(
            session, who="anna", how="command", what="erase", target="things/1", arguments=GIVEN, now=NOW
        )
    with database.write() as session:
        actions.conclude(session, number, outcome="done", now=NOW + timedelta(seconds=1))
    with database.read() as session:
        intent, outcome = actions.read(session)
    assert intent[:-1] == (1, None, NOW, "anna", "command", "erase", "things/1", GIVEN, None)
    assert outcome[:-1] == (2, 1, NOW + timedelta(seconds=1), "anna", "command", "erase", "things/1", {}, "done")
    for row in (intent, outcome):
        said = row._asdict() | {"at": digests.stamp(row.at)}
        assert said.pop("digest") == digests.of_action(**said)


def test_the_last_intent_is_the_newest_until_then_and_no_outcome(database: Database) -> None:
    with database.write() as session:
        for minute, target in enumerate(("A", "A", "B", "A")):
            at = NOW + timedelta(minutes=minute)
            number = actions.intend(
                session, who="anna", how="page", what="points pause", target=target, arguments={}, now=at
            )
            actions.conclude(session, number, outcome="done", now=at)
    with database.read() as session:
        found = actions.last_intent(session, "points pause", "A", until=NOW + timedelta(minutes=2))
        assert found is not None
        assert (found.id, found.of, found.at) == (3, None, NOW + timedelta(minutes=1))
        assert actions.last_intent(session, "points pause", "A", until=NOW - timedelta(minutes=1)) is None


def test_what_was_never_intended_is_not_concluded(database: Database) -> None:
    with pytest.raises(LookupError, match="no row 7"), database.write() as session:
        actions.conclude(session, 7, outcome="done", now=NOW)
    with database.read() as session:
        assert actions.read(session) == []
