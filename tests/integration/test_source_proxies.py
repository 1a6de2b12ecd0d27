"""Reading from a source through a proxy of the environment, which is bounded like reading without one."""

from __future__ import annotations

import socket
import threading
import time as real_time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.integration.certificates import Contexts, made_for
from tests.integration.forward_proxy import ForwardProxy
from tests.integration.raw_source import Asked, RawSource, Then
from tests.integration.scripted_server import Reply, ScriptedServer, closed_port, json_reply
from tests.integration.sources import THINGS, client_of
from upstream.deadline import Deadline
from upstream.errors import Unreachable
from upstream.proxied import Proxied
from upstream.throttle import Stopped

FINE = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine"
TIMEOUT = httpx.Timeout(10, read=0.3)

Make = Callable[[Contexts, str], httpx.BaseTransport]


def ours(contexts: Contexts, proxy: str) -> httpx.BaseTransport:
    return Proxied(Deadline(threading.Event()), contexts.client, proxy, most=1)


def theirs(contexts: Contexts, proxy: str) -> httpx.BaseTransport:
    limits = httpx.Limits(max_connections=1, max_keepalive_connections=1)
    return httpx.HTTPTransport(verify=contexts.client, proxy=proxy, limits=limits)


@pytest.fixture(params=[ours, theirs])
def make(request: pytest.FixtureRequest) -> Make:
    """Ours and httpx's own in turn."""
    found: Make = request.param
    return found


@pytest.fixture(scope="module")
def contexts(tmp_path_factory: pytest.TempPathFactory) -> Contexts:
    return made_for("localhost", tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def through(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Names the proxy of the environment."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)

    def name_it(url: str) -> None:
        monkeypatch.setenv("http_proxy", url)
        monkeypatch.setenv("https_proxy", url)

    return name_it


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        ([FINE], None),
        ([Then.HANG_UP], httpx.RemoteProtocolError),
        ([FINE[:-1], Then.HANG_UP], httpx.RemoteProtocolError),
        ([FINE[:-1], Then.SAY_NO_MORE], httpx.ReadTimeout),
        ([Then.SAY_NO_MORE], httpx.ReadTimeout),
        ([b"SSH-2.0\r\n\r\n"], httpx.RemoteProtocolError),
    ],
    ids=["fine", "no answer", "cut", "hangs in the body", "hangs", "no HTTP"],
)
@pytest.mark.parametrize("is_secure", [False, True], ids=["http", "https"])
def test_whatever_comes_through_a_proxy_is_understood_alike(
    make: Make, contexts: Contexts, is_secure: bool, pieces: list[bytes | Then], expected: type[Exception] | None
) -> None:
    def answer(asked: Asked) -> list[bytes | Then]:
        return [FINE] if asked.path == "/next" else pieces

    with (
        ForwardProxy(user="mirror", password="secret") as proxy,
        RawSource(answer, tls=contexts.server if is_secure else None) as source,
        httpx.Client(transport=make(contexts, proxy.url("mirror:secret@")), timeout=TIMEOUT) as http,
    ):
        url = source.url.replace("127.0.0.1", "localhost")
        if expected is None:
            assert http.get(f"{url}/odd").text == "fine"
        else:
            with pytest.raises(expected) as raised:
                http.get(f"{url}/odd")
            assert type(raised.value) is expected
        assert http.get(f"{url}/next").text == "fine"


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_is_not_there(make: Make, contexts: Contexts, scheme: str) -> None:
    with (
        closed_port() as port,
        httpx.Client(transport=make(contexts, f"http://127.0.0.1:{port}")) as http,
        pytest.raises(httpx.ConnectError),
    ):
        http.get(f"{scheme}://localhost:1")


def test_a_proxy_that_refuses(make: Make, contexts: Contexts) -> None:
    with (
        ForwardProxy(user="mirror", password="secret") as proxy,
        httpx.Client(transport=make(contexts, proxy.url())) as http,
    ):
        assert http.get("http://localhost:1").status_code == 407
        with pytest.raises(httpx.ProxyError, match="407"):
            http.get("https://localhost:1")


def test_pages_come_through_the_proxy_of_the_environment(through: Callable[[str], None], tmp_path: Path) -> None:
    contexts = made_for("localhost", tmp_path)
    with ForwardProxy() as proxy, ScriptedServer() as plain, ScriptedServer(tls=contexts.server) as secure:
        through(proxy.url())
        for server in (plain, secure):
            server.on("GET", "/things", json_reply([{"id": 1}]))
            with client_of(server.url.replace("127.0.0.1", "localhost"), verify=contexts.client) as client:
                assert [client.probe(THINGS).rows for _ in range(2)] == [[{"id": 1}]] * 2
    assert [head.partition(" ")[0] for head in proxy.heads] == ["GET", "CONNECT"]


@pytest.mark.parametrize("is_head_dripped", [False, True], ids=["body", "headers"])
def test_a_source_that_sends_byte_by_byte_through_a_proxy_is_given_up_in_time(
    through: Callable[[str], None], server: ScriptedServer, is_head_dripped: bool
) -> None:
    dripping = Reply(200, b"[" + b" " * 200 + b"]", drip_seconds=0.02, is_head_dripped=is_head_dripped)
    server.on("GET", "/things", dripping)
    begun = real_time.monotonic()
    with ForwardProxy() as proxy:
        through(proxy.url())
        with (
            client_of(server.url, timeout_seconds=0.3) as client,
            pytest.raises(Unreachable, match=r"no complete answer within 0\.3 s"),
        ):
            client.probe(THINGS)
    assert real_time.monotonic() - begun < 1.5


def test_waiting_for_an_answer_through_a_proxy_ends_when_the_process_stops(through: Callable[[str], None]) -> None:
    stopping = threading.Event()

    def stop(_: Asked) -> list[bytes | Then]:
        stopping.set()
        return [Then.SAY_NO_MORE]

    with ForwardProxy() as proxy, RawSource(stop) as source:
        through(proxy.url())
        with client_of(source.url, timeout_seconds=60, stopping=stopping) as client, pytest.raises(Stopped):
            client.probe(THINGS)


def test_a_proxy_whose_name_is_never_looked_up_costs_the_time_out_and_no_more(
    through: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    is_over = threading.Event()

    def hang(*_: object, **__: object) -> list[object]:
        is_over.wait(60)
        raise socket.gaierror(socket.EAI_AGAIN, "no name server answers")

    through("http://proxy.example.com:3128")
    monkeypatch.setattr(socket, "getaddrinfo", hang)
    with (
        client_of("http://far.example.com", timeout_seconds=0.3) as client,
        pytest.raises(Unreachable, match=r"no connection within 0\.3 s"),
    ):
        client.probe(THINGS)
    is_over.set()


@pytest.mark.parametrize("proxy", ["ftp://user:hunter2@proxy:1", "socks5://user:hunter2@proxy:1", "http://proxy:port"])
def test_a_proxy_that_cannot_be_used_is_told_without_its_password(through: Callable[[str], None], proxy: str) -> None:
    through(proxy)
    with client_of("http://far.example.com") as client, pytest.raises(Unreachable) as raised:
        client.probe(THINGS)
    assert "the proxy that the variable http_proxy names cannot be used" in str(raised.value)
    assert "hunter2" not in str(raised.value)
