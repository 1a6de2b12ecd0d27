"""One delivery over real connections: what arrives, what comes of it, and where it never goes."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_http_event
from standardwebhooks import Webhook

from changes import events
from changes.records import Change, Id, Kind
from tests.integration import certificates
from tests.integration.scripted_server import Reply, ScriptedServer, closed_port
from webhooks import address_guard, connection
from webhooks.retry import Attempt
from webhooks.sender import Sender, Target

SECRET = "whsec_" + "c2VjcmV0" * 4
HERE = address_guard.networks(["127.0.0.0/8"])
OK = Reply(204)


class Names:
    """A resolver for the names of a test: each name's answers one after the other, the last again and again."""

    def __init__(self, **names: list[list[str]]) -> None:
        self.names = {name.replace("_", "."): answers for name, answers in names.items()}
        self.asked: list[str] = []

    def __call__(self, host: str, port: int, **_: Any) -> Sequence[tuple[Any, ...]]:
        self.asked.append(host)
        answers = self.names.get(host)
        if answers is None:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        addresses = answers.pop(0) if len(answers) > 1 else answers[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as running:
        running.on("POST", "/hook", OK)
        yield running


def send(
    target: Target,
    *,
    times: int = 1,
    body: bytes = b'{"a":1}',
    timeout_seconds: float = 5,
    allow: Sequence[address_guard.Network] = HERE,
    resolve: address_guard.Resolve | None = None,
    ssl_context: ssl.SSLContext | None = None,
) -> Attempt:
    """The last attempt of several, one after the other."""

    async def run() -> Attempt:
        sending = Sender(timeout_seconds=timeout_seconds, allow=allow, resolve=resolve, ssl_context=ssl_context)
        try:
            for _ in range(times):
                attempt = await sending.send(target, event_id="evt_1", body=body)
            return attempt
        finally:
            await sending.aclose()

    return asyncio.run(run())


def to(server: ScriptedServer, path: str = "/hook", host: str = "127.0.0.1", **more: Any) -> Target:
    return Target("A", f"http://{host}:{server.port}{path}", **more)


def test_what_arrives_is_accepted_by_both_published_libraries(server: ScriptedServer) -> None:
    now = datetime(2026, 11, 22, tzinfo=UTC)
    document = {"name": "Grüße 🎉", "big": 2**70}
    change = Change("backoffice", "products", Id("", "4/2"), 1, Kind.CREATED, ("",), {}, document, None, now, "scan")
    body = events.body(events.cloud_event(change, seq=12, id="an-id"))
    attempt = send(to(server, "/hook?tenant=1", token="remote", secrets=(SECRET,)), body=body)

    (request,) = server.asked("POST", "/hook")
    Webhook(SECRET).verify(request.body, dict(request.headers))
    event = from_http_event(HTTPMessage(headers=dict(request.headers), body=request.body))
    assert event.get_type() == "products.created"
    assert event.get_subject() == "products/4%2F2"
    assert event.get_extension("sequence") == "00000000000000000012"
    assert request.json()["data"]["document"] == document
    assert request.target == "/hook?tenant=1"
    assert request.headers["host"] == f"127.0.0.1:{server.port}"
    assert request.headers["content-type"] == "application/cloudevents+json; charset=utf-8"
    assert request.headers["authorization"] == "Bearer remote"
    assert request.headers["webhook-id"] == "evt_1"
    assert request.headers["user-agent"].startswith("mirrorpoint/")
    assert (attempt.status, attempt.error, attempt.retry_after_seconds) == (204, None, None)


def test_without_token_and_secret_nothing_is_claimed(server: ScriptedServer) -> None:
    send(to(server))

    (request,) = server.asked("POST", "/hook")
    assert not {"authorization", "webhook-signature"} & set(request.headers)


@pytest.mark.parametrize("status", [200, 400, 410, 500])
def test_the_status_is_told(server: ScriptedServer, status: int) -> None:
    server.on("POST", "/hook", Reply(status, b"token=remote"))
    attempt = send(to(server))

    assert attempt.status == status
    assert attempt.error == (None if status == 200 else f"answered {status}")


def test_redirects_are_not_followed(server: ScriptedServer) -> None:
    server.on("POST", "/hook", Reply(307, headers={"Location": "/elsewhere"}))
    attempt = send(to(server, token="remote"))

    assert (attempt.status, len(server.requests)) == (307, 1)


@pytest.mark.parametrize(("header", "seconds"), [("17", 17), ("Fri, 31 Dec 9999 23:59:59 GMT", 86400)])
def test_retry_after_is_read_in_both_forms(server: ScriptedServer, header: str, seconds: float) -> None:
    server.on("POST", "/hook", Reply(503, headers={"Retry-After": header}))
    assert send(to(server)).retry_after_seconds == seconds


def test_a_receiver_that_never_gets_done_costs_the_time_out_and_no_more(server: ScriptedServer) -> None:
    server.on("POST", "/hook", Reply(200, is_head_dripped=True, drip_seconds=0.1))
    started = time.monotonic()
    attempt = send(to(server), timeout_seconds=0.3)

    assert (attempt.status, attempt.error) == (None, "no answer within 0.3 s")
    assert 300 <= attempt.duration_ms < 2000
    assert time.monotonic() - started < 2


def test_a_status_counts_whatever_becomes_of_the_body(server: ScriptedServer) -> None:
    for reply in (Reply(200, b"x" * 100, drip_seconds=0.1), Reply(200, b"x" * 100, cut_after=10)):
        server.on("POST", "/hook", reply)
        assert send(to(server), timeout_seconds=0.3).status == 200


def test_an_answer_is_read_up_to_64_kib(server: ScriptedServer) -> None:
    """The rest would take minutes to come."""
    server.on("POST", "/hook", lambda _: Reply(200, b"x" * (connection.ANSWER_BYTES + 2**20), cut_after=None), OK)
    names = Names(hook_example=[["127.0.0.1"]])
    attempt = send(to(server, host="hook.example"), times=2, resolve=names)

    assert attempt.status == 204
    assert names.asked == ["hook.example"] * 2  # a connection with unread rest is not used again


def test_a_connection_is_used_again(server: ScriptedServer) -> None:
    names = Names(hook_example=[["127.0.0.1"]])
    send(to(server, host="hook.example"), times=5, resolve=names)

    assert (len(server.requests), names.asked) == (5, ["hook.example"])


def test_what_keeps_an_answer_away_is_told_in_words(server: ScriptedServer) -> None:
    server.on("POST", "/hook", Reply(is_never_sent=True))
    assert send(to(server)).error == "the answer is not valid HTTP, or broke off before it began"
    with closed_port() as port:
        assert send(Target("A", f"http://127.0.0.1:{port}/")).error == "no connection: connection refused"
    unknown = send(Target("A", "http://none.example/"), resolve=Names())
    assert unknown.error == "none.example does not resolve (Name or service not known)"
    assert send(Target("A", f"https://127.0.0.1:{server.port}/hook")).error == "TLS failed: WRONG_VERSION_NUMBER"


@pytest.mark.parametrize(
    ("target", "error"),
    [
        (Target("A", "ftp://example.com/"), "the point's URL cannot be used: only http:// and https:// are possible"),
        (Target("A", ""), "the point's URL cannot be used: only http:// and https:// are possible"),
        (
            Target("A", "https://me:hunter2@example.com/"),
            "the point's URL cannot be used: a name or password in the URL is not sent; use the point's token",
        ),
        (
            Target("A", "http://127.0.0.1/", token="hunter2\r\nX-Evil: 1"),
            "the point's token has characters that no header can carry",
        ),
        (
            Target("A", "http://127.0.0.1/", token="hunter2é"),
            "the point's token has characters that no header can carry",
        ),
    ],
)
def test_what_cannot_be_sent_is_an_attempt_that_says_so(target: Target, error: str) -> None:
    attempt = send(target)
    assert (attempt.status, attempt.error) == (None, error)
    assert "hunter2" not in f"{attempt}{target!r}"


def test_an_address_inside_the_network_is_never_dialled(server: ScriptedServer) -> None:
    for host in ("127.0.0.1", "localhost", "2130706433", "0x7f000001", "0177.1", "127.1", "0", "[::ffff:127.0.0.1]"):
        attempt = send(to(server, host=host), allow=())
        assert attempt.status is None
        assert "is this machine itself" in (attempt.error or "")
    assert server.requests == []


def test_one_bad_address_among_good_ones_refuses_the_name(server: ScriptedServer) -> None:
    names = Names(two_faced_example=[["127.0.0.1", "10.0.0.1"]])
    attempt = send(to(server, host="two.faced.example"), resolve=names)

    assert (attempt.error or "").startswith("two.faced.example is refused: 10.0.0.1 is not a public address")
    assert server.requests == []


def test_a_name_is_judged_anew_at_every_connection(server: ScriptedServer) -> None:
    """It meant a good address when it was looked at; what counts is what it means when it is dialled."""
    server.on("POST", "/hook", Reply(204, headers={"Connection": "close"}))
    names = Names(rebinding_example=[["127.0.0.1"], ["169.254.169.254"]])
    attempt = send(to(server, host="rebinding.example"), times=2, resolve=names)

    assert (attempt.error or "").startswith("rebinding.example is refused: 169.254.169.254 is not a public address")
    assert len(server.requests) == 1


def test_what_was_allowed_when_the_point_was_added_counts_for_nothing_when_it_is_dialled(
    server: ScriptedServer,
) -> None:
    """The name means something else a moment later, as whoever owns it may arrange."""
    names = Names(rebinding_example=[["93.184.215.14"], ["127.0.0.1"]])
    target = to(server, host="rebinding.example")
    assert address_guard.check_url(target.url, allow=(), resolve=names) == []
    attempt = send(target, allow=(), resolve=names)

    assert (attempt.error or "").startswith("rebinding.example is refused: 127.0.0.1 is this machine itself")
    assert server.requests == []


def test_a_name_is_looked_up_once_for_each_connection_and_what_was_checked_is_dialled(server: ScriptedServer) -> None:
    """A second look-up between the check and the dialling would find the other answer."""
    names = Names(rebinding_example=[["127.0.0.1"], ["127.0.0.9"]])
    attempt = send(to(server, host="rebinding.example"), allow=address_guard.networks(["127.0.0.1/32"]), resolve=names)

    assert (attempt.status, names.asked) == (204, ["rebinding.example"])


def test_when_one_address_does_not_answer_the_next_is_tried(server: ScriptedServer) -> None:
    names = Names(many_example=[["127.0.0.2", "127.0.0.3", "127.0.0.1"]])
    assert send(to(server, host="many.example"), resolve=names).status == 204


def test_proxies_of_the_environment_are_not_used(server: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy would dial for us, and look at no address."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert send(to(server)).status == 204


def test_a_certificate_is_checked_against_the_name_and_not_the_address(server: ScriptedServer, tmp_path: Path) -> None:
    contexts = certificates.made_for("hook.example", tmp_path)
    server._server.socket = contexts.server.wrap_socket(server._server.socket, server_side=True)
    names = Names(hook_example=[["127.0.0.1"]], other_example=[["127.0.0.1"]])

    def status_or_error(host: str, ssl_context: ssl.SSLContext | None = contexts.client) -> int | str | None:
        target = Target("A", f"https://{host}:{server.port}/hook")
        attempt = send(target, resolve=names, ssl_context=ssl_context)
        return attempt.status or attempt.error

    assert status_or_error("hook.example") == 204
    assert str(status_or_error("other.example")).startswith("the certificate is not accepted: Hostname mismatch")
    untrusted = status_or_error("hook.example", None)
    assert untrusted == "the certificate is not accepted: self-signed certificate"
