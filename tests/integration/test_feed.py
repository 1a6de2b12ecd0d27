"""The feed over HTTP: what it gives, from where, and to whom."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text, update

from changes import events
from changes.records import Kind
from storage import history, notices
from storage.engine import Database
from storage.tables import ChangeRow
from tests.integration import fed
from tests.integration.fed import PULLS, Fed, append, change, ids, keys
from tests.integration.web_server import READER, Served
from tests.shop import NOON


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


def test_no_cursor_is_the_beginning(served: Served, database: Database) -> None:
    append(database, change("1"), change("2"))
    with served.client(READER) as client:
        for query in ("", "?lastEventId=", "?lastEventId=null"):
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
    with served.client(PULLS) as client:
        assert keys(client.get("/feed")) == ["1", "4"]
        assert keys(client.get("/feed?kind=deleted")) == ["4"]
        assert keys(client.get("/feed?kind=created")) == []
        assert client.get("/changes").status_code == 403
    with served.client() as client:
        assert keys(client.get("/feed", auth=("PULLS", PULLS))) == ["1", "4"]
        assert client.get("/feed", auth=("OTHER", PULLS)).status_code == 401


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
        session.objects.execute(update(ChangeRow).where(text("seq = 1")).values(salt=None, document=None, previous={}))
    with served.client(READER) as client:
        erased, _ = client.get("/feed").json()
        assert erased["erased"] is True
        assert not {"document", "previous"} & erased["data"].keys()
        assert keys(client.get("/feed", params={"lastEventId": erased["id"]})) == ["2"]


def test_a_cursor_that_is_not_known_here_is_gone_and_never_a_gap(served: Served, database: Database) -> None:
    append(database, change("1"))
    unknown = ("lastEventId=0197f0f0-0000-7000-8000-000000000000", "lastEventId=x", "lastEventId=%00", "after=99")
    with served.client(READER) as client:
        for query in unknown:
            answer = client.get(f"/feed?{query}")
            assert answer.status_code == 410, query
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.headers["cache-control"] == "no-store"
            told = answer.json()
            assert (told["oldest"], told["latest"]) == (1, 1)
            assert "begin anew" in told["hint"]


def test_a_place_before_the_oldest_that_is_kept_is_gone(served: Served, database: Database) -> None:
    append(database, *(change(str(number)) for number in range(1, 6)))
    with database.write() as session:
        session.objects.execute(text("DELETE FROM mirrorpoint_change WHERE seq < 4"))
    with served.client(READER) as client:
        assert client.get("/feed?after=1").status_code == 410
        assert keys(client.get("/feed?after=3")) == ["4", "5"]
        assert keys(client.get("/feed")) == ["4", "5"]


def test_nonsense_is_told_by_its_name_and_so_is_a_resource_that_nobody_knows(
    served: Served, database: Database
) -> None:
    append(database, change("1", resource="retired"))
    with served.client(READER) as client:
        for query in ("limit=0", "kind=changed", "resource=thinsg", "resource=other:things"):
            answer = client.get(f"/feed?{query}")
            assert answer.status_code == 400, query
            assert query.partition("=")[0] in answer.json()["detail"]
        assert "things" in client.get("/feed?resource=thinsg").json()["hint"]
        assert client.get("/feed?resource=thinsg", headers={"Accept": "text/event-stream"}).status_code == 400
        assert keys(client.get("/feed?resource=drafts,shop:things")) == []
        assert keys(client.get("/feed?resource=retired")) == ["1"]


def test_what_did_not_change_is_not_sent_again(served: Served, database: Database) -> None:
    append(database, change("1"))
    with served.client(READER) as client:
        tag = client.get("/feed").headers["etag"]
        for given in (tag, f"W/{tag}", f'"other", {tag}', "*"):
            assert client.get("/feed", headers={"If-None-Match": given}).status_code == 304
        append(database, change("2"))
        assert client.get("/feed", headers={"If-None-Match": tag}).status_code == 200


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
    with served.client(PULLS) as client:
        assert ids(client.get("/feed?resource=mirrorpoint.*")) == []
