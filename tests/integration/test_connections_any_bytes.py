"""Whatever bytes a source sends: our own connections make of them just what httpx's own transport makes."""

from __future__ import annotations

import itertools
import ssl
import threading
from collections.abc import Callable, Iterator

import httpx
from hypothesis import event, given, settings
from hypothesis import strategies as st

from tests.integration.raw_source import RawSource, Then
from upstream.connections import Connections
from upstream.deadline import Deadline

NEXT = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnext"
CONTEXT = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

BODIES = st.one_of(st.binary(max_size=40), st.sampled_from([b"[1,2]", b"0\r\n\r\n", NEXT, b"x" * 5000]))
#: What stands in front of the answer, and now and then is no answer that goes on.
EARLY = st.sampled_from(
    [b""] * 8 + [b"HTTP/1.1 100 Go on\r\n\r\n", b"HTTP/1.1 103 X\r\nContent-Length: 3\r\n\r\n", b"\r\n"]
)
STARTS = st.sampled_from(
    [b"HTTP/1.1 200 OK"] * 8
    + [b"HTTP/1.1 %d X" % status for status in (101, 201, 204, 205, 206, 304, 404, 999)]
    + [b"HTTP/1.0 200 OK", b"HTTP/1.1 200", b"HTTP/1.1  200 OK", b"HTTP/2 200 OK", b"http/1.1 200 OK"]
)
OTHERS = st.lists(
    st.sampled_from(
        [
            b"Connection: Close", b"connection: keep-alive", b"CONNECTION: x, cLOSE", b"Keep-Alive: timeout=1",
            b"X-Odd: a\r\n folded", b"X-Odd : a", b"X-Odd", b"X-Two: a\r\nx-two: b", b"Upgrade: x", b"X-Odd: \xe4",
        ]
    ),
    max_size=2,
)  # fmt: skip
SIZES = st.sampled_from(
    [b"%x"] * 12 + [b"%X", b"0%x", b"%x;a=b", b'%x;a="\x01"', b"%x ", b" %x", b"0x%x", b"+%x", b"-%x"]
)
LENGTHS = st.sampled_from(
    ["{}"] * 12
    + ["{more}", "{less}", "0{}", "+{}", "-{}", " {} ", "{},{}", "{}, {more}", "{}.0", "", "9" * 19, "9" * 30]
)


@st.composite
def chunked(draw: st.DrawFn, body: bytes) -> bytes:
    """Pieces of the body, trailers, and now and then something that is neither."""
    written, place = b"", 0
    while place < len(body):
        part = body[place : place + draw(st.sampled_from([1, 3, 40, 4000]))]
        place += len(part)
        end = draw(st.sampled_from([b"\r\n"] * 20 + [b"\n", b"", b"xx"]))
        written += draw(SIZES) % len(part) + b"\r\n" + part + end
    last = draw(st.sampled_from([b"0\r\n"] * 8 + [b"00\r\n", b"0;a\r\n", b""]))
    return (
        written + last + draw(st.sampled_from([b"\r\n"] * 4 + [b"X-Sum: 1\r\n\r\n", b"Content-Length: 1\r\n\r\n", b""]))
    )


@st.composite
def answers(draw: st.DrawFn) -> list[bytes | Then]:
    """An answer in pieces, most of them in order, some cut short, some with a byte that does not belong there."""
    body = draw(BODIES)
    headers, sent = draw(OTHERS), body
    framing = draw(st.sampled_from(["length", "length", "chunked", "chunked", "both", "none", "twice"]))
    if framing in ("length", "both", "twice"):
        length = draw(LENGTHS).format(len(body), len(body), more=len(body) + 1, less=max(0, len(body) - 1))
        headers += [f"Content-Length: {length}".encode()] * (2 if framing == "twice" else 1)
    if framing in ("chunked", "both"):
        coding = draw(st.sampled_from([b"chunked"] * 8 + [b"Chunked", b"gzip, chunked", b"identity", b"chunked, x"]))
        headers.append(b"transfer-Encoding: " + coding)
        sent = draw(chunked(body))
    lines = [draw(STARTS), *draw(st.permutations(headers)), b"", b""]
    whole = draw(EARLY) + b"\r\n".join(lines) + sent + draw(st.sampled_from([b""] * 8 + [NEXT[:-4] + b"none", b"\r\n"]))
    place = draw(st.integers(0, len(whole)))
    harm = draw(st.sampled_from(["none"] * 8 + ["cut", "odd byte"]))
    if harm == "cut":
        whole = whole[:place]
    elif harm == "odd byte":
        whole = whole[:place] + draw(st.sampled_from([b"\0", b"\r", b"\n", b" ", b"\x80"])) + whole[place + 1 :]
    cuts = sorted({0, len(whole), *draw(st.lists(st.integers(0, len(whole)), max_size=3))})
    pieces = [whole[begin:end] for begin, end in itertools.pairwise(cuts)]
    return [*pieces, draw(st.sampled_from([Then.HANG_UP, Then.HANG_UP, Then.RESET]))]


def heard(transport: httpx.BaseTransport, pieces: list[bytes | Then]) -> tuple[object, object]:
    """What became of the request that is answered so, and of the one after it."""

    def ask(url: str) -> object:
        request = httpx.Request("GET", url, extensions={"timeout": httpx.Timeout(10).as_dict()})
        try:
            answer = transport.handle_request(request)
            try:
                body = b"".join(answer.iter_raw())
            finally:
                answer.close()
        except httpx.TransportError as error:
            return type(error)
        return answer.status_code, body, [(name.lower(), value) for name, value in answer.headers.raw]

    is_said = threading.Event()

    def said() -> Iterator[bytes | Then]:
        try:
            yield from pieces
        finally:
            is_said.set()

    with transport, RawSource(lambda asked: [NEXT] if asked.path == "/next" else said()) as source:
        odd = ask(f"{source.url}/odd")
        assert is_said.wait(60)  # what is left over has come before the next request
        return odd, ask(f"{source.url}/next")


def ours() -> httpx.BaseTransport:
    return Connections(Deadline(threading.Event()), CONTEXT, most=1)


def theirs() -> httpx.BaseTransport:
    return httpx.HTTPTransport(verify=CONTEXT, limits=httpx.Limits(max_connections=1, max_keepalive_connections=1))


@settings(max_examples=300)
@given(pieces=answers())
def test_whatever_bytes_come_our_connections_and_those_of_httpx_make_the_same_of_them(
    pieces: list[bytes | Then],
) -> None:
    made: list[Callable[[], httpx.BaseTransport]] = [ours, theirs]
    (odd, following), (expected, _) = (heard(make(), pieces) for make in made)
    event("whole" if isinstance(expected, tuple) else "error")
    assert odd == expected
    # Theirs may be sent on a connection that ends just then, or be answered by what was left over on it.
    assert following == (200, b"next", [(b"content-length", b"4")])
