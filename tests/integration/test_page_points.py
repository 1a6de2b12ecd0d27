"""What the pages say of points: where they come from, what a receiver said last, who has paused them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from sandbox import serving
from sandbox.api import Api
from storage import outbox
from storage.engine import Database
from storage.outbox import Outcome, Owed
from tests.commands import Commands
from tests.integration import page_text, web_server
from tests.integration.web_server import OPS, Served
from tests.shop import NOON, open_shop

_POINTS = """
[[points]]
code = "AUDIT"
url = "https://audit.example.com/hook"

[[points]]
code = "WAREHOUSE"
token_local = "warehouse-token-1"

[[routes]]
points = ["*"]

[delivery]
allow_networks = ["192.0.2.0/24"]
"""


@pytest.fixture
def commands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Commands:
    open_shop(tmp_path)
    file = tmp_path / "mirrorpoint.toml"
    file.write_text(file.read_text() + web_server.TOKENS + _POINTS)
    made = Commands(file, capsys)
    assert made("deliver").code == 0  # like every start it writes the points
    return made


@pytest.fixture
def served(commands: Commands, tmp_path: Path) -> Iterator[Served]:
    with web_server.serving(tmp_path / "mirrorpoint.toml") as found:
        yield found


@contextmanager
def opened(folder: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{folder / 'mirrorpoint.db'}")
    try:
        yield database
    finally:
        database.dispose()


def refuse_first_of(folder: Path, count: int, answer: str) -> None:
    """So many are owed to AUDIT, and the first was refused in these words."""
    with opened(folder) as database, database.write() as session:
        outbox.owe(session, [Owed(seq, "AUDIT", f"shop/things/{seq}") for seq in range(1, count + 1)], now=NOON)
        (leased,) = outbox.lease_due(session, now=NOON, lease_seconds=60, limit=1, per_point={"AUDIT": 1}, at_once=1)
        told = Outcome(leased, "due", settled_at=NOON, attempted_at=NOON, due_at=NOON + timedelta(hours=1),
                       status=500, error="answered 500", answer=answer)  # fmt: skip
        outbox.settle(session, [told])


def test_the_receivers_last_words_are_shown_however_much_is_owed_since(served: Served, tmp_path: Path) -> None:
    refuse_first_of(tmp_path, 118, "the disk is full")
    page = page_text.read(served, OPS, "/points/AUDIT")
    assert "What the receiver said last when it refused 2026-11-22 12:00:00Z" in page
    assert "status 500, answered 500, to delivery 1 the disk is full" in page


def test_a_paused_point_says_since_when_and_by_whom_and_offers_to_resume_it(served: Served, tmp_path: Path) -> None:
    refuse_first_of(tmp_path, 3, "no")
    assert "Retry now" in page_text.read(served, OPS, "/points/AUDIT")
    with served.client(OPS) as client:
        client.post("/actions/pause/AUDIT").raise_for_status()
    page = page_text.read(served, OPS, "/points/AUDIT")
    assert "Paused since 20" in page
    assert "by ops (page): nothing is sent before it is resumed" in page
    assert "Resume" in page
    assert "Retry" not in page


def test_who_pauses_a_paused_point_is_not_said_to_have_paused_it(
    served: Served, commands: Commands, tmp_path: Path
) -> None:
    with served.client(OPS) as client:
        client.post("/actions/pause/AUDIT").raise_for_status()
    assert commands("points", "pause", "AUDIT").code == 0
    assert "by ops (page)" in page_text.read(served, OPS, "/points/AUDIT")


def test_a_retry_says_that_the_point_is_paused(served: Served, commands: Commands, tmp_path: Path) -> None:
    refuse_first_of(tmp_path, 3, "no")
    assert commands("points", "pause", "AUDIT").code == 0
    with served.client(OPS) as client:
        assert client.post("/actions/retry/AUDIT", headers={"Accept": "application/json"}).json()["paused"] == ["AUDIT"]
        said = page_text.of(client.post("/actions/retry/AUDIT", headers=page_text.HTML).text)
    assert "AUDIT is paused, and nothing is sent before it is resumed." in said
    assert "AUDIT is paused by hand" in commands("deliveries", "retry", "--point", "AUDIT").err


def test_what_is_dead_at_a_paused_point_is_not_offered_to_be_sent(
    served: Served, commands: Commands, tmp_path: Path
) -> None:
    refuse_first_of(tmp_path, 1, "no")
    with opened(tmp_path) as database, database.write() as session:
        (leased,) = outbox.lease_due(
            session, now=NOON + timedelta(hours=2), lease_seconds=60, limit=1, per_point={"AUDIT": 1}, at_once=1
        )
        outbox.settle(session, [Outcome(leased, "dead", settled_at=NOON, attempted_at=NOON, status=410)])
    assert "Retry" in page_text.read(served, OPS, "/")
    assert commands("points", "pause", "AUDIT").code == 0
    page = page_text.read(served, OPS, "/")
    assert "It has been paused since" in page
    assert "Resume" in page
    assert "Retry" not in page


def test_a_point_that_pulls_is_told_by_what_it_reads(served: Served) -> None:
    page = page_text.read(served, OPS, "/points/WAREHOUSE")
    assert "State pulls" in page
    assert "Has read the feed not yet" in page
    for wrong in ("never attempted", "unsigned", "Send it once more", "Retry", "test event"):
        assert wrong not in page
    with served.client("warehouse-token-1") as client:
        client.get("/feed").raise_for_status()
    with served.client(OPS, headers=page_text.HTML) as client:
        for path in ("/", "/points"):
            row = page_text.row(client.get(path), "WAREHOUSE")
            assert "pulls" in row
            assert "never attempted" not in row


def test_a_point_comes_from_where_it_stands_and_not_from_who_has_its_code_too(
    commands: Commands, tmp_path: Path
) -> None:
    with serving.start(Api()) as platform:
        file = tmp_path / "mirrorpoint.toml"
        file.write_text(
            f"{file.read_text()}\n[sources.platform]\ncatalogue = 'integration-platform'\nbase_url = '{platform.url}'\n"
            "auth = { method = 'basic', username = 'mirror', password = 'sandbox' }\n"
        )
        assert commands("points", "add", "CRM", "--url", "https://192.0.2.1/crm").code == 0
        assert commands("sync", "platform:integration_points").code == 0
    with web_server.serving(file) as served, served.client(OPS, headers=page_text.HTML) as client:
        page = client.get("/points")
    of = {code: page_text.row(page, code).split() for code in ("AUDIT", "CRM")}
    assert "configured" in of["AUDIT"]
    assert "added" in of["CRM"]
    assert "mirrored" not in {*of["AUDIT"], *of["CRM"]}
