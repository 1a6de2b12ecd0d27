"""Requests to witnesses and authorities stay within bounds, go through our own proxy alone, and verify certificates."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from tests.integration import certificates
from tests.integration.forward_proxy import ForwardProxy
from tests.integration.scripted_server import Reply, ScriptedServer, closed_port
from webhooks.exchange import Asker, StoppedError, UnansweredError


def asker(**more: object) -> Asker:
    return Asker(threading.Event(), **more)


def test_an_answer_is_whatever_it_is(server: ScriptedServer) -> None:
    server.on("POST", "/x", Reply(418, "té\0a\n".encode(), {"Content-Type": "text/tea"}))
    found = asker().ask("POST", f"{server.url}/x", content=b"water", content_type="text/water")
    assert (found.status, found.content_type, found.body, found.said) == (418, "text/tea", "té\0a\n".encode(), "té a")
    (request,) = server.requests
    assert (request.body, request.headers["content-type"]) == (b"water", "text/water")
    assert request.headers["user-agent"].startswith("mirrorpoint/")


@pytest.mark.parametrize(
    "reply",
    [
        Reply(200, b"x" * 100, drip_seconds=0.05),
        Reply(200, b"x" * 100, drip_seconds=0.05, is_head_dripped=True),
    ],
    ids=["its body drips", "its head drips"],
)
def test_an_answer_that_drips_is_given_up(server: ScriptedServer, reply: Reply) -> None:
    server.on("GET", "/x", reply)
    began = time.monotonic()
    with pytest.raises(UnansweredError, match=r"no answer within 0\.5 s"):
        asker(seconds=0.5).ask("GET", f"{server.url}/x")
    assert time.monotonic() - began < 3


@pytest.mark.parametrize(
    "reply",
    [Reply(200, b"x" * 100, cut_after=10), Reply(200, is_never_sent=True)],
    ids=["in its body", "before it began"],
)
def test_an_answer_that_breaks_off_is_told(server: ScriptedServer, reply: Reply) -> None:
    server.on("GET", "/x", reply)
    with pytest.raises(UnansweredError, match="its answer is not valid HTTP, or broke off"):
        asker().ask("GET", f"{server.url}/x")


def test_an_answer_without_an_end_is_not_read_to_it(server: ScriptedServer) -> None:
    server.on("GET", "/x", Reply(200, b"x" * 3_000_000))
    with pytest.raises(UnansweredError, match="its answer is larger than 262,144 bytes"):
        asker().ask("GET", f"{server.url}/x")


def test_redirects_are_not_followed(server: ScriptedServer) -> None:
    server.on("POST", "/x", Reply(307, headers={"Location": f"{server.url}/y"}))
    found = asker().ask("POST", f"{server.url}/x", content=b"")
    assert (found.status, found.location, len(server.requests)) == (307, f"{server.url}/y", 1)


def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    contexts = certificates.made_for("localhost", tmp_path)
    with ScriptedServer(tls=contexts.server) as server:
        server.on("GET", "/x", Reply(200, b"hello"))
        url = f"https://localhost:{server.port}/x"
        with pytest.raises(UnansweredError, match="the certificate is not accepted"):
            asker().ask("GET", url)
        assert asker(context=contexts.client).ask("GET", url).body == b"hello"


def test_the_proxy_of_the_configuration_is_used_and_none_of_the_environment(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.on("GET", "/x", Reply(200, b"hello"))
    with closed_port() as port, ForwardProxy(user="mirror", password="secret") as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{port}")
        assert asker().ask("GET", f"{server.url}/x").body == b"hello"
        assert proxy.heads == []
        through = asker(proxy=proxy.url("mirror:secret@"))
        assert through.ask("GET", f"http://witness.example:{server.port}/x").body == b"hello"
        assert proxy.heads[0].startswith(f"GET http://witness.example:{server.port}/x ")
        assert "secret" not in repr(through)


def test_what_cannot_be_asked_at_all_is_told() -> None:
    with pytest.raises(UnansweredError, match="the request cannot be made"):
        asker().ask("GET", "http://[::1/")


def test_nothing_is_asked_of_a_process_that_is_to_end(server: ScriptedServer) -> None:
    ending = asker()
    ending.stopping.set()
    with pytest.raises(StoppedError):
        ending.ask("GET", f"{server.url}/x")
    assert server.requests == []
