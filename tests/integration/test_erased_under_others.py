"""PostgreSQL keeps what others may still read: `erase` waits for them, and never says that it is done before it is."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import psycopg
import pytest

from storage import erased_postgresql
from tests.integration import erasable
from tests.integration.erasable import NEEDLE, Erasable
from tests.integration.test_erase import files_of, scanned_twice

on_postgresql = pytest.mark.parametrize("dialect", ["postgresql"], indirect=True)
MAY_READ = "a transaction that is open still may read what is gone from it"
#: None of them has anything to do with the tables that are written anew.
OPEN = {
    "one that reads another table": "SELECT count(*) FROM mirrorpoint_seal",
    "one that has looked at nothing": "SELECT 1",
    "one that writes": "SELECT txid_current()",
}


@pytest.fixture
def shop(tmp_path: Path, database_url: str, capsys: pytest.CaptureFixture[str]) -> Iterator[Erasable]:
    with erasable.opened(tmp_path, database_url, capsys) as made:
        yield made


def is_in_the_files(shop: Erasable) -> bool:
    return any(NEEDLE.encode() in content for content in files_of(shop, "postgresql").values())


@on_postgresql
@pytest.mark.parametrize("which", OPEN)
def test_a_transaction_that_began_before_keeps_the_bytes_there_and_that_is_told(
    shop: Erasable, monkeypatch: pytest.MonkeyPatch, which: str
) -> None:
    scanned_twice(shop)
    monkeypatch.setitem(erased_postgresql.clean.__kwdefaults__, "patience_seconds", 0.0)
    with psycopg.connect(shop._url) as other:
        other.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        other.execute(OPEN[which])
        found = shop.erase("2", "--yes")
        assert is_in_the_files(shop)
        assert (found.code, f'{MAY_READ}; `VACUUM (FULL, ANALYZE) "things"`' in found.err) == (3, True), found.err
    again = shop.erase("2", "--yes", "--json")
    assert (again.code, again.json["left"]) == (0, [])
    assert not is_in_the_files(shop)


@on_postgresql
@pytest.mark.parametrize("is_seen", [True, False], ids=["it was open before", "it has begun meanwhile"])
def test_a_transaction_that_ends_meanwhile_is_waited_for(
    shop: Erasable, monkeypatch: pytest.MonkeyPatch, is_seen: bool
) -> None:
    scanned_twice(shop)
    has_waited = threading.Event()
    if not is_seen:
        monkeypatch.setattr(erased_postgresql, "_have_ended", lambda *_: True)
    with psycopg.connect(shop._url) as other:
        other.execute("SELECT txid_current()")

        def end(_: float) -> None:
            has_waited.set()
            other.rollback()

        monkeypatch.setattr(erased_postgresql, "time", SimpleNamespace(monotonic=time.monotonic, sleep=end))
        found = shop.erase("2", "--yes")
    assert has_waited.is_set()
    assert (found.code, "waiting for other processes" in found.err) == (0, is_seen), found.err
    assert not is_in_the_files(shop)


def test_what_postgresql_says_of_the_rows_is_read_in_any_language() -> None:
    german = "%s tote Zeilenversionen können noch nicht entfernt werden.\nCPU: Benutzer: 0,01 s"
    french = "Actuellement, il reste %s lignes mortes.\nCPU : 0,01 s"
    for text in (german, french):
        assert not erased_postgresql._holds_what_others_may_read(["", text % 0, ""])
        assert erased_postgresql._holds_what_others_may_read(["", text % 20, ""])
    assert erased_postgresql._holds_what_others_may_read([""]), "who says nothing is not believed"
