"""A page answers a program with the very JSON that the command gives, digit by digit."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from storage import backoff
from storage.engine import Database
from tests.commands import Commands
from tests.integration import web_server
from tests.integration.web_server import READER, Served
from tests.shop import HOUR, NOON, open_shop

#: What no float holds, and a time between two seconds.
EXACT = {"id": 3, "name": "rod", "amount": Decimal("0.10000000000000000555"), "whole": 2**70, "much": Decimal("1E+2")}
AT = NOON - HOUR + timedelta(microseconds=123456)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    shop = open_shop(tmp_path)
    shop.note("things", "3", EXACT, at=AT)
    shop.scan("things", state="complete")
    shop.database.dispose()
    file = tmp_path / "mirrorpoint.toml"
    file.write_text(file.read_text() + web_server.TOKENS)
    with web_server.serving(file) as found:
        yield found


@pytest.fixture
def commands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Commands:
    return Commands(tmp_path / "mirrorpoint.toml", capsys)


PAGES = [
    ("/changes?all=1", ("changes", "--all")),
    ("/changes?resource=things&kind=updated", ("changes", "--resource", "things", "--kind", "updated")),
    ("/records/things/3", ("show", "things", "3")),
    ("/records/things/1?field=/name", ("history", "things", "1", "--field", "/name")),
    ("/points", ("points", "list")),
    ("/deliveries", ("deliveries",)),
    ("/diff?from=2026-11-22T09:30&to=2026-11-22T12:00", ("diff", "--from=2026-11-22T09:30", "--to=2026-11-22T12:00")),
]


@pytest.mark.parametrize(("page", "words"), PAGES, ids=[page for page, _ in PAGES])
def test_a_page_says_what_its_command_says(
    served: Served, commands: Commands, page: str, words: tuple[str, ...]
) -> None:
    with served.client(READER, headers={"Accept": "application/json"}) as client:
        answer = client.get(page)
    answer.raise_for_status()
    said = commands(*words, "--json").out.splitlines()
    is_list = words[0] in {"changes", "history", "deliveries", "diff"}
    assert answer.text == (f"[{', '.join(said)}]" if is_list else said[0])


def test_numbers_are_shown_to_people_with_all_their_digits(served: Served) -> None:
    with served.client(READER, headers={"Accept": "text/html"}) as client:
        page = client.get("/records/things/3").text
    assert "0.10000000000000000555" in page
    assert str(2**70) in page
    assert json.dumps("0.10000000000000000555") not in page


def test_a_source_that_cannot_be_read_is_told_once_on_the_first_page(tmp_path: Path, served: Served) -> None:
    database = Database(f"sqlite:///{tmp_path / 'mirrorpoint.db'}")
    with database.write() as session:
        for _ in range(backoff.SOURCE_FAILURES):
            backoff.note_source_failure(session, "shop", now=datetime.now(UTC))
    database.dispose()
    with served.client(READER, headers={"Accept": "text/html"}) as client:
        page = client.get("/").text
    assert page.count("It is tried again at") == 1
    assert "its source is left alone" not in page
    heading = page.partition("<h1 ")[2].partition("</h1>")[0]
    assert "shop has been failing since" in heading
