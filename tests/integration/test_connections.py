"""Our own connections to a source beside httpx's own transport: whatever a source does, both make the same of it."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from tests import waiting
from tests.integration.certificates import Contexts, made_for
from tests.integration.raw_source import Asked, RawSource, Then
from tests.integration.scripted_server import closed_port
from upstream.connections import HEAD_BYTES, Connections
from upstream.deadline import Deadline

FINE = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine"
HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
#: With one connection, one that is not given back is noticed at once.
MOST = 1
TIMEOUT = httpx.Timeout(10, read=0.3)

Make = Callable[[ssl.SSLContext], httpx.BaseTransport]
Outcome = tuple[int, bytes] | type[httpx.TransportError]


def ours(context: ssl.SSLContext) -> httpx.BaseTransport:
    return Connections(Deadline(threading.Event()), context, most=MOST)


def theirs(context: ssl.SSLContext) -> httpx.BaseTransport:
    limits = httpx.Limits(max_connections=MOST, max_keepalive_connections=MOST)
    return httpx.HTTPTransport(verify=context, limits=limits)


@pytest.fixture(params=[ours, theirs])
def make(request: pytest.FixtureRequest) -> Make:
    """Both in turn."""
    found: Make = request.param
    return found


@pytest.fixture(scope="module")
def contexts(tmp_path_factory: pytest.TempPathFactory) -> Contexts:
    return made_for("localhost", tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def http(make: Make, contexts: Contexts) -> Iterator[httpx.Client]:
    with httpx.Client(transport=make(contexts.client), timeout=TIMEOUT) as client:
        yield client


def outcome(ask: Callable[[], httpx.Response]) -> Outcome:
    try:
        answer = ask()
    except httpx.TransportError as error:
        return type(error)
    return answer.status_code, answer.content


def single(data: bytes) -> list[bytes | Then]:
    """One byte at a time."""
    return [data[place : place + 1] for place in range(len(data))]


ANSWERS: dict[str, tuple[list[bytes | Then], Outcome]] = {
    "whole": ([FINE], (200, b"fine")),
    "byte by byte": (single(FINE), (200, b"fine")),
    "head, then body": ([FINE[:-4], FINE[-4:]], (200, b"fine")),
    "empty": ([HEAD + b"Content-Length: 0\r\n\r\n"], (200, b"")),
    "large": ([HEAD + b"Content-Length: 1000000\r\n\r\n", b"x" * 1_000_000], (200, b"x" * 1_000_000)),
    "lines that end as on Unix": ([FINE.replace(b"\r\n", b"\n")], (200, b"fine")),
    "the same length twice": ([HEAD + b"Content-Length: 4\r\nContent-Length: 4\r\n\r\nfine"], (200, b"fine")),
    "ended by the connection": ([HEAD + b"\r\nfi", b"ne", Then.HANG_UP], (200, b"fine")),
    "of HTTP/1.0": ([b"HTTP/1.0 200 OK\r\n\r\nfine", Then.HANG_UP], (200, b"fine")),
    "of HTTP/1.0 with a length": ([FINE.replace(b"/1.1", b"/1.0")], (200, b"fine")),
    "no content": ([b"HTTP/1.1 204 No Content\r\n\r\n"], (204, b"")),
    "not modified, with a length": ([b"HTTP/1.1 304 Not Modified\r\nContent-Length: 4\r\n\r\n"], (304, b"")),
    "chunked": ([CHUNKED + b"2\r\nfi\r\n2;name=value\r\nne\r\n0\r\n\r\n"], (200, b"fine")),
    "chunked, byte by byte": (single(CHUNKED + b"2\r\nfi\r\n2\r\nne\r\n0\r\n\r\n"), (200, b"fine")),
    "chunked, with trailers": ([CHUNKED + b"4\r\nfine\r\n0\r\nX-Sum: 1\r\nX-More: 2\r\n\r\n"], (200, b"fine")),
    "chunked, with a length as well": (
        [HEAD + b"Content-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nfine\r\n0\r\n\r\n"],
        (200, b"fine"),
    ),
    "after 100 and 103": (
        [b"HTTP/1.1 100 Go on\r\n\r\nHTTP/1.1 103 Hints\r\nLink: </x>\r\n\r\n", FINE],
        (200, b"fine"),
    ),
    "an error with a body": ([b"HTTP/1.1 500 Oh\r\nContent-Length: 3\r\n\r\nbad"], (500, b"bad")),
    "never": ([Then.SAY_NO_MORE], httpx.ReadTimeout),
    "not to the end of the head": ([HEAD, Then.SAY_NO_MORE], httpx.ReadTimeout),
    "not to the end of the body": ([FINE[:-1], Then.SAY_NO_MORE], httpx.ReadTimeout),
    "not to the end of a chunk": ([CHUNKED + b"4\r\nfi", Then.SAY_NO_MORE], httpx.ReadTimeout),
    "only 100": ([b"HTTP/1.1 100 Go on\r\n\r\n", Then.SAY_NO_MORE], httpx.ReadTimeout),
    "hangs up at once": ([Then.HANG_UP], httpx.RemoteProtocolError),
    "hangs up in the head": ([HEAD + b"Content-Le", Then.HANG_UP], httpx.RemoteProtocolError),
    "hangs up before the body": ([FINE[:-4], Then.HANG_UP], httpx.RemoteProtocolError),
    "hangs up in the body": ([FINE[:-1], Then.HANG_UP], httpx.RemoteProtocolError),
    "hangs up in a chunk": ([CHUNKED + b"4\r\nfi", Then.HANG_UP], httpx.RemoteProtocolError),
    "hangs up between chunks": ([CHUNKED + b"4\r\nfine\r\n", Then.HANG_UP], httpx.RemoteProtocolError),
    "hangs up in the trailers": ([CHUNKED + b"4\r\nfine\r\n0\r\nX-S", Then.HANG_UP], httpx.RemoteProtocolError),
    "torn down": ([Then.RESET], httpx.ReadError),
    "a length that is none": ([HEAD + b"Content-Length: four\r\n\r\nfine"], httpx.RemoteProtocolError),
    "a length below 0": ([HEAD + b"Content-Length: -4\r\n\r\nfine"], httpx.RemoteProtocolError),
    "a length without an end": ([HEAD + b"Content-Length: " + b"9" * 30 + b"\r\n\r\n"], httpx.RemoteProtocolError),
    "two lengths": ([HEAD + b"Content-Length: 4\r\nContent-Length: 5\r\n\r\nfine"], httpx.RemoteProtocolError),
    "a chunk whose length is none": ([CHUNKED + b"four\r\nfine\r\n0\r\n\r\n"], httpx.RemoteProtocolError),
    "a chunk that is too long": ([CHUNKED + b"2\r\nfine\r\n0\r\n\r\n"], httpx.RemoteProtocolError),
    "another encoding of the transfer": ([HEAD + b"Transfer-Encoding: gzip\r\n\r\n"], httpx.RemoteProtocolError),
    "another protocol that was not asked for": (
        [b"HTTP/1.1 101 Switch\r\nUpgrade: x\r\n\r\n"],
        httpx.RemoteProtocolError,
    ),
    "no HTTP": ([b"SSH-2.0-OpenSSH_9.6\r\n\r\n"], httpx.RemoteProtocolError),
    "a status that is none": ([b"HTTP/1.1 2000 OK\r\n\r\n"], httpx.RemoteProtocolError),
    "a header without a colon": ([HEAD + b"X-Odd\r\n\r\n"], httpx.RemoteProtocolError),
    "a header with a zero byte": ([HEAD + b"X-Odd: \0\r\n\r\n"], httpx.RemoteProtocolError),
    "a head without an end": ([HEAD + b"X-Long: " + b"x" * 3 * HEAD_BYTES], httpx.RemoteProtocolError),
    "many headers": ([HEAD + b"X-Odd: 1\r\n" * HEAD_BYTES], httpx.RemoteProtocolError),
}


@pytest.mark.parametrize(("pieces", "expected"), ANSWERS.values(), ids=ANSWERS.keys())
def test_whatever_is_answered_is_understood_alike_and_the_next_request_is_answered(
    http: httpx.Client, pieces: list[bytes | Then], expected: Outcome
) -> None:
    def answer(asked: Asked) -> list[bytes | Then]:
        return [FINE] if asked.path == "/next" else pieces

    with RawSource(answer) as source:
        assert outcome(lambda: http.get(f"{source.url}/odd")) == expected
        assert outcome(lambda: http.get(f"{source.url}/next")) == (200, b"fine")


def test_the_head_alone_is_no_body(http: httpx.Client) -> None:
    with RawSource(lambda _: [HEAD + b"Content-Length: 4\r\n\r\n"]) as source:
        assert outcome(lambda: http.head(source.url)) == (200, b"")
        assert outcome(lambda: http.head(source.url)) == (200, b"")
    assert source.connections == [1, 1]


def test_headers_come_as_they_were_sent(http: httpx.Client) -> None:
    with RawSource(lambda _: [HEAD + b"X-Two: a\r\nx-two: b\r\nX-Odd: \xe4 \r\nContent-Length: 0\r\n\r\n"]) as source:
        found = http.get(source.url).headers
    assert found.get_list("x-two") == ["a", "b"]
    assert found["X-Odd"] == "ä"


def test_a_body_is_sent_and_a_method_of_ones_own_too(http: httpx.Client) -> None:
    with RawSource(lambda _: [FINE]) as source:
        http.post(f"{source.url}/things?a=1%2F2", content=b"x" * 300_000)
        http.request("LOOKUP", f"{source.url}/things", content=b"{}")
    (first, second) = source.asked
    assert (first.method, first.path, first.body) == ("POST", "/things?a=1%2F2", b"x" * 300_000)
    assert (second.method, second.body) == ("LOOKUP", b"{}")


def test_an_answer_that_comes_before_the_request_was_read_counts(http: httpx.Client) -> None:
    no = b"HTTP/1.1 413 Too much\r\nContent-Length: 2\r\n\r\nno"
    with RawSource(lambda _: [no, Then.HANG_UP], reads_bodies=False) as source:
        for _ in range(2):
            assert outcome(lambda: http.post(source.url, content=bytes(30_000_000))) == (413, b"no")
    assert source.connections == [1, 2]


def test_a_request_that_nobody_reads_is_given_up(http: httpx.Client) -> None:
    with RawSource(lambda _: [Then.SAY_NO_MORE], reads_bodies=False) as source:
        asked = outcome(lambda: http.post(source.url, content=bytes(30_000_000), timeout=0.3))
    assert asked is httpx.WriteTimeout


@pytest.mark.parametrize("header", [{"X-Odd": "a\r\nb"}, {"X Odd": "a"}, {"X-Odd": "a\0"}], ids=str)
def test_what_would_be_another_request_is_not_sent(http: httpx.Client, header: dict[str, str]) -> None:
    with RawSource(lambda _: [FINE]) as source:
        assert outcome(lambda: http.get(source.url, headers=header)) is httpx.LocalProtocolError
        assert outcome(lambda: http.get(source.url)) == (200, b"fine")
    assert len(source.asked) == 1


def test_other_protocols_are_refused(http: httpx.Client) -> None:
    assert outcome(lambda: http.get("ftp://127.0.0.1/")) is httpx.UnsupportedProtocol


def test_a_port_on_which_nobody_listens(http: httpx.Client) -> None:
    with closed_port() as port:
        assert outcome(lambda: http.get(f"http://127.0.0.1:{port}")) is httpx.ConnectError


def test_a_name_that_nobody_knows(http: httpx.Client) -> None:
    assert outcome(lambda: http.get("http://nowhere.invalid")) is httpx.ConnectError


def test_a_port_that_takes_nobody_in(http: httpx.Client) -> None:
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        while True:  # until its queue is full
            queued = stack.enter_context(socket.socket())
            queued.settimeout(0.2)
            try:
                queued.connect(listener.getsockname())
            except TimeoutError:
                break
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        assert outcome(lambda: http.get(url, timeout=0.2)) is httpx.ConnectTimeout


def test_an_address_of_ipv6(http: httpx.Client) -> None:
    with RawSource(lambda _: [FINE], is_ipv6=True) as source:
        assert outcome(lambda: http.get(source.url)) == (200, b"fine")


def test_all_connections_in_use(http: httpx.Client) -> None:
    with RawSource(lambda _: [FINE]) as source, http.stream("GET", source.url):
        assert outcome(lambda: http.get(source.url, timeout=httpx.Timeout(10, pool=0.1))) is httpx.PoolTimeout


def test_a_connection_is_used_again(http: httpx.Client) -> None:
    chunked = CHUNKED + b"4\r\nfine\r\n0\r\nX-Sum: 1\r\n\r\n"
    with RawSource(lambda asked: [chunked if asked.path == "/chunked" else FINE]) as source:
        for path in ("/", "/chunked", "/", "/chunked"):
            assert outcome(lambda path=path: http.get(source.url + path)) == (200, b"fine")  # type: ignore[misc]
    assert source.connections == [1, 1, 1, 1]


@pytest.mark.parametrize(
    "answer",
    [
        FINE.replace(b"OK\r\n", b"OK\r\nConnection: close\r\n"),
        FINE.replace(b"/1.1", b"/1.0"),
        CHUNKED.replace(b"OK\r\n", b"OK\r\nConnection: close\r\n") + b"4\r\nfine\r\n0\r\n\r\n",
    ],
    ids=["closed", "HTTP/1.0", "chunked and closed"],
)
def test_a_connection_that_ends_is_not_used_again(http: httpx.Client, answer: bytes) -> None:
    with RawSource(lambda _: [answer]) as source:
        assert [outcome(lambda: http.get(source.url)) for _ in range(2)] == [(200, b"fine")] * 2
    assert source.connections == [1, 2]


def test_a_connection_on_which_a_body_was_not_read_is_not_used_again(http: httpx.Client) -> None:
    with RawSource(lambda _: [HEAD + b"Content-Length: 100000\r\n\r\n" + b"x" * 100_000]) as source:
        with http.stream("GET", source.url) as answer:
            next(answer.iter_raw())
        with http.stream("GET", source.url):
            pass
    assert source.connections == [1, 2]


def test_a_connection_that_was_closed_between_two_requests_is_not_used_again(http: httpx.Client) -> None:
    with RawSource(lambda _: [FINE, Then.HANG_UP]) as source:
        for number in range(1, 4):
            assert outcome(lambda: http.post(source.url)) == (200, b"fine")
            waiting.until(lambda number=number: number in source.ended)  # type: ignore[misc]
    assert source.connections == [1, 2, 3]


def test_tls(http: httpx.Client, contexts: Contexts) -> None:
    body = HEAD + b"Content-Length: 300000\r\n\r\n" + b"x" * 300_000
    with RawSource(lambda _: [body], tls=contexts.server) as source:
        url = source.url.replace("127.0.0.1", "localhost")
        assert [outcome(lambda: http.get(url)) for _ in range(2)] == [(200, b"x" * 300_000)] * 2
    assert source.connections == [1, 1]


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        ([FINE[:-1], Then.HANG_UP], httpx.RemoteProtocolError),
        ([Then.HANG_UP], httpx.RemoteProtocolError),
        ([FINE[:-1], Then.SAY_NO_MORE], httpx.ReadTimeout),
    ],
    ids=["hangs up in the body", "hangs up at once", "says no more"],
)
def test_trouble_behind_tls(
    http: httpx.Client, contexts: Contexts, pieces: list[bytes | Then], expected: Outcome
) -> None:
    with RawSource(lambda _: pieces, tls=contexts.server) as source:
        assert outcome(lambda: http.get(source.url.replace("127.0.0.1", "localhost"))) == expected


def test_a_certificate_of_somebody_else(http: httpx.Client, tmp_path: Path) -> None:
    other = made_for("localhost", tmp_path)
    with RawSource(lambda _: [FINE], tls=other.server) as source, pytest.raises(httpx.ConnectError) as raised:
        http.get(source.url.replace("127.0.0.1", "localhost"))
    cause: BaseException | None = raised.value
    while cause is not None and not isinstance(cause, ssl.SSLCertVerificationError):
        cause = cause.__cause__ or cause.__context__
    assert cause is not None


def test_a_certificate_of_another_name(http: httpx.Client, contexts: Contexts) -> None:
    with RawSource(lambda _: [FINE], tls=contexts.server) as source:
        assert outcome(lambda: http.get(source.url)) is httpx.ConnectError


@pytest.mark.parametrize(
    ("greeting", "expected"),
    [(b"", httpx.ConnectTimeout), (b"HTTP/1.1 400 Bad Request\r\n\r\n", httpx.ConnectError)],
    ids=["silent", "plain HTTP"],
)
def test_one_who_does_not_speak_tls(http: httpx.Client, greeting: bytes, expected: Outcome) -> None:
    with RawSource(lambda _: [], greeting=greeting) as source:
        assert outcome(lambda: http.get(source.url.replace("http:", "https:"), timeout=0.3)) == expected
