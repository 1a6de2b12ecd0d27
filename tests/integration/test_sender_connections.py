"""A connection serves a request after the other only while nothing is left over on it; and none is held for long."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.integration.raw_receiver import Answering, Asked, RawReceiver
from webhooks import address_guard, connection, request
from webhooks.connecting import Connector
from webhooks.connection import REST_SECONDS, Answer, BrokenOffError, Connection
from webhooks.retry import Attempt
from webhooks.sender import Sender, Target

HERE = address_guard.networks(["127.0.0.0/8"])
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
DOWN = b"HTTP/1.1 503 Down\r\nContent-Length: 0\r\n\r\n"

#: What comes after an answer, and belongs to none.
SURPLUS = {
    "a second answer": (200, OK + OK),
    "204 with a body": (204, b'HTTP/1.1 204 No Content\r\n\r\n{"ok":true}'),
    "204 with a length": (204, b"HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\nok"),
    "304 with a body": (304, b"HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n\r\nok"),
    "a length that is too short": (200, b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{"ok":true}'),
    "a line end too many": (200, OK + b"\r\n"),
    "the beginning of another answer": (200, OK + b"HTTP/1.1 20"),
    "something behind the last chunk": (200, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n!"),
}

Step = Callable[[Sender, Target, RawReceiver], Awaitable[object]]


def play(answering: Answering, step: Step, *, timeout_seconds: float = 5.0) -> RawReceiver:
    """Let `step` send to a receiver that answers so."""

    async def run() -> RawReceiver:
        async with RawReceiver(answering) as receiver:
            sender = Sender(timeout_seconds=timeout_seconds, allow=HERE)
            try:
                await step(sender, Target("A", f"http://127.0.0.1:{receiver.port}/hook"), receiver)
            finally:
                await sender.aclose()
            return receiver

    return asyncio.run(run())


def once(first: bytes, then: bytes) -> Answering:
    return lambda asked: first if asked.number == 1 else then


async def posted(sender: Sender, target: Target) -> int | None:
    return (await sender.send(target, event_id="evt_1", body=b"{}")).status


@pytest.mark.parametrize("name", SURPLUS)
def test_what_is_left_over_answers_no_other_request(name: str) -> None:
    """Each event counts by the answer to itself, and the answered one is not sent again."""
    status, said = SURPLUS[name]
    statuses: list[int | None] = []

    async def step(sender: Sender, target: Target, _: RawReceiver) -> None:
        for _number in range(3):
            statuses.append(await posted(sender, target))  # noqa: PERF401

    receiver = play(once(said, DOWN), step)
    assert statuses == [status, 503, 503]
    assert receiver.connections == [1, 2, 3]  # and whoever has said too much once is not trusted with a second request


def test_without_surplus_one_connection_serves_all() -> None:
    async def step(sender: Sender, target: Target, _: RawReceiver) -> None:
        assert [await posted(sender, target) for _ in range(4)] == [200] * 4

    assert play(lambda _: OK, step).connections == [1] * 4


@pytest.mark.parametrize("late", [OK, b"\r\n", b'{"ok":true}', b"HTTP/1.1 408 Request Timeout\r\n\r\n"])
@pytest.mark.parametrize("is_read_before", [False, True])
def test_what_comes_between_two_requests_is_no_answer_to_the_second(late: bytes, is_read_before: bool) -> None:
    """Whether the sender has read it, or it only lies with the system."""

    async def step(sender: Sender, target: Target, receiver: RawReceiver) -> None:
        assert await posted(sender, target) == 200
        receiver.says(late)
        if is_read_before:
            await asyncio.sleep(0.05)
        assert await posted(sender, target) == 503

    assert play(once(OK, DOWN), step).connections == [1, 2]


def test_a_receiver_that_speaks_first_has_not_answered() -> None:
    """Such as one that is busy, and closes what it has just accepted."""

    async def run() -> None:
        async with RawReceiver(lambda _: OK, greeting=OK) as receiver:
            connector = Connector(HERE)
            way = request.way(Target("A", f"http://127.0.0.1:{receiver.port}/"))
            opened = await connector.connect(Connection, way, share_seconds=5)
            while opened.is_open:  # noqa: ASYNC110  # the transport tells nobody
                await asyncio.sleep(0.01)
            answer = Answer()
            with pytest.raises(BrokenOffError):
                await opened.post(b"/", [("Host", "a"), ("Content-Length", "0")], b"", answer)
            assert answer.status is None
            assert opened.has_surplus
            connector.close()

    asyncio.run(run())


def test_a_surplus_that_crosses_the_next_request_costs_that_one_and_no_other() -> None:
    """Nothing in HTTP/1.1 tells it from an answer; it is not let happen twice."""

    def answering(asked: Asked) -> bytes:
        return {1: OK, 2: b'{"ok":true}' + OK}.get(asked.number, OK)  # the rest of the first comes with the second

    attempts: list[Attempt] = []

    async def step(sender: Sender, target: Target, _: RawReceiver) -> None:
        for _number in range(4):
            attempts.append(await sender.send(target, event_id="evt_1", body=b"{}"))  # noqa: PERF401

    receiver = play(answering, step)
    assert [attempt.status for attempt in attempts] == [200, None, 200, 200]
    assert attempts[1].error == "the answer is not valid HTTP, or broke off before it began"
    assert receiver.connections == [1, 1, 2, 3]


def test_an_answer_to_half_a_request_ends_the_connection() -> None:
    """What is left of the body would otherwise stand before the next request."""
    body = b"x" * 2**24  # more than the systems keep between the two

    async def run() -> None:
        accepted: list[asyncio.StreamWriter] = []

        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            accepted.append(writer)
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")

        server = await asyncio.start_server(accept, "127.0.0.1", 0)
        sender = Sender(timeout_seconds=5, allow=HERE)
        target = Target("A", f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
        for _ in range(2):
            assert (await sender.send(target, event_id="evt_1", body=body)).status == 413
        assert len(accepted) == 2
        await sender.aclose()
        server.close()
        for writer in accepted:
            writer.transport.abort()
        await asyncio.sleep(0)

    asyncio.run(run())


@pytest.mark.parametrize(
    "said",
    [OK, b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n" + b"x" * 200_000, OK + OK],
    ids=["whole", "without an end", "long", "twice"],
)
def test_who_accepts_an_event_before_it_was_sent_whole_gets_the_rest_of_it(said: bytes) -> None:
    """Such as one that answers first and reads then: what it has accepted must not be cut off."""
    body = b"x" * 2**24  # more than the systems keep between the two
    received: list[int] = []

    async def run() -> None:
        is_read = asyncio.Event()

        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(said)
            if said.endswith(b"OK\r\n\r\n"):
                await asyncio.sleep(1.2 * REST_SECONDS)  # longer than a rest may take
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                received.append(len(await reader.readexactly(len(body))))
            is_read.set()
            writer.transport.abort()

        server = await asyncio.start_server(accept, "127.0.0.1", 0)
        sender = Sender(timeout_seconds=20, allow=HERE)
        target = Target("A", f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
        assert (await sender.send(target, event_id="evt_1", body=body)).status == 200
        await asyncio.wait_for(is_read.wait(), 20)
        await sender.aclose()
        server.close()
        await asyncio.sleep(0)

    asyncio.run(run())
    assert received == [len(body)]


_answers = st.tuples(
    st.sampled_from([200, 202, 400, 404, 503]),
    st.sampled_from([b"", b"ok", b"x" * 3000]),
    st.sampled_from(["length", "chunked"]),
    st.sampled_from([b"", b"", OK, DOWN, b"\r\n", b"rest", b"HTTP/1.1"]),
    st.lists(st.integers(1, 3000), max_size=3),
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(_answers, min_size=2, max_size=6))
def test_each_request_counts_by_its_own_answer(answers: list[tuple[int, bytes, str, bytes, list[int]]]) -> None:
    """However answers are cut into pieces, and whatever comes with the last of them."""

    def answering(asked: Asked) -> Iterator[bytes]:
        status, body, framing, surplus, cuts = answers[asked.number - 1]
        head, framed = f"HTTP/1.1 {status} Said\r\n".encode(), body
        if framing == "length":
            head += f"Content-Length: {len(body)}\r\n\r\n".encode()
        else:
            head += b"Transfer-Encoding: chunked\r\n\r\n"
            framed = (f"{len(body):x}\r\n".encode() + body + b"\r\n" if body else b"") + b"0\r\n\r\n"
        answer, start = head + framed, 0
        for cut in sorted(cut for cut in cuts if cut < len(answer)):
            yield answer[start:cut]
            start = cut
        yield answer[start:] + surplus

    async def step(sender: Sender, target: Target, _: RawReceiver) -> None:
        for status, body, *_rest in answers:
            attempt = await sender.send(target, event_id="evt_1", body=b"{}")
            assert attempt.status == status
            assert attempt.answer == (None if status < 300 else body.decode()[:2048] or None)

    play(answering, step)


@pytest.mark.parametrize("status", [200, 503])
@pytest.mark.parametrize("framing", [b"Transfer-Encoding: chunked\r\n\r\n", b"Content-Length: 100000\r\n\r\n", b"\r\n"])
def test_an_answer_without_end_holds_its_place_for_a_moment_and_counts(
    status: int, framing: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "REST_SECONDS", 0.2)

    async def endless(_: Asked) -> AsyncIterator[bytes]:
        yield f"HTTP/1.1 {status} Said\r\n".encode() + framing
        while True:
            yield b"2\r\n..\r\n"
            await asyncio.sleep(0.01)

    async def step(sender: Sender, target: Target, _: RawReceiver) -> None:
        started = time.monotonic()
        attempt = await sender.send(target, event_id="evt_1", body=b"{}")
        assert (attempt.status, attempt.error) == (status, None if status == 200 else "answered 503")
        assert (attempt.answer is None) is (status == 200)
        assert time.monotonic() - started < 10

    play(endless, step, timeout_seconds=60)


def test_a_head_without_end_costs_the_time_out_and_no_more() -> None:
    async def endless(_: Asked) -> AsyncIterator[bytes]:
        while True:
            yield b"HTTP/1.1 103 Early Hints\r\n\r\n"
            await asyncio.sleep(0.01)

    async def step(sender: Sender, target: Target, _: RawReceiver) -> None:
        attempt = await sender.send(target, event_id="evt_1", body=b"{}")
        assert (attempt.status, attempt.error) == (None, "no answer within 0.3 s")

    play(endless, step, timeout_seconds=0.3)


def test_a_slow_rest_of_an_answer_does_not_cost_the_connection() -> None:
    async def slow(_: Asked) -> AsyncIterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"
        await asyncio.sleep(0.05)
        yield b"ok"

    async def step(sender: Sender, target: Target, _: RawReceiver) -> None:
        assert [await posted(sender, target) for _ in range(3)] == [200] * 3

    assert play(slow, step).connections == [1, 1, 1]
