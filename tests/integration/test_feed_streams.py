"""The feed as a stream, and how far its readers are, which is written down beside their answers."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from storage import readers
from storage.engine import Database
from tests import waiting
from tests.integration import fed
from tests.integration.fed import PULLS, Fed, append, change, ids, keys, put_back
from tests.integration.web_server import OPS, READER, Served


@pytest.fixture
def feed(tmp_path: Path, database_url: str) -> Iterator[Fed]:
    with fed.feeding(tmp_path, database_url) as opened:
        yield opened


@pytest.fixture
def served(feed: Fed) -> Served:
    return feed.served


@pytest.fixture
def database(feed: Fed) -> Database:
    return feed.database


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


def noted(database: Database) -> list[tuple[str, str, int]]:
    with database.read() as session:
        return [(each.kind, each.name, each.seq) for each in readers.read(session)]


def test_how_far_a_reader_is_is_written_down(served: Served, database: Database) -> None:
    append(database, change("1"), change("2"))
    with served.client(READER) as client:
        client.get("/feed?after=1").raise_for_status()
    waiting.until(lambda: noted(database) == [("token", "reader", 1)], seconds=10)


def test_a_stream_that_comes_back_goes_on_whatever_address_it_was_opened_with(
    served: Served, database: Database
) -> None:
    append(database, *(change(str(number)) for number in range(1, 5)))
    with served.client(READER) as client:
        third = ids(client.get("/feed?after=2&limit=1"))[0]
        headers = {"Accept": "text/event-stream", "Last-Event-ID": third}
        with client.stream("GET", "/feed?after=1", headers=headers) as stream:
            assert stream.headers["x-accel-buffering"] == "no"
            data = next(line for line in stream.iter_lines() if line.startswith("data: "))
    assert json.loads(data.removeprefix("data: "))["data"]["key"] == "4"


def test_a_stream_ends_where_another_database_is_put_in_place_and_whoever_comes_back_is_told(
    served: Served, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("web.feed.following._COMMENT_SECONDS", 0.1)
    append(database, change("1"), change("2"), change("3"))
    with served.client(READER) as client:
        last = ids(client.get("/feed"))[-1]
        with client.stream("GET", "/feed", headers={"Accept": "text/event-stream"}) as stream:
            coming = stream.iter_lines()
            while next(coming) != f"id: {last}":
                pass
            while next(coming) != ": nothing new":  # so that no proxy thinks that it is over
                pass
            put_back(database, change("other"))
            assert not [line for line in coming if line.startswith("data: ") and "other" in line]
        assert client.get("/feed", headers={"Last-Event-ID": last}).status_code == 410


@pytest.mark.parametrize("more", [1, 4])
def test_a_log_that_was_put_back_and_has_grown_again_is_no_continuation(
    served: Served, database: Database, monkeypatch: pytest.MonkeyPatch, more: int
) -> None:
    """What stands behind the last number there was never behind what the reader has."""
    monkeypatch.setattr("web.feed.following._COMMENT_SECONDS", 0.1)
    append(database, change("1"), change("2"), change("3"))
    with (
        served.client(READER) as client,
        client.stream("GET", "/feed?after=2", headers={"Accept": "text/event-stream"}) as stream,
    ):
        coming = stream.iter_lines()
        while next(coming) != ": nothing new":
            pass
        put_back(database, *(change(f"other {number}") for number in range(2 + more)))
        rest = list(coming)
    assert not [line for line in rest if line.startswith("data: ")]
    assert [line for line in rest if "of another database" in line]


@pytest.mark.parametrize("way", ["removed", "has another token"])
def test_a_point_that_may_not_read_any_more_is_streamed_nothing_more(
    served: Served, database: Database, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    monkeypatch.setattr("web.feed.following._COMMENT_SECONDS", 0.1)
    append(database, change("1"))
    with (
        served.client(PULLS) as client,
        client.stream("GET", "/feed", headers={"Accept": "text/event-stream"}) as stream,
    ):
        coming = stream.iter_lines()
        while next(coming) != ": nothing new":
            pass
        with database.write() as session:
            values = "state = 'removed'" if way == "removed" else "token_local = 'sealed:another'"
            session.objects.execute(text(f"UPDATE mirrorpoint_point SET {values} WHERE code = 'PULLS'"))
        append(database, change("2"))
        rest = list(coming)
        assert not [line for line in rest if line.startswith("data: ")]
        assert [line for line in rest if "not the token of PULLS any more" in line]
        assert client.get("/feed").status_code == 401


def test_who_sees_little_is_written_down_as_far_as_nothing_more_is_for_it(served: Served, database: Database) -> None:
    append(database, *(change(str(number), resource="parts") for number in range(8)))
    with served.client(PULLS) as client:
        assert keys(client.get("/feed")) == []
    waiting.until(lambda: noted(database) == [("point", "PULLS", 8)], seconds=10)


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


def test_nobody_waits_until_how_far_a_reader_is_can_be_written(
    served: Served, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_free, writes = threading.Event(), list[str]()

    def waits(_: object, reader: readers.Reader) -> None:
        writes.append(reader.name)
        is_free.wait(20)

    monkeypatch.setattr("web.feed.progress.readers.note", waits)
    append(database, change("1"))
    with served.client(READER) as client, served.client(OPS) as other:
        for one in (client, other):
            assert keys(one.get("/feed")) == ["1"]
        waiting.until(lambda: writes == ["reader"])
        is_free.set()
        waiting.until(lambda: writes == ["reader", "ops"])
