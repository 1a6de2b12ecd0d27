"""A receiver that says exactly the bytes that a test gives it, and counts its connections; lives in the test's loop.

    async with RawReceiver(lambda request: b"HTTP/1.1 204 No Content\\r\\n\\r\\n") as receiver: ...

What is sent in one piece arrives in one piece; what is sent later comes by `receiver.says(...)`.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Asked:
    """A request that was read whole."""

    number: int  #: 1, 2, … of all
    connection: int  #: 1, 2, … : which one it came on
    head: str
    body: bytes


#: Pieces are sent one by one; None ends the connection.
Answering = Callable[[Asked], bytes | Iterator[bytes | None] | AsyncIterator[bytes | None]]


class RawReceiver:
    """Listens on a free port of 127.0.0.1 for the life of the `async with`."""

    def __init__(self, answering: Answering, *, greeting: bytes = b"", tls: ssl.SSLContext | None = None) -> None:
        self.asked: list[Asked] = []
        self.writers: list[asyncio.StreamWriter] = []
        self._answering = answering
        self._greeting = greeting
        self._tls = tls
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server

    async def __aenter__(self) -> RawReceiver:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, ssl=self._tls)
        return self

    async def __aexit__(self, *raised: object) -> None:
        self._server.close()
        for writer in self.writers:
            writer.transport.abort()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.sleep(0)  # the loop closes the sockets

    @property
    def port(self) -> int:
        return int(self._server.sockets[0].getsockname()[1])

    @property
    def connections(self) -> list[int]:
        """Which connection each request came on."""
        return [asked.connection for asked in self.asked]

    def says(self, text: bytes, *, connection: int = 1) -> None:
        """Something that nobody has asked for; it is with the sender's system when this returns."""
        self.writers[connection - 1].write(text)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.writers.append(writer)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await self._serve(reader, writer, len(self.writers))
        writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, connection: int) -> None:
        writer.write(self._greeting)
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            lengths = [line[15:] for line in head.split("\r\n") if line.lower().startswith("content-length:")]
            body = await reader.readexactly(int(lengths[0]) if lengths else 0)
            asked = Asked(len(self.asked) + 1, connection, head, body)
            self.asked.append(asked)
            async for piece in _pieces(self._answering(asked)):
                if piece is None:
                    return
                writer.write(piece)
                await writer.drain()


async def _pieces(answer: bytes | Iterator[bytes | None] | AsyncIterator[bytes | None]) -> AsyncIterator[bytes | None]:
    if isinstance(answer, bytes):
        yield answer
    elif isinstance(answer, AsyncIterator):
        async for piece in answer:
            yield piece
    else:
        for piece in answer:
            yield piece
            await asyncio.sleep(0)
