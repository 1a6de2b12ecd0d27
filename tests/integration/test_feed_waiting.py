"""Readers of the feed that wait or stream: they are told when something comes, miss nothing, and hear of trouble."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from storage import history, readers
from storage.engine import Database
from tests import waiting
from tests.integration import fed
from tests.integration.fed import Fed, append, change, ids, keys
from tests.integration.web_server import OPS, READER, Served


@pytest.fixture
def feed(tmp_path: Path, empty_url: str) -> Iterator[Fed]:
    with fed.feeding(tmp_path, empty_url) as opened:
        yield opened


@pytest.fixture
def served(feed: Fed) -> Served:
    return feed.served


@pytest.fixture
def database(feed: Fed) -> Database:
    return feed.database


def test_who_waits_is_answered_when_something_comes(served: Served, database: Database) -> None:
    append(database, change("1"))
    found: list[httpx.Response] = []

    def wait() -> None:
        with served.client(READER) as client:
            found.append(client.get("/feed?after=1&timeout=20000"))

    waiter = threading.Thread(target=wait)
    waiter.start()
    waiter.join(1)
    assert waiter.is_alive()
    append(database, change("2"))
    waiter.join(15)
    assert keys(found[0]) == ["2"]


def test_who_waits_for_nothing_is_answered_when_the_time_is_over(served: Served, database: Database) -> None:
    append(database, change("1"))
    with served.client(READER) as client:
        answer = client.get("/feed?after=1&timeout=300&resource=parts")
    assert answer.json() == []


def test_what_no_waiter_sees_does_not_end_the_wait(served: Served, database: Database) -> None:
    append(database, change("1"))
    found: list[httpx.Response] = []

    def wait() -> None:
        with served.client(READER) as client:
            found.append(client.get("/feed?after=1&timeout=20000&resource=parts"))

    waiter = threading.Thread(target=wait)
    waiter.start()
    append(database, change("2"))
    waiter.join(2)
    assert waiter.is_alive()
    append(database, change("3", resource="parts"))
    waiter.join(15)
    assert keys(found[0]) == ["3"]


def test_the_two_hundred_and_first_that_waits_is_answered_at_once(
    served: Served, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("web.feed.watching.MOST_WAITING", 0)
    with served.client(READER) as client:
        assert client.get("/feed?timeout=60000").json() == []


def test_a_stream_gives_all_that_comes_each_with_its_id(served: Served, database: Database) -> None:
    append(database, change("1"))
    lines: list[str] = []
    with (
        served.client(READER) as client,
        client.stream("GET", "/feed", headers={"Accept": "text/event-stream"}) as stream,
    ):
        assert stream.headers["content-type"].startswith("text/event-stream")
        coming = stream.iter_lines()
        while not any(line.startswith("data:") for line in lines):
            lines.append(next(coming))
        append(database, change("2"))
        while sum(line.startswith("data:") for line in lines) < 2:
            lines.append(next(coming))
    told = [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data:")]
    assert [each["data"]["key"] for each in told] == ["1", "2"]
    assert [line.removeprefix("id: ") for line in lines if line.startswith("id:")] == [each["id"] for each in told]


def test_how_far_a_reader_is_is_written_down(served: Served, database: Database) -> None:
    append(database, change("1"), change("2"))
    with served.client(READER) as client:
        client.get("/feed?after=1").raise_for_status()

    def noted() -> list[tuple[str, str, int]]:
        with database.read() as session:
            return [(each.kind, each.name, each.seq) for each in readers.read(session)]

    waiting.until(lambda: noted() == [("token", "reader", 1)], seconds=10)


def test_a_reader_goes_on_where_how_far_it_is_cannot_be_written(
    served: Served, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    from storage.errors import DatabaseTrouble

    def fails(*_: object) -> None:
        raise DatabaseTrouble("the disk is full", "make room")

    monkeypatch.setattr("web.feed.progress.readers.note", fails)
    append(database, change("1"))
    with served.client(READER) as client:
        assert keys(client.get("/feed")) == ["1"]


def test_a_database_that_goes_away_is_told_and_comes_back(served: Served, database: Database, tmp_path: Path) -> None:
    if database.dialect != "sqlite":
        pytest.skip("a file can be moved away")
    append(database, change("1"))
    database.dispose()
    file = Path(str(database.url.database))
    with served.client(OPS) as client:
        served.web.reading.dispose()
        served.web.writing.dispose()
        hidden = file.rename(file.with_suffix(".hidden"))
        gone = client.get("/feed")
        assert gone.status_code == 503
        assert int(gone.headers["retry-after"]) > 0
        hidden.rename(file)
        assert keys(client.get("/feed")) == ["1"]


def test_a_reader_passes_over_nothing_while_four_write(served: Served, database: Database) -> None:
    def write(writer: int) -> None:
        for number in range(25):
            append(database, *(change(f"{writer}-{number}-{part}") for part in range(3)))

    writers = [threading.Thread(target=write, args=(writer,)) for writer in range(4)]
    for each in writers:
        each.start()
    got: list[str] = []
    with served.client(READER) as client:
        while len(got) < 300:
            last = {"lastEventId": got[-1]} if got else {}
            page = ids(client.get("/feed", params={**last, "limit": 7, "timeout": 5000}))
            if not page and not any(each.is_alive() for each in writers):
                page = ids(client.get("/feed", params=last))
                if not page:
                    break
            got += page
    with database.read() as session:
        assert got == [row.id for row in history.read(session, limit=1000)]
