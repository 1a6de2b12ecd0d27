"""What `deliveries` shows, and what can be made due again."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from storage import deliveries, outbox, points
from tests.commands import Commands
from tests.shop import NOON, Shop, open_shop


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return open_shop(tmp_path)


@pytest.fixture
def commands(shop: Shop, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Commands:
    return Commands(tmp_path / "mirrorpoint.toml", capsys)


def test_deliveries_are_lines_with_the_columns_of_their_table(commands: Commands, shop: Shop) -> None:
    with shop.database.write() as session:
        points.add(session, code="AUDIT", url="https://audit.example.com/hook", now=NOON)
        outbox.owe(session, [outbox.Owed(1, "AUDIT", "shop/things/1")], now=NOON)
    assert commands("deliveries", "--state", "due", "--json").lines == [
        {
            "id": 1,
            "change_seq": 1,
            "point": "AUDIT",
            "record": "shop/things/1",
            "state": "due",
            "attempts": 0,
            "due_at": "2026-11-22T12:00:00Z",
            "leased_until": None,
            "fence": 0,
            "last_status": None,
            "last_error": None,
            "losses": 0,
            "created_at": "2026-11-22T12:00:00Z",
            "delivered_at": None,
        }
    ]


def test_what_has_ended_can_be_made_due_again(commands: Commands, shop: Shop) -> None:
    with shop.database.write() as session:
        points.add(session, code="AUDIT", url="https://audit.example.com/hook", now=NOON)
        outbox.owe(session, [outbox.Owed(1, "AUDIT", "shop/things/1")], now=NOON)
        outbox.skip_owed(session, "AUDIT", reason="a test")
    assert commands("deliveries", "retry", "--point", "AUDIT", "--state", "skipped", "--json").json == {"retried": 1}
    with shop.database.read() as session:
        assert deliveries.counts(session)["AUDIT"].due == 1


def test_dead_letters_are_tried_again_one_by_one_by_their_point_or_by_a_span_of_time(
    commands: Commands, shop: Shop
) -> None:
    with shop.database.write() as session:
        for number, code in enumerate("AABB", 1):
            at = NOON + timedelta(hours=number)
            outbox.owe(session, [outbox.Owed(number, code, f"shop/things/{number}")], now=at)
        leased = outbox.lease_due(session, now=at, lease_seconds=60, limit=9, per_point={"A": 9, "B": 9}, at_once=9)
        dead = [outbox.Outcome(item, "dead", settled_at=at, attempted_at=at, status=500) for item in leased]
        outbox.settle(session, dead)

    def due(*arguments: str) -> list[int]:
        assert commands("deliveries", "retry", *arguments).code == 0
        return [row["id"] for row in commands("deliveries", "--state", "due", "--json").lines]

    assert due("--from", "2026-11-22T15:00:00Z", "--until", "2026-11-22T16:00:00Z") == [3]
    assert due("--point", "A", "--to", "2026-11-22T14:00:00Z") == [1, 3]
    assert due("4") == [1, 3, 4]
    assert due("--point", "A") == [1, 2, 3, 4]


def test_sending_everything_to_everyone_again_is_refused(commands: Commands) -> None:
    assert commands("deliveries", "retry", "--state", "delivered").code == 2
