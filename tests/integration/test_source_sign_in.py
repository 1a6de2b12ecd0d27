"""Signing in at a source, and tokens that end or are refused in the middle."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.integration.scripted_server import Reply, Request, ScriptedServer, json_reply
from tests.integration.sources import SIGN_IN, THINGS, client_of
from tests.made_up_time import MadeUpTime
from upstream.auth import LocalTokenStore
from upstream.errors import CredentialsRefused, Overloaded, SecondFactorDemanded


class Door:
    """Gives out tokens and takes only the newest."""

    def __init__(self, server: ScriptedServer) -> None:
        self.server = server
        self.lock = threading.Lock()
        self.number = 0
        server.on("POST", "/signin", self.let_in)
        server.on("POST", "/refresh", self.let_in)
        server.on("GET", "/things", self.things)

    def let_in(self, request: Request) -> Reply:
        with self.lock:
            self.number += 1
            return json_reply(
                {"accessToken": {"token": f"a{self.number}"}, "refreshToken": {"token": f"r{self.number}"}}
            )

    def things(self, request: Request) -> Reply:
        if request.headers.get("authorization") != f"Bearer a{self.number}":
            return json_reply({"message": "expired"}, 401)
        return json_reply([{"id": 1}])

    def revoke(self) -> None:
        with self.lock:
            self.number += 1


def posts(server: ScriptedServer) -> list[str]:
    return [request.path for request in server.requests if request.method == "POST"]


def test_the_token_is_renewed_in_the_middle_of_a_walk(server: ScriptedServer) -> None:
    door = Door(server)
    with client_of(server.url, method="sign-in", values=SIGN_IN) as client:
        client.probe(THINGS)
        door.revoke()
        assert client.probe(THINGS).rows == [{"id": 1}]
        assert client.requests_made == 5
    assert posts(server) == ["/signin", "/refresh"]
    assert server.asked("POST", "/signin")[0].json() == SIGN_IN
    assert server.asked("POST", "/refresh")[0].json() == {"refreshToken": "r1"}
    assert "authorization" not in server.asked("POST", "/refresh")[0].headers


def test_many_threads_of_several_clients_renew_a_token_once(server: ScriptedServer) -> None:
    door = Door(server)
    store, time = LocalTokenStore(), MadeUpTime()
    clients = [client_of(server.url, method="sign-in", values=SIGN_IN, store=store, time=time) for _ in range(2)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda turn: clients[turn % 2].probe(THINGS), range(16)))
        assert posts(server) == ["/signin"]
        door.revoke()
        list(pool.map(lambda turn: clients[turn % 2].probe(THINGS), range(16)))
    assert posts(server) == ["/signin", "/refresh"]
    for client in clients:
        client.close()


def test_a_new_token_that_is_refused_too_stops_the_source(server: ScriptedServer) -> None:
    Door(server)
    server.on("GET", "/things", json_reply({"message": "a1 and a2 are no good"}, 401))
    with client_of(server.url, method="sign-in", values=SIGN_IN) as client, pytest.raises(CredentialsRefused) as raised:
        client.probe(THINGS)
    assert posts(server) == ["/signin", "/refresh"]
    assert "hunter2" not in str(raised.value)


def test_refused_credentials_stop_the_source(server: ScriptedServer) -> None:
    server.on("POST", "/signin", json_reply({"message": "hunter2 is wrong"}, 401))
    with client_of(server.url, method="sign-in", values=SIGN_IN) as client:
        for _ in range(3):
            with pytest.raises(CredentialsRefused, match="the sign-in answered 401") as raised:
                client.probe(THINGS)
            assert "hunter2" not in str(raised.value)
    assert posts(server) == ["/signin"]


def test_a_second_factor_stops_the_source(server: ScriptedServer) -> None:
    server.on("POST", "/signin", json_reply({"2faRequired": True, "2faDetails": {"token": "x", "provider": "email"}}))
    with client_of(server.url, method="sign-in", values=SIGN_IN) as client, pytest.raises(SecondFactorDemanded):
        client.probe(THINGS)
    assert posts(server) == ["/signin"]


def test_a_sign_in_in_trouble_is_tried_again(server: ScriptedServer) -> None:
    door = Door(server)
    server.on("POST", "/signin", json_reply({}, 500), Reply(is_never_sent=True), door.let_in)
    with client_of(server.url, method="sign-in", values=SIGN_IN) as client:
        assert client.probe(THINGS).rows == [{"id": 1}]
    assert posts(server) == ["/signin"] * 3


def test_a_sign_in_that_is_blocked_leaves_the_source_alone(server: ScriptedServer) -> None:
    Door(server)
    server.on("POST", "/signin", json_reply({}, 429))
    with client_of(server.url, method="sign-in", values=SIGN_IN) as client:
        for _ in range(3):
            with pytest.raises(Overloaded):
                client.probe(THINGS)
    assert posts(server) == ["/signin"]


def test_a_sign_in_that_redirects_keeps_the_password(server: ScriptedServer) -> None:
    with ScriptedServer() as other:
        for status in (302, 307, 308):
            server.on("POST", "/signin", Reply(status, headers={"Location": other.url}))
            with (
                client_of(server.url, method="sign-in", values=SIGN_IN) as client,
                pytest.raises(CredentialsRefused, match=r"the sign-in answered 30., a redirect to"),
            ):
                client.probe(THINGS)
        assert other.requests == []


@pytest.mark.parametrize(
    ("body", "why"), [(b"", "it is empty"), (b" \n", "it is empty"), (b"OK", ""), (b"[]", "it is not an object")]
)
def test_a_sign_in_that_answers_200_without_an_object_stops_the_source_and_gets_the_password_once(
    server: ScriptedServer, body: bytes, why: str
) -> None:
    server.on("POST", "/signin", Reply(200, body))
    with client_of(server.url, method="sign-in", values=SIGN_IN) as client:
        for _ in range(3):
            with pytest.raises(CredentialsRefused, match=f"the sign-in's answer is of no use: {why}") as raised:
                client.probe(THINGS)
            assert "base_url" in raised.value.hint
    assert posts(server) == ["/signin"]


def test_an_answer_of_the_sign_in_that_was_cut_is_tried_again(server: ScriptedServer) -> None:
    door = Door(server)
    server.on("POST", "/signin", Reply(200, b'{"accessToken": {"tok'), door.let_in)
    with client_of(server.url, method="sign-in", values=SIGN_IN) as client:
        assert client.probe(THINGS).rows == [{"id": 1}]
    assert posts(server) == ["/signin"] * 2


def test_what_is_said_of_a_source_that_is_left_alone_is_true_where_its_sign_in_failed(server: ScriptedServer) -> None:
    server.on("POST", "/signin", json_reply({}, 503))
    with client_of(server.url, method="sign-in", values=SIGN_IN) as client:
        with pytest.raises(Overloaded, match="the sign-in answered 503"):
            client.probe(THINGS)
        with pytest.raises(Overloaded, match="it or its sign-in answered 429 or 503; it is left alone for 60 s"):
            client.probe(THINGS)
    assert posts(server) == ["/signin"]


def test_tokens_that_are_refused_again_and_again_do_not_lead_to_too_many_sign_ins(server: ScriptedServer) -> None:
    door, time = Door(server), MadeUpTime()
    server.on("POST", "/refresh", json_reply({}, 401))
    tried: list[float] = []

    def let_in(request: Request) -> Reply:
        tried.append(time.now)
        return door.let_in(request)

    server.on("POST", "/signin", let_in)
    with client_of(server.url, method="sign-in", values=SIGN_IN, time=time) as client:
        for _ in range(10):
            client.probe(THINGS)
            door.revoke()
    assert len(tried) == 10
    assert all(later - earlier >= 60 for earlier, later in zip(tried, tried[4:], strict=False))
