"""A connection on which a request does not come, or on which nothing is taken, is closed; any other is not."""

from __future__ import annotations

import json
import logging
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests import waiting
from tests.integration import fed
from tests.integration.fed import Fed, append, change, keys
from tests.integration.web_server import READER, Served
from web import patience

KNOWN = f"Host: localhost\r\nAuthorization: Bearer {READER}\r\n"
STREAM = f"GET /feed HTTP/1.1\r\n{KNOWN}Accept: text/event-stream\r\n\r\n".encode()
#: More than lies in buffers on the way.
MUCH = 40


@pytest.fixture
def feed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Fed]:
    monkeypatch.setattr(patience, "REQUEST_SECONDS", 0.5)
    monkeypatch.setattr(patience, "STALLED_SECONDS", 0.5)
    with fed.feeding(tmp_path, f"sqlite:///{tmp_path / 'mirror.db'}") as opened:
        yield opened


def connected(served: Served) -> socket.socket:
    address = httpx.URL(served.url)
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)  # so that little lies in buffers on the way
    made.settimeout(20)
    made.connect((address.host, address.port or 0))
    return made


def rest(connection: socket.socket) -> bytes:
    """All that comes until the other side closes."""
    found = b""
    try:
        while some := connection.recv(65536):
            found += some
    except ConnectionResetError:
        pass
    return found


@pytest.mark.parametrize("begun", [b"", b"GET / HT", b"GET /feed HTTP/1.1\r\nHost: localhost\r\n", STREAM[:-1]])
def test_a_request_that_does_not_come_closes_its_connection(feed: Fed, begun: bytes) -> None:
    with connected(feed.served) as connection:
        connection.sendall(begun)
        assert rest(connection) == b""


def test_whoever_sends_a_byte_now_and_then_is_not_waited_for_either(feed: Fed) -> None:
    with connected(feed.served) as connection:
        connection.settimeout(0.05)
        sent = 0

        def is_closed() -> bool:
            nonlocal sent
            try:
                connection.sendall(b"x")
                sent += 1
                return connection.recv(100) == b""
            except TimeoutError:
                return False
            except (ConnectionResetError, BrokenPipeError):
                return True

        waiting.until(is_closed, seconds=20)
    assert sent > 1


@pytest.mark.parametrize("before", [b"", f"GET /changes HTTP/1.1\r\n{KNOWN}\r\n".encode()])
def test_a_form_that_does_not_end_is_no_defect(feed: Fed, before: bytes, caplog: pytest.LogCaptureFixture) -> None:
    form = b"POST /login HTTP/1.1\r\nHost: localhost\r\nSec-Fetch-Site: none\r\nContent-Length: 100\r\n\r\ntoken="
    with caplog.at_level(logging.INFO), connected(feed.served) as connection:
        connection.sendall(before + form)
        assert rest(connection).count(b"HTTP/1.1 200") == (1 if before else 0)
    assert [each.getMessage() for each in caplog.records if each.levelno >= logging.ERROR] == []


def test_an_answer_may_take_longer_than_its_request(feed: Fed) -> None:
    append(feed.database, change("1"))
    with feed.served.client(READER) as client:
        for _ in range(2):  # on one connection
            began = time.monotonic()
            assert client.get("/feed?after=1&timeout=1500").json() == []
            assert time.monotonic() - began > patience.REQUEST_SECONDS


def counted(monkeypatch: pytest.MonkeyPatch, name: str) -> list[str]:
    """What grows with each call of this method of a connection."""
    calls, method = list[str](), getattr(patience.PatientProtocol, name)

    def noted(one: patience.PatientProtocol, *arguments: object) -> None:
        method(one, *arguments)
        calls.append(name)

    monkeypatch.setattr(patience.PatientProtocol, name, noted)
    return calls


def much(feed: Fed) -> None:
    append(feed.database, *(change(f"{number}-{'x' * 500_000}") for number in range(MUCH)))


def test_a_reader_that_takes_nothing_is_let_go(feed: Fed, monkeypatch: pytest.MonkeyPatch) -> None:
    lost = counted(monkeypatch, "connection_lost")
    much(feed)
    with connected(feed.served) as connection:
        connection.sendall(STREAM)
        waiting.until(lambda: lost)
        assert rest(connection).count(b"\nid: ") < MUCH


def test_a_reader_that_takes_a_little_at_a_time_gets_all(feed: Fed, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = counted(monkeypatch, "_look_at_answer")
    much(feed)
    taken = b""
    with connected(feed.served) as connection:
        connection.sendall(f"GET /feed?limit={MUCH} HTTP/1.1\r\n{KNOWN}Connection: close\r\n\r\n".encode())
        for number in range(3):
            while len(taken) < 4_000_000 * (number + 1):  # less may be taken out of buffers on the way alone
                taken += connection.recv(65536)
            waiting.until(lambda number=number: len(looks) > number)  # type: ignore[misc]
        taken += rest(connection)
    json.loads(taken.partition(b"\r\n\r\n")[2])


def test_others_are_answered_meanwhile(feed: Fed) -> None:
    append(feed.database, change("1"))
    silent = [connected(feed.served) for _ in range(50)]
    with feed.served.client(READER) as client:
        assert keys(client.get("/feed")) == ["1"]
    for each in silent:
        assert rest(each) == b""
        each.close()
