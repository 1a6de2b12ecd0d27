"""The feed over HTTP: what it gives, from where, to whom; and that nothing is passed over."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text, update

from changes import events
from changes.records import Change, Id, Kind
from storage import change_log, history, notices, readers
from storage.engine import Database
from storage.tables import ChangeRow
from tests import shop as shops
from tests import waiting
from tests.integration import web_server
from tests.integration.web_server import OPS, READER, Served
from tests.shop import NOON

CODE = '\n[[points]]\ncode = "PULLS"\ntoken_local = "pulls-token-12345"\n[[routes]]\npoints = ["PULLS"]\n'
ROUTE = 'resources = ["things"]\nkinds = ["updated", "deleted"]\n'


@pytest.fixture
def config(empty_url: str, tmp_path: Path) -> Path:
    file = shops.configure(tmp_path)
    file.write_text(file.read_text() + f'\n[storage]\nurl = "{empty_url}"\n' + web_server.TOKENS + CODE + ROUTE)
    return file


@pytest.fixture
def database(config: Path, empty_url: str) -> Iterator[Database]:
    from worker import bootstrap
    from worker import settings as settings_module

    settings = settings_module.load(str(config), environ={})
    made = bootstrap.open_database(settings)
    bootstrap.write_points(settings, made, bootstrap.open_vault(settings))
    yield made
    made.dispose()


@pytest.fixture
def served(config: Path, database: Database) -> Iterator[Served]:
    with web_server.serving(config) as found:
        yield found


def change(key: str, *, version: int = 1, resource: str = "things", kind: Kind = Kind.UPDATED, **more: Any) -> Change:
    document = None if kind is Kind.DELETED else {"id": key, "version": version}
    return Change(
        source="shop", resource=resource, id=Id("", key), version=version, kind=kind, changed=("/version",),
        previous={"/version": version - 1}, document=document, observed_after=None,
        observed_at=NOON + timedelta(seconds=more.pop("at", version)), scan_id="s",
    )  # fmt: skip


def append(database: Database, *changes: Change) -> list[int]:
    with database.write() as session:
        return change_log.append(session, changes)


def ids(answer: httpx.Response) -> list[str]:
    answer.raise_for_status()
    return [each["id"] for each in answer.json()]


def keys(answer: httpx.Response) -> list[str]:
    answer.raise_for_status()
    return [each["data"]["key"] for each in answer.json()]


def test_a_batch_has_the_very_events_that_are_sent(served: Served, database: Database) -> None:
    append(database, change("1"), change("2", kind=Kind.DELETED))
    with served.client(READER) as client:
        answer = client.get("/feed")
    assert answer.headers["content-type"] == "application/cloudevents-batch+json"
    with database.read() as session:
        rows = history.read(session)
        sent = [events.body(events.cloud_event(history.change_of(row), seq=row.seq or 0, id=row.id)) for row in rows]
    assert answer.content == b"[" + b",".join(sent) + b"]"
    assert answer.json()[1]["method"] == "DELETE"
    assert answer.headers["mirrorpoint-latest"] == "2"
    assert answer.headers["cache-control"] == "private, no-cache"
    assert answer.headers["vary"] == "Authorization, Accept"


@pytest.mark.parametrize("query", ["", "?lastEventId=", "?lastEventId=null"])
def test_no_cursor_is_the_beginning(served: Served, database: Database, query: str) -> None:
    append(database, change("1"), change("2"))
    with served.client(READER) as client:
        assert keys(client.get(f"/feed{query}")) == ["1", "2"]


def test_an_event_is_a_cursor_and_so_is_a_number_and_a_time(served: Served, database: Database) -> None:
    append(database, *(change(str(number), at=number) for number in range(1, 6)))
    with served.client(READER) as client:
        first = client.get("/feed?limit=2")
        assert keys(client.get("/feed", params={"lastEventId": ids(first)[-1]})) == ["3", "4", "5"]
        assert keys(client.get("/feed", headers={"Last-Event-ID": ids(first)[0]})) == ["2", "3", "4", "5"]
        assert keys(client.get("/feed?after=4")) == ["5"]
        assert keys(client.get("/feed?since=2026-11-22T12:00:04Z")) == ["4", "5"]
        assert keys(client.get("/feed?since=2030-01-01T00:00:00Z")) == []
        assert keys(client.get(first.links["next"]["url"])) == ["3", "4"]


def test_the_end_is_an_empty_array(served: Served, database: Database) -> None:
    append(database, change("1"))
    with served.client(READER) as client:
        answer = client.get("/feed?after=1")
        assert answer.json() == []
        assert answer.links["next"]["url"] == "/feed?lastEventId=" + ids(client.get("/feed"))[0]


def test_filters_narrow_it_down_and_stay_in_the_next_link(served: Served, database: Database) -> None:
    append(
        database,
        change("1"),
        change("2", resource="parts"),
        change("3", kind=Kind.DELETED),
        change("4", resource="drafts"),
    )
    with served.client(READER) as client:
        assert keys(client.get("/feed?resource=part*&resource=drafts")) == ["2", "4"]
        assert keys(client.get("/feed?resource=shop:things,parts")) == ["1", "2", "3"]
        assert keys(client.get("/feed?kind=deleted")) == ["3"]
        answer = client.get("/feed?resource=parts&limit=1")
        assert answer.links["next"]["url"] == f"/feed?resource=parts&limit=1&lastEventId={ids(answer)[0]}"
        assert keys(client.get("/feed?resource=nothing_such*")) == []


def test_a_reader_who_sees_few_is_not_left_behind_by_an_empty_page(served: Served, database: Database) -> None:
    append(database, change("first"))
    append(database, *(change(str(number), resource="parts") for number in range(2500)))
    append(database, change("last"))
    with served.client(READER) as client:
        page = client.get("/feed?resource=things&limit=1")
        assert keys(page) == ["first"]
        assert keys(client.get("/feed", params={"resource": "things", "lastEventId": ids(page)[0]})) == ["last"]


def test_a_point_sees_what_its_routes_send_it(served: Served, database: Database) -> None:
    append(
        database,
        change("1"),
        change("2", kind=Kind.CREATED),
        change("3", resource="parts"),
        *(change(f"s{number}", kind=Kind.SNAPSHOT) for number in range(1200)),
        change("4", kind=Kind.DELETED),
    )
    with served.client("pulls-token-12345") as client:
        assert keys(client.get("/feed")) == ["1", "4"]
        assert keys(client.get("/feed?kind=deleted")) == ["4"]
        assert keys(client.get("/feed?kind=created")) == []
        assert client.get("/changes").status_code == 403
    with served.client() as client:
        assert keys(client.get("/feed", auth=("PULLS", "pulls-token-12345"))) == ["1", "4"]
        assert client.get("/feed", auth=("OTHER", "pulls-token-12345")).status_code == 401


def test_compact_gives_the_last_version_of_each_record_alone(served: Served, database: Database) -> None:
    append(
        database,
        change("1", version=1, kind=Kind.SNAPSHOT),
        change("2", version=1, kind=Kind.SNAPSHOT),
        change("1", version=2),
        change("2", version=2, kind=Kind.DELETED),
        change("3", version=1),
    )
    with served.client(READER) as client:
        answer = client.get("/feed?compact=true")
    assert [(each["data"]["key"], each["data"]["version"]) for each in answer.json()] == [("1", 2), ("2", 2), ("3", 1)]


def test_an_erased_change_comes_without_content_and_stays_a_cursor(served: Served, database: Database) -> None:
    append(database, change("1"), change("2"))
    with database.write() as session:
        session.execute(update(ChangeRow).where(text("seq = 1")).values(salt=None, document=None, previous={}))
    with served.client(READER) as client:
        erased, _ = client.get("/feed").json()
        assert erased["erased"] is True
        assert not {"document", "previous"} & erased["data"].keys()
        assert keys(client.get("/feed", params={"lastEventId": erased["id"]})) == ["2"]


@pytest.mark.parametrize("query", ["lastEventId=0197f0f0-0000-7000-8000-000000000000", "lastEventId=x", "after=99"])
def test_a_cursor_that_is_not_known_here_is_gone_and_never_a_gap(
    served: Served, database: Database, query: str
) -> None:
    append(database, change("1"))
    with served.client(READER) as client:
        answer = client.get(f"/feed?{query}")
    assert answer.status_code == 410
    assert answer.headers["content-type"] == "application/problem+json"
    told = answer.json()
    assert (told["oldest"], told["latest"]) == (1, 1)
    assert "begin anew" in told["hint"]


def test_a_place_before_the_oldest_that_is_kept_is_gone(served: Served, database: Database) -> None:
    append(database, *(change(str(number)) for number in range(1, 6)))
    with database.write() as session:
        session.execute(text("DELETE FROM mirrorpoint_change WHERE seq < 4"))
    with served.client(READER) as client:
        assert client.get("/feed?after=1").status_code == 410
        assert keys(client.get("/feed?after=3")) == ["4", "5"]
        assert keys(client.get("/feed")) == ["4", "5"]


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=5001", "limit=x", "after=-1", "after=x", "timeout=x", "kind=changed", "since=soon",
     "lastEventid=1", "after=1&lastEventId=x", "resource=mirrorpoint.*,things", "after=99999999999999999999"],
)  # fmt: skip
def test_nonsense_is_told_by_its_name(served: Served, database: Database, query: str) -> None:
    with served.client(READER) as client:
        answer = client.get(f"/feed?{query}")
    assert answer.status_code == 400
    assert query.partition("=")[0].split(".")[0][:5] in answer.text or "notices" in answer.text


def test_what_did_not_change_is_not_sent_again(served: Served, database: Database) -> None:
    append(database, change("1"))
    with served.client(READER) as client:
        tag = client.get("/feed").headers["etag"]
        assert client.get("/feed", headers={"If-None-Match": tag}).status_code == 304
        append(database, change("2"))
        assert client.get("/feed", headers={"If-None-Match": tag}).status_code == 200


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


def test_notices_are_a_log_of_their_own(served: Served, database: Database) -> None:
    append(database, change("1"))
    with database.write() as session:
        first = notices.add(session, type="mirrorpoint.sealed", subject="record/changes", data={}, now=NOON)
    with database.write() as session:
        second = notices.add(session, type="mirrorpoint.point_dead", subject="points/A", data={}, now=NOON)
    with served.client(READER) as client:
        assert keys(client.get("/feed")) == ["1"]
        assert ids(client.get("/feed?resource=mirrorpoint.*")) == [first, second]
        assert ids(client.get("/feed", params={"resource": "mirrorpoint.*", "lastEventId": first})) == [second]
        assert ids(client.get("/feed?resource=mirrorpoint.point_dead")) == [second]
    with served.client("pulls-token-12345") as client:
        assert ids(client.get("/feed?resource=mirrorpoint.*")) == []


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
