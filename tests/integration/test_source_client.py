"""Reading pages and records from a source that behaves."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from changes.records import Id
from changes.resources import join_keys
from tests.integration.scripted_server import Reply, Request, ScriptedServer, json_reply
from tests.integration.sources import NAMES, PARTS, SETTINGS, THINGS, client_of
from tests.made_up_time import MadeUpTime
from upstream.errors import MalformedResponse, NotAvailable, Rejected
from upstream.raw_page import RawPage


def test_a_page_is_asked_for_by_limit_offset_and_order(server: ScriptedServer) -> None:
    server.on("GET", "/things", json_reply({"total": 3, "data": [{"id": 2}, {"id": 3}]}))
    time = MadeUpTime()
    with client_of(server.url, time=time, language="de") as client:
        page = client.fetch_page(THINGS, offset=1, limit=2)
        assert client.requests_made == 1
    assert page == RawPage([{"id": 2}, {"id": 3}], 3, 44, datetime.fromtimestamp(time.now, UTC))
    (request,) = server.requests
    assert request.query == {"limit": "2", "offset": "1", "sort_by": "id", "sort_order": "asc"}
    sent = [request.headers.get(name) for name in ("accept", "accept-language", "user-agent", "authorization")]
    assert sent == ["application/json", "de", "mirrorpoint", None]


def test_the_newest_come_first_where_the_source_can_sort_so(server: ScriptedServer) -> None:
    server.on("GET", "/things", json_reply([]))
    with client_of(server.url) as client:
        client.fetch_page(THINGS, limit=2, newest_first=True)
        assert [client.can_sort_newest_first(each) for each in (THINGS, PARTS, NAMES)] == [True, False, False]
        with pytest.raises(ValueError, match="parts cannot be listed with the newest first"):
            client.fetch_page(PARTS, parent_key="1", limit=2, newest_first=True)
    assert server.requests[0].query == {"limit": "2", "offset": "0", "sort_by": "createTime", "sort_order": "desc"}


def test_lists_of_texts_and_single_objects_are_asked_for_without_paging(server: ScriptedServer) -> None:
    server.on("GET", "/names", json_reply(["a", "b"]))
    server.on("GET", "/things/7/settings", json_reply({"login": {"value": "x"}}))
    with client_of(server.url) as client:
        names = client.fetch_page(NAMES, limit=100)
        settings = client.fetch_page(SETTINGS, parent_key="7", limit=100)
    assert (names.rows, names.total) == (["a", "b"], None)
    assert settings.rows == [{"login": {"value": "x"}}]
    assert [request.query for request in server.requests] == [{}, {}]


@pytest.mark.parametrize(
    ("key", "segment"),
    [
        ("42", "42"),
        ("a/b", "a%2Fb"),
        ("a%2Fb", "a%252Fb"),
        ("ключ 🔑", "%D0%BA%D0%BB%D1%8E%D1%87%20%F0%9F%94%91"),
        ("?x=1&y#z", "%3Fx%3D1%26y%23z"),
        ("..", "%2E%2E"),
        (".", "%2E"),
        ("a.b", "a.b"),
        (" ", "%20"),
        ("a\\b;c", "a%5Cb%3Bc"),
        ("\x00\n", "%00%0A"),
        ("{key}", "%7Bkey%7D"),
    ],
)
def test_any_text_can_be_a_key(server: ScriptedServer, key: str, segment: str) -> None:
    server.on("GET", f"/things/{segment}", json_reply({"id": key}))
    server.on("GET", f"/things/{segment}/parts", json_reply([{"partId": 1}]))
    server.on("GET", f"/things/{segment}/parts/{segment}", json_reply({"partId": key}))
    with client_of(server.url) as client:
        parent_key = join_keys((key,))
        assert client.fetch_record(THINGS, Id("", key)) == {"id": key}
        assert client.fetch_page(PARTS, parent_key=parent_key, limit=1).rows == [{"partId": 1}]
        assert client.fetch_record(PARTS, Id(parent_key, key)) == {"partId": key}
    assert [request.path for request in server.requests] == [
        f"/things/{segment}",
        f"/things/{segment}/parts",
        f"/things/{segment}/parts/{segment}",
    ]
    assert server.requests[1].query == {"filter[type]": "a b", "limit": "1", "offset": "0"}


@pytest.mark.parametrize("suffix", ["/prefix/api", "/prefix/api/", "/prefix/api//"])
def test_a_base_url_may_have_a_path(server: ScriptedServer, suffix: str) -> None:
    server.on("GET", "/prefix/api/things", json_reply([]))
    with client_of(server.url + suffix) as client:
        assert client.probe(THINGS).rows == []


def test_the_keys_of_all_parents_are_needed(server: ScriptedServer) -> None:
    with client_of(server.url) as client, pytest.raises(ValueError, match="needs the keys of 1 parents, not of 0"):
        client.fetch_page(PARTS, limit=1)


@pytest.mark.parametrize(
    "body",
    [
        {"id": 7, "name": "x"},
        {"data": {"id": 7, "name": "x"}},
        {"total": 1, "data": {"id": 7, "name": "x"}},
        {"success": True, "thing": {"id": 7, "name": "x"}},
        {"id": 7.0, "name": "x"},
    ],
    ids=str,
)
def test_a_record_may_be_wrapped(server: ScriptedServer, body: object) -> None:
    server.on("GET", "/things/7", json_reply(body))
    with client_of(server.url) as client:
        assert client.fetch_record(THINGS, Id("", "7")) == {"id": 7, "name": "x"}


def test_a_record_with_a_member_called_data_is_no_wrapping(server: ScriptedServer) -> None:
    server.on("GET", "/things/7", json_reply({"id": 7, "data": {"id": 8}}))
    with client_of(server.url) as client:
        assert client.fetch_record(THINGS, Id("", "7")) == {"id": 7, "data": {"id": 8}}


@pytest.mark.parametrize("status", [404, 410])
def test_a_record_that_is_gone_is_none(server: ScriptedServer, status: int) -> None:
    server.on("GET", "/things/7", json_reply({"message": "no"}, status))
    with client_of(server.url) as client:
        assert client.fetch_record(THINGS, Id("", "7")) is None


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (json_reply({}, 403), NotAvailable),
        (json_reply({}, 405), NotAvailable),
        (json_reply({}, 400), Rejected),
        (json_reply({"id": 8}), MalformedResponse),
        (json_reply([{"id": 7}]), MalformedResponse),
        (json_reply(None), MalformedResponse),
        (json_reply("7x"), MalformedResponse),
        (json_reply({}), MalformedResponse),
        (json_reply({"data": None, "success": False}), MalformedResponse),
        (Reply(200), MalformedResponse),
        (Reply(204), MalformedResponse),
        (Reply(200, b"<html>"), MalformedResponse),
    ],
    ids=str,
)
def test_nothing_else_says_that_a_record_is_gone(
    server: ScriptedServer, reply: Reply, expected: type[Exception]
) -> None:
    server.on("GET", "/things/7", reply)
    with client_of(server.url) as client, pytest.raises(expected):
        client.fetch_record(THINGS, Id("", "7"))


def test_a_record_without_a_path_of_its_own_cannot_be_fetched(server: ScriptedServer) -> None:
    with client_of(server.url) as client:
        with pytest.raises(NotAvailable, match="no path of its own"):
            client.fetch_record(NAMES, Id("", "a"))
        with pytest.raises(NotAvailable, match="no path of its own"):
            client.fetch_record(THINGS, Id("", ""))
    assert server.requests == []


def test_whole_numbers_beyond_64_bits_stay_exact(server: ScriptedServer) -> None:
    server.on("GET", "/things", Reply(200, b'[{"id": 123456789012345678901234567890}]'))
    with client_of(server.url) as client:
        assert client.fetch_page(THINGS, limit=1).rows == [{"id": 123456789012345678901234567890}]


def test_cookies_of_the_source_are_not_sent_back(server: ScriptedServer) -> None:
    server.on("GET", "/things", json_reply([], headers={"Set-Cookie": "session=1; Path=/"}))
    with client_of(server.url) as client:
        client.probe(THINGS)
        client.probe(THINGS)
    assert [request.headers.get("cookie") for request in server.requests] == [None, None]


def test_a_client_can_be_closed_before_and_after_use(server: ScriptedServer) -> None:
    server.on("GET", "/things", json_reply([]))
    client_of(server.url).close()
    with client_of(server.url) as client:
        client.probe(THINGS)
        client.close()
        client.probe(THINGS)


def test_each_method_of_authorization_is_sent(server: ScriptedServer) -> None:
    server.on("GET", "/things", json_reply([]))
    for method, values in (
        ("bearer", {"token": "abc"}),
        ("basic", {"username": "bob", "password": "pw"}),
        ("header", {"name": "X-Token", "value": "abc"}),
    ):
        with client_of(server.url, method=method, values=values) as client:
            client.probe(THINGS)

    def credentials(request: Request) -> tuple[str | None, str | None]:
        return request.headers.get("authorization"), request.headers.get("x-token")

    assert [credentials(request) for request in server.requests] == [
        ("Bearer abc", None),
        ("Basic Ym9iOnB3", None),
        (None, "abc"),
    ]
