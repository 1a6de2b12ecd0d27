"""What is set for a single point, over real connections: headers, content type, time, certificates, proxy."""

from __future__ import annotations

import asyncio
import json
import resource
import shutil
import ssl
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_http_event
from cryptography.hazmat.primitives import serialization
from standardwebhooks import Webhook

from changes import events
from changes.records import Kind
from tests.integration import certificates
from tests.integration.forward_proxy import ForwardProxy
from tests.integration.scripted_server import Reply, ScriptedServer, closed_port
from tests.integration.test_sender import HERE, SECRET, Names, send, to
from tests.unit.json_values import change
from webhooks import address_guard, connectivity
from webhooks.retry import Attempt
from webhooks.sender import Sender, Target

#: A proxy is written as an address here, which a resolver gives back.
NAMES = {"hook_example": [["127.0.0.1"]], "127_0_0_1": [["127.0.0.1"]]}
INTERNET = address_guard.networks(["127.0.0.1/32"])


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as running:
        running.on("POST", "/hook", Reply(204))
        yield running


@pytest.fixture
def contexts(tmp_path: Path) -> certificates.Contexts:
    return certificates.made_for("hook.example", tmp_path)


@pytest.fixture
def secure(contexts: certificates.Contexts) -> Iterator[ScriptedServer]:
    """Its certificate names hook.example, and nobody trusts it who is not told to."""
    with ScriptedServer(tls=contexts.server) as running:
        running.on("POST", "/hook", Reply(204))
        yield running


def only(server: ScriptedServer) -> Any:
    (request,) = server.asked("POST", "/hook")
    return request


def securely(server: ScriptedServer, host: str = "hook.example", **more: Any) -> Target:
    return Target("A", f"https://{host}:{server.port}/hook", **more)


@pytest.mark.parametrize(
    ("code", "header"),
    [("AUDIT", "AUDIT"), ("a b/c", "a b/c"), ("100 %", "100 %25"), ("Grüße", "Gr%C3%BC%C3%9Fe"), ("x\ty", "x%09y")],
)
def test_each_delivery_names_its_point(server: ScriptedServer, code: str, header: str) -> None:
    """Two points may have one URL."""
    send(Target(code, f"{server.url}/hook"))
    assert only(server).headers["mirrorpoint-point"] == header


def test_headers_of_the_point_are_sent_besides_our_own(server: ScriptedServer) -> None:
    headers = (("X-Api-Key", "k1"), ("Authorization", "ApiKey k2"), ("User-Agent", "ours"))
    send(to(server, headers=headers, token="remote"))
    sent = only(server).headers
    assert (sent["x-api-key"], sent["authorization"], sent["user-agent"]) == ("k1", "ApiKey k2", "ours")
    assert sent["mirrorpoint-point"] == "A"


def test_a_header_that_would_break_the_delivery_is_not_sent(server: ScriptedServer) -> None:
    attempt = send(to(server, headers=(("webhook-id", "mine"),)))
    assert attempt.error == "the point's headers cannot be used: webhook-id is set by each delivery itself"
    assert server.requests == []


def test_with_another_content_type_the_event_is_the_same(server: ScriptedServer) -> None:
    body = events.body(events.cloud_event(change(kind=Kind.DELETED, document=None), seq=1, id="an-id"))
    send(to(server, content_type="application/json", secrets=(SECRET,)), body=body)

    request = only(server)
    assert request.headers["content-type"] == "application/json"
    assert request.body == body
    Webhook(SECRET).verify(request.body, dict(request.headers))


def test_both_published_libraries_accept_a_deletion(server: ScriptedServer) -> None:
    body = events.body(events.cloud_event(change(kind=Kind.DELETED, document=None), seq=1, id="an-id"))
    send(to(server, secrets=(SECRET,)), body=body)

    request = only(server)
    Webhook(SECRET).verify(request.body, dict(request.headers))
    event = from_http_event(HTTPMessage(headers=dict(request.headers), body=request.body))
    assert event.get_extension("method") == "DELETE"
    assert json.loads(body)["method"] == "DELETE"


def test_the_time_of_the_point_counts(server: ScriptedServer) -> None:
    server.on("POST", "/hook", Reply(200, is_head_dripped=True, drip_seconds=0.1))
    started = time.monotonic()
    attempt = send(to(server, timeout_seconds=0.3), timeout_seconds=60)
    assert attempt.error == "no answer within 0.3 s"
    assert time.monotonic() - started < 10


def test_authorities_of_the_point_are_trusted_for_it_alone(secure: ScriptedServer, tmp_path: Path) -> None:
    ca = str(tmp_path / "server.pem")
    assert send(securely(secure, ca=ca), resolve=Names(**NAMES)).status == 204
    untrusted = send(securely(secure), resolve=Names(**NAMES))
    assert untrusted.error == "the certificate is not accepted: self-signed certificate"


def test_a_name_that_ends_in_a_dot_has_the_certificate_of_the_name_without(
    secure: ScriptedServer, contexts: certificates.Contexts
) -> None:
    asked_for: list[str | None] = []
    contexts.server.sni_callback = lambda _socket, name, _context: asked_for.append(name)
    names = Names(hook_example_=[["127.0.0.1"]])
    attempt = send(securely(secure, "hook.example."), resolve=names, ssl_context=contexts.client)

    assert (attempt.status, attempt.error) == (204, None)
    assert names.asked == ["hook.example."]  # so that the resolver adds nothing to it
    assert asked_for == ["hook.example"]
    assert only(secure).headers["host"] == f"hook.example:{secure.port}"


def test_a_client_certificate_is_shown(secure: ScriptedServer, contexts: certificates.Contexts, tmp_path: Path) -> None:
    (tmp_path / "client").mkdir()
    certificates.made_for("mirror.example", tmp_path / "client")
    certificate, ca = str(tmp_path / "client/server.pem"), str(tmp_path / "server.pem")
    contexts.server.load_verify_locations(certificate)
    contexts.server.verify_mode = ssl.CERT_REQUIRED

    shown = securely(secure, ca=ca, client_certificate=certificate)
    apart = securely(secure, ca=ca, client_certificate=certificate, client_key=certificate)
    assert send(shown, resolve=Names(**NAMES)).status == 204
    assert send(apart, resolve=Names(**NAMES)).status == 204
    assert send(securely(secure, ca=ca), resolve=Names(**NAMES)).status is None


def _without_key(folder: Path) -> dict[str, str]:
    pem = (folder / "server.pem").read_text()
    (folder / "bare.pem").write_text(pem[pem.index("-----BEGIN CERTIFICATE") :])
    return {"client_certificate": str(folder / "bare.pem")}


def _of_another(folder: Path) -> dict[str, str]:
    (folder / "other").mkdir()
    certificates.made_for("other.example", folder / "other")
    return {**_without_key(folder), "client_key": str(folder / "other/server.pem")}


def _encrypted(folder: Path) -> dict[str, str]:
    key = serialization.load_pem_private_key((folder / "server.pem").read_bytes(), None)
    form = serialization.PrivateFormat.PKCS8
    secret = serialization.BestAvailableEncryption(b"hunter2")
    (folder / "key.pem").write_bytes(key.private_bytes(serialization.Encoding.PEM, form, secret))
    return {**_without_key(folder), "client_key": str(folder / "key.pem")}


def _empty(folder: Path) -> dict[str, str]:
    (folder / "empty.pem").write_text("no certificate\n")
    return {"ca": str(folder / "empty.pem")}


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        (lambda folder: {"ca": f"{folder}/none.pem"}, "ca: {0}/none.pem cannot be read (no such file or directory)"),
        (_empty, "ca: {0}/empty.pem holds no certificate in PEM"),
        (
            lambda folder: {"client_certificate": f"{folder}/none.pem"},
            "client_certificate: {0}/none.pem cannot be read (no such file or directory)",
        ),
        (_without_key, "client_certificate: {0}/bare.pem hold no certificate with its key in PEM"),
        (_of_another, "client_certificate: {0}/bare.pem and {0}/other/server.pem do not belong together"),
        (_encrypted, "client_key: the key in {0}/key.pem wants a password; give one without"),
    ],
)
def test_a_file_that_does_not_serve_is_our_trouble_and_told(
    secure: ScriptedServer, tmp_path: Path, broken: Callable[[Path], dict[str, str]], words: str
) -> None:
    attempt = send(securely(secure, **broken(tmp_path)), resolve=Names(**NAMES))
    assert (attempt.status, attempt.error, attempt.is_ours) == (None, words.format(tmp_path), True)


def test_a_file_that_is_mended_serves_the_next_attempt(secure: ScriptedServer, tmp_path: Path) -> None:
    target = securely(secure, ca=str(tmp_path / "late.pem"))

    async def run() -> list[Attempt]:
        sender = Sender(timeout_seconds=5, allow=HERE, resolve=Names(**NAMES))
        first = await sender.send(target, event_id="evt_1", body=b"{}")
        shutil.copy(tmp_path / "server.pem", tmp_path / "late.pem")
        second = await sender.send(target, event_id="evt_1", body=b"{}")
        await sender.aclose()
        return [first, second]

    assert [attempt.status for attempt in asyncio.run(run())] == [None, 204]


def test_too_few_file_descriptors_are_our_trouble(server: ScriptedServer) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)

    async def run() -> tuple[Attempt, Attempt, Attempt]:
        sender = Sender(timeout_seconds=5, allow=HERE)
        fine = await sender.send(to(server), event_id="evt_1", body=b"{}")
        resource.setrlimit(resource.RLIMIT_NOFILE, (1, hard))
        try:
            short = await sender.send(to(server, "/other"), event_id="evt_1", body=b"{}")
            unknown = await sender.send(Target("B", "http://none.invalid/"), event_id="evt_1", body=b"{}")
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        await sender.aclose()
        return fine, short, unknown

    fine, short, unknown = asyncio.run(run())
    assert (fine.status, fine.is_ours) == (204, False)
    for attempt in (short, unknown):
        assert attempt.error == "this machine is short of something: too many open files"
        assert attempt.is_ours


def test_what_a_receiver_does_is_not_our_trouble(server: ScriptedServer) -> None:
    server.on("POST", "/hook", Reply(is_never_sent=True))
    assert not send(to(server)).is_ours
    with closed_port() as port:
        assert not send(Target("A", f"http://127.0.0.1:{port}/")).is_ours
    assert not send(Target("A", "http://none.example/"), resolve=Names()).is_ours


def test_a_proxy_passes_on_what_goes_without_tls(server: ScriptedServer) -> None:
    with ForwardProxy(user="mirror", password="p:a/ss") as proxy:
        target = to(
            server, "/hook?a=1", host="only-there.example", proxy=proxy.url("mirror:p%3Aa%2Fss@"), token="remote"
        )
        attempt = send(target, resolve=Names(**{"127_0_0_1": [["127.0.0.1"]]}))

        assert (attempt.status, attempt.error) == (204, None)
        assert proxy.heads[0].startswith(f"POST http://only-there.example:{server.port}/hook?a=1 HTTP/1.1\r\n")
    assert only(server).headers["host"] == f"only-there.example:{server.port}"
    assert only(server).headers["authorization"] == "Bearer remote"


def test_a_proxy_connects_to_what_speaks_tls_and_sees_nothing_of_it(secure: ScriptedServer, tmp_path: Path) -> None:
    with ForwardProxy(user="mirror", password="secret") as proxy:
        target = securely(secure, ca=str(tmp_path / "server.pem"), proxy=proxy.url("mirror:secret@"), token="remote")
        attempt = send(target, times=3, resolve=Names(**NAMES))

        assert (attempt.status, attempt.error) == (204, None)
        assert len(secure.requests) == 3
        assert len(proxy.heads) == 1  # one tunnel for all
        assert proxy.heads[0].startswith(f"CONNECT hook.example:{secure.port} HTTP/1.1\r\n")
        assert "remote" not in proxy.heads[0]
    assert "proxy-authorization" not in secure.requests[0].headers


@pytest.mark.parametrize(
    ("answers", "error", "is_ours"),
    [
        (b"HTTP/1.1 407 Who\r\n\r\n", "the proxy wants another name or password (it answered 407)", True),
        (b"HTTP/1.1 403 No\r\n\r\n", "the proxy does not connect to the receiver: it answered 403", False),
        (b"HTTP/1.1 502 No\r\n\r\n", "the proxy does not connect to the receiver: it answered 502", False),
        (b"SSH-2.0\r\n\r\n", "the proxy's answer is not valid HTTP, or broke off before it began", True),
        (b"", "the proxy's answer is not valid HTTP, or broke off before it began", True),
        (b"HTTP/1.1 200 OK\r\n\r\nmore", "the proxy sent something before it was asked", True),
    ],
)
def test_what_a_proxy_refuses_is_told_and_charged_to_whom_it_belongs(
    secure: ScriptedServer, answers: bytes, error: str, is_ours: bool
) -> None:
    with ForwardProxy(answers=answers) as proxy:
        attempt = send(securely(secure, proxy=proxy.url("mirror:hunter2@")), resolve=Names(**NAMES))
    assert (attempt.status, attempt.error, attempt.is_ours) == (None, error, is_ours)


def test_a_proxy_that_is_not_there_is_our_trouble(server: ScriptedServer) -> None:
    with closed_port() as port:
        attempt = send(to(server, proxy=f"http://me:hunter2@127.0.0.1:{port}"))
    assert attempt.error == "the proxy 127.0.0.1: no connection: connection refused"
    assert attempt.is_ours
    wrong = send(to(server, proxy="socks5://me:hunter2@127.0.0.1:1080"))
    assert (wrong.error or "").startswith("the proxy cannot be used: only http:// proxies are possible")
    assert "hunter2" not in f"{attempt}{wrong}"


@pytest.mark.parametrize("host", ["127.0.0.2", "2130706434", "inside.example"])
def test_a_proxy_is_not_asked_for_an_address_inside_the_network(server: ScriptedServer, host: str) -> None:
    names = Names(inside_example=[["10.0.0.1"]], **{"127_0_0_2": [["127.0.0.2"]], "2130706434": [["127.0.0.2"]]})
    with ForwardProxy() as proxy:
        attempt = send(to(server, host=host, proxy=proxy.url()), allow=INTERNET, resolve=names)
        assert f"{host} is refused" in (attempt.error or "")
        assert proxy.heads == []


def test_check_dials_as_a_delivery_does(secure: ScriptedServer, tmp_path: Path) -> None:
    by_address = f"https://127.0.0.1:{secure.port}/hook"
    with ForwardProxy() as proxy, closed_port() as port:
        targets = [
            Target("proxied", f"https://hook.example:{secure.port}/", ca=f"{tmp_path}/server.pem", proxy=proxy.url()),
            Target("untrusted", by_address),
            Target("unreadable", by_address, ca=f"{tmp_path}/none.pem"),
            Target("proxyless", by_address, proxy=f"http://127.0.0.1:{port}"),
        ]
        problems = connectivity.problems(targets, allow=HERE, timeout_seconds=5)
    assert problems == {
        "untrusted": "127.0.0.1: the certificate is not accepted: self-signed certificate",
        "unreadable": f"ca: {tmp_path}/none.pem cannot be read (no such file or directory)",
        "proxyless": "the proxy 127.0.0.1: no connection: connection refused",
    }
    assert secure.requests == []
