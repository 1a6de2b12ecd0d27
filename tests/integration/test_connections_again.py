"""When a connection to a source is used again, and when a request is sent again: more strictly than httpx does it."""

from __future__ import annotations

import itertools
import ssl
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests import waiting
from tests.integration.raw_source import Asked, RawSource, Then
from tests.integration.sources import THINGS, client_with
from tests.made_up_time import MadeUpTime
from upstream import connections
from upstream.connections import Connections
from upstream.deadline import Deadline
from upstream.limit_store import LocalLimitStore
from upstream.throttle import Budget, Stopped

FINE = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nfine\r\n0\r\n\r\n"
MOST = 3


class Asking:
    """The connections, and a client that uses them."""

    def __init__(self) -> None:
        self.stopping = threading.Event()
        self.deadline = Deadline(self.stopping)
        self.transport = Connections(self.deadline, ssl.create_default_context(), most=MOST)
        self.http = httpx.Client(transport=self.transport, timeout=10)

    def get(self, url: str) -> str:
        return self.http.get(url).text


@pytest.fixture
def asking() -> Iterator[Asking]:
    made = Asking()
    with made.http:
        yield made


def then_ends(*pieces: bytes | Then) -> RawSource:
    """Answers the first request on a connection; the second with these."""

    def answer(asked: Asked) -> list[bytes | Then]:
        return [FINE] if source.connections.count(asked.connection) == 1 else [*pieces, Then.HANG_UP]

    source = RawSource(answer)
    return source


@pytest.mark.parametrize("end", [Then.HANG_UP, Then.RESET])
def test_a_get_is_sent_once_more_where_an_idle_connection_had_ended_before_its_answer(
    asking: Asking, end: Then
) -> None:
    with then_ends(end) as source:
        assert [asking.get(source.url) for _ in range(3)] == ["fine"] * 3
    assert source.connections == [1, 1, 2, 2, 3]


def test_a_get_that_is_sent_once_more_counts_for_the_limits_of_its_source() -> None:
    time, page = MadeUpTime(), b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n[]"

    def answer(asked: Asked) -> list[bytes | Then]:
        return [page] if source.connections.count(asked.connection) == 1 else [Then.HANG_UP]

    source = RawSource(answer)
    store = LocalLimitStore(clock=time.clock)
    budget = Budget("shop", store, requests_per_second=1, concurrency=1, clock=time.clock, sleep=time.sleep)
    with source, client_with(source.url, budget) as client:
        for _ in range(2):
            client.probe(THINGS)
        assert (source.connections, client.requests_made) == ([1, 1, 2], 3)
    assert sum(time.slept) >= 2, "each of the three has a second of its own"


def test_what_may_not_be_done_twice_is_not_sent_once_more(asking: Asking) -> None:
    with then_ends() as source:
        asking.get(source.url)
        with pytest.raises(httpx.RemoteProtocolError, match="without sending a response"):
            asking.http.post(source.url)
    assert source.connections == [1, 1]


def test_a_get_whose_answer_had_begun_is_not_sent_once_more(asking: Asking) -> None:
    with then_ends(b"HTTP/1.1 200 ") as source:
        asking.get(source.url)
        with pytest.raises(httpx.RemoteProtocolError):
            asking.get(source.url)
    assert source.connections == [1, 1]


def test_a_get_is_sent_at_most_twice_and_on_a_new_connection_once(asking: Asking) -> None:
    with RawSource(lambda asked: [FINE] if len(source.asked) == 1 else [Then.HANG_UP]) as source:
        asking.get(source.url)
        with pytest.raises(httpx.RemoteProtocolError):
            asking.get(source.url)
        assert source.connections == [1, 1, 2]
        with pytest.raises(httpx.RemoteProtocolError):
            asking.get(source.url)
    assert source.connections == [1, 1, 2, 3]


def test_a_get_that_is_not_answered_in_time_is_not_sent_once_more(asking: Asking) -> None:
    with then_ends(Then.SAY_NO_MORE) as source:
        asking.get(source.url)
        with pytest.raises(httpx.ReadTimeout):
            asking.http.get(source.url, timeout=0.2)
    assert source.connections == [1, 1]


@pytest.mark.parametrize("answer", [FINE, CHUNKED], ids=["length", "chunked"])
@pytest.mark.parametrize("surplus", [b"\r\n", b"x", FINE], ids=["an empty line", "a byte", "a second answer"])
@pytest.mark.parametrize("is_apart", [False, True], ids=["at once", "apart"])
def test_a_connection_on_which_more_came_than_was_asked_for_is_not_used_again(
    asking: Asking, answer: bytes, surplus: bytes, is_apart: bool
) -> None:
    said = threading.Event()

    def pieces(_: Asked) -> Iterator[bytes]:
        yield from (answer, surplus) if is_apart else (answer + surplus,)
        said.set()

    with RawSource(pieces) as source:
        for _ in range(2):
            said.clear()
            assert asking.get(source.url) == "fine"
            assert said.wait(10)
    assert source.connections == [1, 2]


def test_a_connection_is_not_used_when_it_was_idle_for_long(asking: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    with RawSource(lambda _: [FINE]) as source:
        asking.get(source.url)
        monkeypatch.setattr(connections, "IDLE_SECONDS", -1.0)
        asking.get(source.url)
    assert source.connections == [1, 2]


def test_there_are_no_more_connections_than_allowed_however_many_origins(asking: Asking) -> None:
    together = threading.Barrier(MOST)

    def answer(_: Asked) -> list[bytes | Then]:
        if len(one.asked) <= MOST and not together.broken:
            together.wait(10)
        return [FINE]

    with RawSource(answer) as one, RawSource(lambda _: [FINE]) as other, ThreadPoolExecutor(MOST) as pool:
        list(pool.map(asking.get, [one.url] * MOST))
        together.abort()
        assert sorted(one.connections) == [1, 2, 3]
        asking.get(other.url)
        waiting.until(lambda: one.ended_by_others == 1)
        asking.get(one.url)
        asking.get(other.url)
        assert (one.connections[-1] in (1, 2, 3), other.connections) == (True, [1, 1])


def test_threads_get_each_its_own_answer(asking: Asking) -> None:
    def answer(asked: Asked) -> list[bytes | Then]:
        return [b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(asked.path), asked.path.encode()]

    with RawSource(answer) as source, ThreadPoolExecutor(8) as pool:
        paths = [f"/{number}" for number in range(400)]
        assert list(pool.map(lambda path: asking.get(source.url + path), paths)) == paths
    assert len(set(source.connections)) <= MOST


def test_after_the_end_no_connection_is_left(asking: Asking) -> None:
    with RawSource(lambda _: [FINE]) as source:
        asking.get(source.url)
        with asking.http.stream("GET", source.url) as answer:
            with asking.http.stream("GET", source.url):
                pass
            asking.transport.close()
            waiting.until(lambda: source.ended_by_others == 1)
            assert answer.read() == b"fine"
        waiting.until(lambda: source.ended_by_others == 2)


def test_an_interrupted_reader_gives_its_connection_up(asking: Asking) -> None:
    with RawSource(lambda _: [FINE[:-1], Then.SAY_NO_MORE]) as source:
        for _ in range(MOST + 1):
            with pytest.raises(KeyboardInterrupt), asking.http.stream("GET", source.url):
                raise KeyboardInterrupt
    assert source.connections == [1, 2, 3, 4]


def test_one_deadline_bounds_the_whole_request(asking: Asking) -> None:
    def drip(_: Asked) -> Iterator[bytes]:
        for place in range(len(FINE)):
            yield FINE[place : place + 1]
            threading.Event().wait(0.05)

    with RawSource(drip) as source:
        asking.deadline.begin(0.3)
        with pytest.raises(httpx.ReadTimeout):
            asking.get(source.url)


@pytest.mark.parametrize("flood", [b"HTTP/1.1 100 Go on\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n"], ids=["heads", "body"])
def test_a_source_that_never_ends_is_given_up_however_fast_it_sends(asking: Asking, flood: bytes) -> None:
    def read(url: str) -> None:
        asking.deadline.begin(0.3)
        with asking.http.stream("GET", url) as answer:
            for _ in answer.iter_raw():
                pass

    with (
        ThreadPoolExecutor(1) as pool,
        RawSource(lambda _: itertools.repeat(flood)) as source,
        pytest.raises(httpx.ReadTimeout),
    ):
        pool.submit(read, source.url).result(timeout=10)


def test_an_answer_that_goes_on_in_another_protocol_is_none(asking: Asking) -> None:
    switched = b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: other\r\n\r\n"
    with RawSource(lambda asked: [switched if asked.path == "/odd" else FINE]) as source:
        with pytest.raises(httpx.RemoteProtocolError, match="another protocol"):
            asking.http.get(f"{source.url}/odd", headers={"Connection": "upgrade", "Upgrade": "other"})
        assert asking.get(source.url) == "fine"


def test_waiting_ends_when_the_process_stops(asking: Asking) -> None:
    with RawSource(lambda _: [Then.SAY_NO_MORE]) as source, ThreadPoolExecutor(1) as pool:
        asked = pool.submit(asking.get, source.url)
        waiting.until(lambda: source.asked)
        asking.stopping.set()
        with pytest.raises(Stopped):
            asked.result(timeout=10)
