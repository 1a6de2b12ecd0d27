"""Readers of the feed that wait or stream: they are told when something comes, miss nothing, and hear of trouble."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from storage import history
from storage.engine import Database
from storage.errors import DatabaseTrouble
from tests.integration import fed
from tests.integration.fed import Fed, Watchers, append, change, ids, keys, put_back
from tests.integration.web_server import OPS, READER, Served
from web.access import Caller
from web.feed import reading
from web.feed.asked import Asked
from web.feed.cursors import Place
from web.feed.looking import Looks
from web.feed.reading import Page


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


@pytest.fixture
def watcher(monkeypatch: pytest.MonkeyPatch) -> Watchers:
    return Watchers(monkeypatch)


class Waiter:
    """Somebody who asks in a thread of his own."""

    def __init__(self, served: Served, query: str, **headers: str) -> None:
        self._client = served.client(READER, headers=headers)
        self._answers: list[httpx.Response] = []
        self._thread = threading.Thread(target=lambda: self._answers.append(self._client.get(f"/feed?{query}")))
        self._thread.start()

    @property
    def is_waiting(self) -> bool:
        return self._thread.is_alive()

    def answer(self) -> httpx.Response:
        self._thread.join(20)
        self._client.close()
        return self._answers[0]


def test_who_waits_is_answered_when_something_comes(watcher: Watchers, served: Served, database: Database) -> None:
    append(database, change("1"))
    waiter = Waiter(served, "after=1&timeout=20000")
    watcher.until(1)
    append(database, change("2"))
    assert keys(waiter.answer()) == ["2"]


def test_who_waits_for_nothing_is_answered_when_the_time_is_over(served: Served, database: Database) -> None:
    append(database, change("1"))
    with served.client(READER) as client:
        answer = client.get("/feed?after=1&timeout=300&resource=parts")
    assert answer.json() == []


def test_what_no_waiter_sees_does_not_end_the_wait(watcher: Watchers, served: Served, database: Database) -> None:
    append(database, change("1"))
    waiter = Waiter(served, "after=1&timeout=20000&resource=parts")
    watcher.until(1)
    append(database, change("2"))
    watcher.until_seen(2)
    append(database, change("3", resource="parts"))
    assert keys(waiter.answer()) == ["3"]


def test_those_who_wait_look_once_for_all_and_not_at_all_for_what_is_for_others(
    watcher: Watchers, served: Served, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = list[tuple[str, ...]]()
    page = Looks.page

    def counted(one: Looks, caller: Caller, asked: Asked, place: Place) -> Page:
        looks.append(asked.resources)
        return page(one, caller, asked, place)

    append(database, change("1"), change("2", resource="parts"))
    waiters = [Waiter(served, "after=2&timeout=20000&resource=things") for _ in range(4)]
    others = [Waiter(served, f"after=2&timeout=20000&resource=parts&limit={1 + each}") for each in range(4)]
    watcher.until(8)
    watcher.until_seen(2)
    monkeypatch.setattr(Looks, "page", counted)
    append(database, change("3"))
    assert [keys(each.answer()) for each in waiters] == [["3"]] * 4
    assert looks == [("things",)]
    append(database, change("4", resource="parts"))
    assert [keys(each.answer()) for each in others] == [["4"]] * 4


def test_who_comes_when_so_many_wait_is_answered_at_once_and_who_goes_makes_room(
    watcher: Watchers, served: Served, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("web.feed.watching.MOST_WAITING", 2)
    waiter = Waiter(served, "timeout=20000")
    with socket.create_connection((urlsplit(served.url).hostname, urlsplit(served.url).port)) as other:
        asked = f"GET /feed?timeout=60000 HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {READER}\r\n\r\n"
        other.sendall(asked.encode())
        watcher.until(2)
        with served.client(READER) as client:
            assert client.get("/feed?timeout=60000").json() == []
    watcher.until(1)
    third = Waiter(served, "timeout=20000")
    watcher.until(2)
    append(database, change("1"))
    assert keys(waiter.answer()) == keys(third.answer()) == ["1"]


def test_trouble_while_somebody_waits_is_told_and_loses_nothing(
    watcher: Watchers, served: Served, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiter = Waiter(served, "timeout=20000")
    watcher.until(1)
    with monkeypatch.context() as away:

        def fails(*_: object) -> None:
            raise DatabaseTrouble("the database is locked", "it is tried again")

        away.setattr("web.feed.looking.feed.span", fails)
        answer = waiter.answer()
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0
    assert "locked" in answer.json()["detail"]
    append(database, change("1"))
    assert keys(Waiter(served, "timeout=20000").answer()) == ["1"]


def test_who_sees_little_of_a_long_log_comes_to_its_end_however_little_time_a_page_has(
    served: Served, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "SECONDS", 0.0)
    monkeypatch.setattr(reading, "WINDOW", 5)
    append(database, *(change(str(number), resource="parts") for number in range(22)), change("rare"))
    with served.client(READER) as client:
        looks = [ids(client.get("/feed?resource=things")) for _ in range(5)]  # the same question, as readers ask
        assert [len(each) for each in looks] == [0, 0, 0, 0, 1]
        assert keys(client.get("/feed?resource=things&timeout=10000")) == ["rare"]
        page = client.get("/feed?resource=things&kind=updated")
        while not page.json():
            page = client.get(page.links["next"]["url"])
        assert keys(page) == ["rare"]


def test_what_was_passed_over_is_looked_at_again_in_a_database_that_was_put_back(
    served: Served, database: Database
) -> None:
    append(database, *(change(str(number), resource="parts") for number in range(5)))
    with served.client(READER) as client:
        assert keys(client.get("/feed?resource=things")) == []
        following = client.get("/feed?resource=things").links["next"]["url"]
        put_back(database, change("new"), *(change(str(number), resource="parts") for number in range(9)))
        assert keys(client.get("/feed?resource=things")) == ["new"]
        assert client.get(following).status_code == 410


def test_a_database_that_goes_away_is_told_and_comes_back(served: Served, database: Database, tmp_path: Path) -> None:
    if database.dialect != "sqlite":
        pytest.skip("a file can be moved away")
    append(database, change("1"))
    database.dispose()
    file = Path(str(database.url.database))
    with served.client(OPS) as client:
        served.web.reading.close()
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
