"""PostgreSQL with the defaults and the encoding that somebody else has chosen."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.engine import Database
from storage.errors import DatabaseRefused
from storage.prepare import prepare
from tests import mirrored_world, waiting
from tests.integration import shop as shops
from tests.integration.shop import row, scanned
from tests.mirrored_world import log
from tests.postgres import Server
from worker.__main__ import main

#: None of them is what a driver expects; each is somebody's default.
ODD = {
    "DateStyle": "SQL, DMY",
    "TimeZone": "Asia/Kolkata",
    "IntervalStyle": "iso_8601",
    "bytea_output": "escape",
    "extra_float_digits": "-5",
    "standard_conforming_strings": "off",
    "escape_string_warning": "off",
    "client_encoding": "LATIN1",
    "default_transaction_isolation": "serializable",
}


@pytest.fixture(params=[("UTF8", "German"), ("SQL_ASCII", "SQL, DMY")], ids=lambda each: each[0])
def url(request: pytest.FixtureRequest, postgres_server: Server) -> Iterator[str]:
    encoding, style = request.param
    made = postgres_server.create(encoding=encoding, settings=ODD | {"DateStyle": style})
    yield made
    postgres_server.drop(made)


def test_rows_come_back_as_they_were_whatever_the_defaults_are(url: str, tmp_path: Path) -> None:
    record = {
        "id": 1,
        "name": "Müller €😀\\",
        "price": 0.1234567890123456,
        "since": "2026-11-03T04:05:06Z",
        "tags": ["Ж"],
    }
    with shops.opened() as shop:
        shop.lists("things", json.dumps(record), json.dumps({"id": 2}, ensure_ascii=False))
        file = shops.configure(tmp_path, database=url, url=shop.server.url)
        services = mirrored_world.services(file)
        assert [scanned(services, "things").state for _ in range(2)] == ["complete"] * 2
        found = row(services, "things", "1")
        assert (found["document"], found["name"], found["price"]) == (record, record["name"], record["price"])
        assert found["since"].isoformat() == "2026-11-03T04:05:06+00:00"
        assert {change.observed_at.tzinfo is not None for change in log(services)} == {True}
        services.close()
    assert main(["--config", str(file), "status"]) == 0


@pytest.mark.parametrize("encoding", ["LATIN1", "EUC_JP"])
def test_an_encoding_that_cannot_hold_every_text_is_refused_with_the_cure(
    postgres_server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str], encoding: str
) -> None:
    url = postgres_server.create(encoding=encoding)
    with shops.opened() as shop:
        file = shops.configure(tmp_path, database=url, url=shop.server.url)
        for command in ("check", "run", "sync"):
            assert main(["--config", str(file), command]) == 2
            said = capsys.readouterr().err
            assert f"has the encoding {encoding}, which cannot hold every text" in said
            assert "ENCODING 'UTF8'" in said
    database = Database(url)
    with pytest.raises(DatabaseRefused) as refused:
        prepare(database, {})
    waiting.until(lambda: postgres_server.sessions(url) == 0, seconds=5, what=f"no session after: {refused.value}")
    database.dispose()
    postgres_server.drop(url)
