"""Asking for pages by their number, by a cursor and by a link."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.scripted_server import Reply, ScriptedServer, json_reply
from tests.integration.sources import client_of
from upstream import catalogue
from upstream.client import SourceClient
from upstream.errors import MalformedResponse

CATALOGUE = catalogue.parse(
    """
    [source]
    paging = { style = "page", limit = "per_page", page = "page" }

    [resources.numbered]
    path = "/numbered"
    params = { only = "new" }

    [resources.from_zero]
    path = "/from-zero"
    paging = { style = "page", first = 0 }

    [resources.cursors]
    path = "/cursors"
    params = { only = "new" }
    paging = { style = "cursor", cursor = "after", next = "/meta/next" }

    [resources.linked]
    path = "/linked"
    paging = { style = "link", next = "/next" }

    [resources.headed]
    path = "/headed"
    paging = { style = "link", next = "Link" }
    """,
    name="shop",
    origin="tests",
)
NUMBERED, FROM_ZERO, CURSORS, LINKED, HEADED = CATALOGUE.resources.values()


@pytest.fixture
def client(server: ScriptedServer) -> Iterator[SourceClient]:
    with client_of(f"{server.url}/api", method="bearer", values={"token": "s3cret/1"}) as client:
        client.catalogue = CATALOGUE
        yield client


def test_a_page_is_asked_for_by_its_number(server: ScriptedServer, client: SourceClient) -> None:
    server.on("GET", "/api/numbered", json_reply([]))
    server.on("GET", "/api/from-zero", json_reply([]))
    for resource, offset in ((NUMBERED, 0), (NUMBERED, 40), (FROM_ZERO, 0), (FROM_ZERO, 20)):
        client.fetch_page(resource, offset=offset, limit=20, in_slices=True)

    assert [request.query for request in server.requests] == [
        {"only": "new", "per_page": "20", "page": "1"},
        {"only": "new", "per_page": "20", "page": "3"},
        {"limit": "20", "page": "0"},
        {"limit": "20", "page": "1"},
    ]
    with pytest.raises(ValueError, match="no page of 20 rows begins at 30"):
        client.fetch_page(NUMBERED, offset=30, limit=20)


def test_a_cursor_goes_with_the_same_parameters_as_the_first_page(server: ScriptedServer, client: SourceClient) -> None:
    server.on("GET", "/api/cursors", json_reply({"data": [{"id": 1}], "meta": {"next": "a b"}}), json_reply([]))
    first = client.fetch_page(CURSORS, limit=20, in_slices=True)
    client.fetch_page(CURSORS, limit=20, offset=1, cursor=first.next or "", in_slices=True)

    assert (first.rows, first.slices, first.next) == ([{"id": 1}], None, "a b")
    assert [request.query for request in server.requests] == [
        {"only": "new", "limit": "20"},
        {"only": "new", "limit": "20", "after": "a b"},
    ]


def test_a_link_is_followed_as_it_is_and_holds_no_secret_of_ours(server: ScriptedServer, client: SourceClient) -> None:
    link = f"{server.url}/elsewhere/linked?key=s3cret%2F1&b=%2f&a=+&b=2"
    server.on("GET", "/api/linked", json_reply({"data": [], "next": link}))
    server.on("GET", "/elsewhere/linked", json_reply({"data": [], "next": "?last"}))
    server.on("GET", "/api/headed", json_reply([], headers={"Link": '<headed?page=2>; rel="next"'}))
    first = client.fetch_page(LINKED, limit=20)
    second = client.fetch_page(LINKED, limit=20, cursor=first.next or "")
    headed = client.fetch_page(HEADED, limit=20)
    client.fetch_page(HEADED, limit=20, cursor=headed.next or "")

    assert first.next == "/elsewhere/linked?key={secret:0}&b=%2f&a=+&b=2"
    assert second.next == "/elsewhere/linked?last"
    assert [request.target for request in server.requests] == [
        "/api/linked?limit=20",
        "/elsewhere/linked?key=s3cret%2F1&b=%2f&a=+&b=2",
        "/api/headed?limit=20",
        "/api/headed?page=2",
    ]


def test_credentials_follow_no_link_to_another_origin(client: SourceClient, server: ScriptedServer) -> None:
    with ScriptedServer() as other:
        server.on("GET", "/api/linked", json_reply({"data": [], "next": f"{other.url}/api/linked?key=s3cret/1"}))
        with pytest.raises(MalformedResponse) as caught:
            client.fetch_page(LINKED, limit=20)

    assert f"leads to {other.url}, not to {server.url}. Credentials are sent to base_url alone" in str(caught.value)
    assert "s3cret" not in str(caught.value)
    assert (len(server.requests), other.requests) == (1, [])


KEYED = catalogue.parse(
    """
    [source]
    params = { api_key = "env:KEY", version = "2" }
    paging = { style = "link", next = "/next" }

    [source.sign_in]
    path = "/sign-in"
    token = "/token"

    [resources.linked]
    path = "/linked"
    """,
    name="shop",
    origin="tests",
)


def test_a_link_is_sent_with_the_secrets_of_now_and_with_those_that_it_lacks(server: ScriptedServer) -> None:
    replies = [json_reply({"token": f"t0ken-{number}"}) for number in (1, 2, 3)]
    server.on("POST", "/api/sign-in", *replies)
    server.on("GET", "/api/linked", json_reply({"data": [], "next": "?token=t0ken-1&page=2"}))
    with client_of(f"{server.url}/api", method="sign-in", texts={"env:KEY": "k3y"}, of=KEYED) as client:
        first = client.fetch_page(KEYED.resources["linked"], limit=20)
    server.on("GET", "/api/linked", Reply(401), json_reply({"data": []}))
    with client_of(f"{server.url}/api", method="sign-in", texts={"env:KEY": "k3y"}, of=KEYED) as client:
        client.fetch_page(KEYED.resources["linked"], limit=20, cursor=first.next or "")

    assert "t0ken" not in str(first.next)
    assert "k3y" not in str(first.next)
    assert [request.query for request in server.asked("GET", "/api/linked")] == [
        {"api_key": "k3y", "version": "2", "limit": "20"},
        {"token": "t0ken-2", "page": "2", "api_key": "k3y"},
        {"token": "t0ken-3", "page": "2", "api_key": "k3y"},
    ]
