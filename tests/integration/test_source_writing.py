"""Creating, changing, deleting and looking up records at a source."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from changes.records import Id
from tests.integration.scripted_server import Reply, ScriptedServer, json_reply
from tests.integration.sources import client_of
from upstream import writing
from upstream.errors import MalformedResponse, NotAvailable, Overloaded, Rejected, ServerError, Unreachable
from upstream.writing import Writer


@pytest.fixture
def writer(server: ScriptedServer) -> Iterator[Writer]:
    with Writer(client_of(server.url)) as writer:
        yield writer


@pytest.mark.parametrize("status", [200, 201, 202])
def test_a_record_is_created_by_a_post_to_its_list(server: ScriptedServer, writer: Writer, status: int) -> None:
    server.on("POST", "/things/a%2Fb/parts", json_reply({"partId": 5}, status))
    assert writer.create("parts", {"name": "ü"}, parent_key="a%2Fb") == {"partId": 5}
    (request,) = server.requests
    assert (request.json(), request.headers["content-type"]) == ({"name": "ü"}, "application/json")


@pytest.mark.parametrize("status", [201, 202, 204])
def test_a_creation_may_be_answered_with_nothing(server: ScriptedServer, writer: Writer, status: int) -> None:
    server.on("POST", "/things", Reply(status))
    assert writer.create("things", {}) is None


@pytest.mark.parametrize("method", ["PATCH", "PUT"])
def test_a_record_is_changed_on_its_own_path(server: ScriptedServer, writer: Writer, method: str) -> None:
    server.on(method, "/things/7", json_reply({"id": 7, "name": "b"}))
    answers = [
        writer.update("things", each, {"name": "b"}, method="PUT" if method == "PUT" else "PATCH")
        for each in (7, "7", Id("", "7"))
    ]
    assert answers == [{"id": 7, "name": "b"}] * 3
    assert [request.json() for request in server.requests] == [{"name": "b"}] * 3


def test_a_record_is_deleted_and_one_that_was_not_there_is_told(server: ScriptedServer, writer: Writer) -> None:
    server.on("DELETE", "/things/7/parts/x", Reply(204), json_reply({}, 404))
    assert writer.delete("parts", Id("7", "x")) is True
    assert writer.delete("parts", Id("7", "x")) is False


def test_a_lookup_answers_with_ids(server: ScriptedServer, writer: Writer) -> None:
    not_found = json_reply({"error_code": 1404, "error_message": "Lookup failed"}, 404)
    server.on("LOOKUP", "/things", json_reply(["6b1c", 7]), not_found)
    assert writer.lookup("things", "AUDIT") == ["6b1c", "7"]
    assert writer.lookup("things", "nobody") == []
    assert [request.json() for request in server.requests] == ["AUDIT", "nobody"]


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (json_reply({"message": "no route"}, 404), NotAvailable),
        (Reply(404, b"<html>"), MalformedResponse),
        (Reply(404), NotAvailable),
        (json_reply({}, 405), NotAvailable),
        (json_reply({"id": 1}), MalformedResponse),
        (json_reply([{"id": 1}]), MalformedResponse),
    ],
    ids=str,
)
def test_a_lookup_of_a_source_that_has_none_is_an_error(
    server: ScriptedServer, writer: Writer, reply: Reply, expected: type[Exception]
) -> None:
    server.on("LOOKUP", "/things", reply)
    with pytest.raises(expected):
        writer.lookup("things", "x")


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (json_reply({}, 500), ServerError),
        (json_reply({}, 503), Overloaded),
        (Reply(is_never_sent=True), Unreachable),
        (Reply(201, b'{"id": 1}', cut_after=3), Unreachable),
        (Reply(201, b'{"id": '), MalformedResponse),
    ],
    ids=str,
)
def test_a_creation_that_may_have_happened_is_not_sent_again(
    server: ScriptedServer, writer: Writer, fault: Reply, expected: type[Exception]
) -> None:
    server.on("POST", "/things", fault)
    with pytest.raises(expected):
        writer.create("things", {})
    assert len(server.requests) == 1


def test_a_creation_that_was_turned_away_is_sent_again(server: ScriptedServer, writer: Writer) -> None:
    server.on("POST", "/things", json_reply({}, 429, headers={"Retry-After": "3"}), json_reply({"id": 1}, 201))
    assert writer.create("things", {}) == {"id": 1}


def test_deletions_and_replacements_are_sent_again(server: ScriptedServer, writer: Writer) -> None:
    server.on("DELETE", "/things/7", Reply(is_never_sent=True), json_reply({}, 500), Reply(204))
    server.on("PUT", "/things/7", Reply(is_never_sent=True), Reply(204))
    assert writer.delete("things", 7) is True
    assert writer.update("things", 7, {}, method="PUT") is None


def test_a_refusal_says_why_without_the_secrets_that_were_sent(server: ScriptedServer, writer: Writer) -> None:
    body = {"message": "login bobby with hunter2 does not work"}
    server.on("POST", "/things", json_reply(body, 422))
    with pytest.raises(Rejected, match=r"login … with … does not work"):
        writer.create("things", {"options": {"login": "bobby", "deep": [{"password": "hunter2"}]}})


def test_an_unknown_resource_is_told_with_the_nearest_known(writer: Writer) -> None:
    with pytest.raises(ValueError, match='no resource "thigns", "things" perhaps'):
        writer.create("thigns", {})


def test_records_without_a_path_of_their_own_cannot_be_changed(writer: Writer) -> None:
    with pytest.raises(NotAvailable, match="no path of its own"):
        writer.delete("names", "a")


def test_a_writer_is_one_call_away(server: ScriptedServer) -> None:
    server.on("POST", "/api/v2/signin", json_reply({"2faRequired": False, "accessToken": {"token": "a1"}}))
    server.on("POST", "/api/v2/products", json_reply({"id": 1}, 201))
    server.on("DELETE", "/api/v2/products/1", Reply(204))
    auth = {"method": "sign-in", "email": "me@example.com", "password": "pw"}
    with writing.connect(base_url=server.url, auth=auth) as writer:
        product = writer.create("products", {"name": "gold"})
        assert writer.delete("products", product["id"]) is True
    assert [request.headers.get("authorization") for request in server.requests] == [None, "Bearer a1", "Bearer a1"]


def test_all_six_verbs_of_integration_points_are_there(server: ScriptedServer) -> None:
    path = "/rest/v1/service/integration_points"
    point = {"id": "6b1c", "code": "AUDIT", "type": "public"}
    server.on("POST", path, json_reply(point))
    server.on("GET", path, json_reply([point]))
    server.on("LOOKUP", path, json_reply(["6b1c"]))
    server.on("GET", f"{path}/6b1c", json_reply(point))
    server.on("PATCH", f"{path}/6b1c", json_reply(point))
    server.on("DELETE", f"{path}/6b1c", Reply(204))
    auth = {"method": "basic", "username": "me", "password": "pw"}
    with writing.connect(base_url=server.url, catalogue="integration-platform", auth=auth) as writer:
        points = writer.client.catalogue.resources["integration_points"]
        assert writer.create("integration_points", {"code": "AUDIT", "type": "public"}) == point
        assert writer.lookup("integration_points", "AUDIT") == ["6b1c"]
        assert writer.client.fetch_page(points, limit=10).rows == [point]
        assert writer.client.fetch_record(points, Id("", "6b1c")) == point
        assert writer.update("integration_points", "6b1c", {"url": "http://trapper.com"}) == point
        assert writer.delete("integration_points", "6b1c") is True
