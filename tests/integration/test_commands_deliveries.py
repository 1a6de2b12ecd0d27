"""What `deliveries` shows, and what can be made due again."""

from __future__ import annotations

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


def test_sending_everything_to_everyone_again_is_refused(commands: Commands) -> None:
    assert commands("deliveries", "retry", "--state", "delivered").code == 2
