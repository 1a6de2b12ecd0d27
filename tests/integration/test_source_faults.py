"""Reading from a source that fails, lies, hangs or sends too much."""

from __future__ import annotations

import gzip
import json
import ssl
import threading
import time as real_time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from changes.records import Id
from tests.integration.scripted_server import Reply, ScriptedServer, closed_port, gzip_reply, json_reply
from tests.integration.sources import THINGS, client_of, client_with
from tests.made_up_time import MadeUpTime
from upstream import client as client_room
from upstream.errors import (
    CredentialsRefused,
    MalformedResponse,
    NotAvailable,
    Overloaded,
    ServerError,
    TryLater,
    Unreachable,
    UpstreamError,
)
from upstream.limit_store import LocalLimitStore
from upstream.throttle import Budget, Stopped

FINE = json_reply([{"id": 1}])
BODY = json.dumps([{"id": number} for number in range(1000)]).encode()


def http_date(seconds_from: float, time: MadeUpTime) -> str:
    moment = datetime.fromtimestamp(time.now, UTC) + timedelta(seconds=seconds_from)
    return moment.strftime("%a, %d %b %Y %H:%M:%S GMT")


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("form", ["seconds", "date"])
def test_a_source_that_asks_for_a_short_wait_is_left_alone_for_it(
    server: ScriptedServer, status: int, form: str
) -> None:
    time = MadeUpTime()
    retry_after = "7" if form == "seconds" else http_date(7, time)
    server.on("GET", "/things", json_reply({}, status, headers={"Retry-After": retry_after}), FINE)
    with client_of(server.url, time=time) as client:
        assert client.probe(THINGS).rows == [{"id": 1}]
    assert 7 <= sum(time.slept) < 7.1


@pytest.mark.parametrize("value", ["21", "300", "86400", "9999999999999", "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_a_source_that_asks_for_a_long_wait_is_not_waited_for_and_not_asked_meanwhile(
    server: ScriptedServer, value: str
) -> None:
    time = MadeUpTime()
    server.on("GET", "/things", json_reply({}, 429, headers={"Retry-After": value}), FINE)
    with client_of(server.url, time=time) as client:
        with pytest.raises(Overloaded) as raised:
            client.probe(THINGS)
        seconds = raised.value.retry_after_seconds
        assert seconds is not None
        assert 20 < seconds <= 300
        with pytest.raises(Overloaded, match="answered 429 or 503; it is left alone for") as again:
            client.probe(THINGS)
        assert again.value.retry_after_seconds == pytest.approx(seconds)
        assert (len(server.requests), time.slept) == (1, [])
        time.now += seconds
        assert client.probe(THINGS).rows == [{"id": 1}]


@pytest.mark.parametrize("value", ["-3", "soon", "", "0"])
def test_waits_that_make_no_sense_are_not_obeyed(server: ScriptedServer, value: str) -> None:
    time = MadeUpTime()
    server.on("GET", "/things", json_reply({}, 429, headers={"Retry-After": value}), FINE)
    with client_of(server.url, time=time) as client:
        assert client.probe(THINGS).rows == [{"id": 1}]
    assert sum(time.slept) < 1


FAULTS = {
    "500": json_reply({"message": "boom"}, 500),
    "502 page": Reply(502, b"<html><title>Bad Gateway</title></html>", {"Content-Type": "text/html"}),
    "408": json_reply({}, 408),
    "429": json_reply({}, 429),
    "no answer": Reply(is_never_sent=True),
    "cut body": Reply(200, BODY, cut_after=100),
    "cut before the body": Reply(200, BODY, cut_after=0),
    "cut JSON": Reply(200, BODY[:100]),
    "cut gzip": Reply(200, gzip.compress(BODY)[:-20], {"Content-Encoding": "gzip"}),
    "not gzip": Reply(200, BODY, {"Content-Encoding": "gzip"}),
    "empty": Reply(200),
    "HTML": Reply(200, b"<!DOCTYPE html><html><title>Maintenance</title></html>", {"Content-Type": "text/html"}),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
def test_passing_trouble_is_survived(server: ScriptedServer, fault: Reply) -> None:
    time = MadeUpTime()
    server.on("GET", "/things", fault, fault, fault, FINE)
    with client_of(server.url, time=time) as client:
        assert client.probe(THINGS).rows == [{"id": 1}]
    assert 2.5 < sum(time.slept) < 4.5
    assert len(server.requests) == 4


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
def test_lasting_trouble_is_passed_on_after_a_few_tries(server: ScriptedServer, fault: Reply) -> None:
    server.on("GET", "/things", fault)
    with client_of(server.url) as client, pytest.raises(TryLater) as raised:
        client.probe(THINGS)
    assert len(server.requests) == client_room.TRIES
    assert (raised.value.source, raised.value.resource) == ("shop", "things")


@pytest.mark.parametrize(
    ("fault", "expected", "said"),
    [
        ("500", ServerError, 'answered 500 "boom"'),
        ("502 page", ServerError, 'answered 502 "Bad Gateway"'),
        ("no answer", Unreachable, "the connection broke off"),
        ("cut body", Unreachable, "the connection broke off"),
        ("cut JSON", MalformedResponse, "the answer is cut short after 100 bytes"),
        ("cut gzip", MalformedResponse, "it ends before its packing does"),
        ("HTML", MalformedResponse, 'the answer is HTML or XML, not JSON "Maintenance"'),
    ],
)
def test_an_error_says_what_happened(
    server: ScriptedServer, fault: str, expected: type[UpstreamError], said: str
) -> None:
    server.on("GET", "/things", FAULTS[fault])
    with client_of(server.url) as client, pytest.raises(expected) as raised:
        client.probe(THINGS)
    assert said in str(raised.value)


def test_a_list_of_another_shape_is_not_asked_for_again(server: ScriptedServer) -> None:
    server.on("GET", "/things", json_reply({"password": "hunter2"}))
    with client_of(server.url) as client, pytest.raises(MalformedResponse, match="the answer is an object") as raised:
        client.probe(THINGS)
    assert len(server.requests) == 1
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize(
    "reply",
    [
        Reply(200, b"[" + b" " * 200 + b"]", drip_seconds=0.02),
        Reply(200, b"[]", drip_seconds=0.02, is_head_dripped=True, headers={"X-Long": "x" * 500}),
    ],
    ids=["body", "headers"],
)
def test_a_source_that_sends_byte_by_byte_is_given_up_in_time(server: ScriptedServer, reply: Reply) -> None:
    server.on("GET", "/things", reply)
    begun = real_time.monotonic()
    with (
        client_of(server.url, timeout_seconds=0.3) as client,
        pytest.raises(Unreachable, match=r"no complete answer within 0\.3 s"),
    ):
        client.probe(THINGS)
    assert real_time.monotonic() - begun < 1.5


def test_reading_ends_when_the_process_stops(server: ScriptedServer) -> None:
    server.on("GET", "/things", Reply(200, b"[" + b" " * 500 + b"]", drip_seconds=0.01))
    stopping = threading.Event()
    with client_of(server.url, stopping=stopping) as client:
        timer = threading.Timer(0.1, stopping.set)
        timer.start()
        with pytest.raises(Stopped):
            client.probe(THINGS)
        timer.join()


def test_gzip_is_unpacked(server: ScriptedServer) -> None:
    server.on("GET", "/things", gzip_reply(BODY))
    with client_of(server.url) as client:
        page = client.fetch_page(THINGS, limit=1000)
    assert (len(page.rows), page.size_bytes) == (1000, len(BODY))


@pytest.mark.parametrize(
    "reply",
    [
        gzip_reply(b"[" + b" " * 30_000_000 + b"]"),
        Reply(200, b"[" + b" " * 2_000_000 + b"]"),
        Reply(200, gzip.compress(gzip.compress(bytes(10_000_000))), {"Content-Encoding": "gzip, gzip"}),
    ],
    ids=["gzip bomb", "huge body", "gzip in gzip"],
)
def test_a_body_that_is_too_large_is_not_read(server: ScriptedServer, reply: Reply) -> None:
    server.on("GET", "/things", reply)
    with (
        client_of(server.url, max_body_bytes=1_000_000) as client,
        pytest.raises(MalformedResponse, match=r"larger|packed"),
    ):
        client.probe(THINGS)


def test_the_body_of_an_error_is_read_only_so_far(server: ScriptedServer) -> None:
    server.on("GET", "/things", Reply(404, b"x" * 5_000_000))
    with client_of(server.url) as client, pytest.raises(NotAvailable) as raised:
        client.probe(THINGS)
    assert len(str(raised.value)) < 500


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_named_and_never_takes_the_token_along(server: ScriptedServer, status: int) -> None:
    with ScriptedServer() as other:
        server.on("GET", "/things", Reply(status, headers={"Location": f"{other.url}/things?token=s3cret"}))
        with client_of(server.url, method="bearer", values={"token": "abc"}) as client:
            with pytest.raises(MalformedResponse, match=r"a redirect to http://127\.0\.0\.1") as raised:
                client.probe(THINGS)
            with pytest.raises(MalformedResponse):
                client.fetch_page(THINGS, limit=5)
        assert other.requests == []
    assert "s3cret" not in str(raised.value)
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    "base_url",
    [
        "",
        "host.name",
        "http://",
        "http://no host",
        "http://[::1",
        "ftp://host.name",
        "http://host.name?x=1",
        "http://-..-",
    ],
)
def test_a_base_url_that_cannot_be_used_is_unreachable(base_url: str) -> None:
    with client_of(base_url) as client, pytest.raises(Unreachable, match="base_url"):
        client.probe(THINGS)


def test_credentials_in_a_base_url_are_refused_and_not_shown(server: ScriptedServer) -> None:
    base_url = server.url.replace("//", "//bob:hunter2@")
    with client_of(base_url) as client, pytest.raises(Unreachable, match="credentials belong to auth") as raised:
        client.probe(THINGS)
    assert "hunter2" not in str(raised.value)
    assert server.requests == []


def test_nobody_listening_is_unreachable() -> None:
    with closed_port() as port, client_of(f"http://127.0.0.1:{port}") as client:
        with pytest.raises(Unreachable, match=r"no connection \(.*refused.*\)") as raised:
            client.probe(THINGS)
        assert raised.value.is_untouched


def test_a_name_that_does_not_resolve_is_unreachable() -> None:
    with client_of("http://nowhere.invalid") as client, pytest.raises(Unreachable, match="no connection"):
        client.probe(THINGS)


def test_a_certificate_that_does_not_verify_is_said_so(tmp_path: Path) -> None:
    with (
        ScriptedServer(tls=own_certificate(tmp_path)) as server,
        client_of(server.url, verify=True) as client,
        pytest.raises(Unreachable, match=r"its certificate does not verify \(self-signed certificate\)") as raised,
    ):
        client.probe(THINGS)
    assert "SSL_CERT_FILE" in raised.value.hint


def test_a_certificate_can_be_trusted(tmp_path: Path) -> None:
    context = own_certificate(tmp_path)
    trusting = ssl.create_default_context(cafile=str(tmp_path / "certificate.pem"))
    with ScriptedServer(tls=context) as server, client_of(server.url, verify=trusting) as client:
        server.on("GET", "/things", FINE)
        assert client.probe(THINGS).rows == [{"id": 1}]


def own_certificate(folder: Path) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), False)
        .sign(key, hashes.SHA256())
    )
    file = folder / "certificate.pem"
    file.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


@pytest.mark.parametrize("status", [400, 403, 404, 405, 410, 422])
def test_a_clear_no_is_not_asked_for_again(server: ScriptedServer, status: int) -> None:
    server.on("GET", "/things", json_reply({}, status))
    with client_of(server.url) as client, pytest.raises(UpstreamError):
        client.probe(THINGS)
    assert len(server.requests) == 1


def test_fixed_credentials_that_are_refused_stop_the_source_and_are_not_shown(server: ScriptedServer) -> None:
    server.on("GET", "/things", json_reply({"message": "token abcdef is not known"}, 401))
    with (
        client_of(server.url, method="bearer", values={"token": "abcdef"}) as client,
        pytest.raises(CredentialsRefused) as raised,
    ):
        client.probe(THINGS)
    assert "abcdef" not in str(raised.value)
    assert len(server.requests) == 1


def test_the_rate_holds_for_what_arrives_from_several_threads_and_clients(server: ScriptedServer) -> None:
    server.on("GET", "/things", FINE)
    limits = LocalLimitStore()
    rate = 25

    def read_some(_: int) -> None:
        budget = Budget("shop", limits, requests_per_second=rate, concurrency=8)
        with client_with(server.url, budget) as client:
            for _turn in range(10):
                client.probe(THINGS)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(read_some, range(4)))
    starts = sorted(request.at for request in server.requests)
    assert len(starts) == 40
    # Not quite a second, since what starts in time may arrive late; without the limits it would be a quarter of one.
    assert all(later - earlier > 0.8 for earlier, later in zip(starts, starts[rate:], strict=False))


def test_a_budget_and_a_client_are_shared_by_threads(server: ScriptedServer) -> None:
    server.on("GET", "/things", FINE)
    budget = Budget("shop", LocalLimitStore(), requests_per_second=500, concurrency=8)
    with client_with(server.url, budget) as client, ThreadPoolExecutor(8) as pool:
        pages = list(pool.map(lambda _: client.probe(THINGS), range(100)))
        assert client.requests_made == 100
    assert [page.rows for page in pages] == [[{"id": 1}]] * 100


@pytest.mark.parametrize("call", [lambda c: c.probe(THINGS), lambda c: c.fetch_record(THINGS, Id("", "1"))])
def test_no_try_begins_after_the_time_out_is_used_up(
    server: ScriptedServer, call: Callable[[client_room.SourceClient], object]
) -> None:
    for path in ("/things", "/things/1"):
        server.on("GET", path, Reply(200, b"[]", drip_seconds=0.5))
    begun = real_time.monotonic()
    with client_of(server.url, timeout_seconds=0.2) as client, pytest.raises(Unreachable):
        call(client)
    assert real_time.monotonic() - begun < 1
    assert len(server.requests) == 1
