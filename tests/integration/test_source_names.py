"""Looking up the name of a source and reaching one of its addresses costs no more than the time-out."""

from __future__ import annotations

import socket
import threading
import time
from typing import Any

import pytest

from tests.integration.scripted_server import ScriptedServer, json_reply
from tests.integration.sources import THINGS, client_of
from upstream.errors import Unreachable
from upstream.throttle import Stopped


def test_a_name_that_is_never_looked_up_costs_the_time_out_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    is_over = threading.Event()

    def hang(*_: object, **__: object) -> list[Any]:
        is_over.wait(60)
        raise socket.gaierror(socket.EAI_AGAIN, "no name server answers")

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    begun = time.monotonic()
    with (
        client_of("http://far.example.com", timeout_seconds=0.3) as client,
        pytest.raises(Unreachable, match=r"no connection within 0\.3 s"),
    ):
        client.probe(THINGS)
    is_over.set()
    assert time.monotonic() - begun < 1.5


def test_looking_a_name_up_ends_when_the_process_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    is_over, stopping = threading.Event(), threading.Event()

    def hang(*_: object, **__: object) -> list[Any]:
        stopping.set()
        is_over.wait(60)
        raise socket.gaierror(socket.EAI_AGAIN, "no name server answers")

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    with (
        client_of("http://far.example.com", timeout_seconds=60, stopping=stopping) as client,
        pytest.raises(Stopped),
    ):
        client.probe(THINGS)
    is_over.set()


def test_a_name_with_addresses_that_do_not_answer_leaves_time_for_the_one_that_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shares: dict[str, float] = {}

    def dial(address: tuple[str, int], timeout: float, **_: object) -> socket.socket:
        shares[address[0]] = timeout
        if address[0].startswith("198."):
            raise TimeoutError
        opened = socket.socket()
        opened.settimeout(timeout)
        opened.connect(("127.0.0.1", server.port))
        return opened

    def resolve(_: str, port: int, **__: object) -> list[Any]:
        names = ("198.51.100.1", "198.51.100.2", "198.51.100.3", "203.0.113.4", "203.0.113.5")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (name, port)) for name in names]

    monkeypatch.setattr(socket, "create_connection", dial)
    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    with ScriptedServer() as server, client_of("http://far.example.com", timeout_seconds=12) as client:
        server.on("GET", "/things", json_reply([{"id": 1}]))
        assert client.probe(THINGS).rows == [{"id": 1}]
    assert ["198.51.100.1", "198.51.100.2", "198.51.100.3", "203.0.113.4"] == list(shares)
    assert 2.5 < shares["198.51.100.1"] <= 3
