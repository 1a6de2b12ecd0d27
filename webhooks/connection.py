"""One connection to a receiver: a request at a time, and of each answer what a delivery needs; used by the sender.

A protocol of asyncio's with h11, which checks every byte of the grammar. A pool that goes over all its connections for
each request costs more than the request itself.
"""

from __future__ import annotations

import asyncio
import select
import time
from dataclasses import dataclass
from typing import cast

import h11

#: So much of an answer is read, to be able to use the connection again; it is not kept.
ANSWER_BYTES = 64 * 1024
#: Below the 5 s after which common servers close an idle connection, so that it is not used just when they do.
IDLE_SECONDS = 4.0
#: Longer headers than that are no answer.
_HEAD_BYTES = 100 * 1024

Headers = list[tuple[str, str]]


class BrokenOffError(Exception):
    """The answer is not valid HTTP, or the connection ended before it began."""


@dataclass(slots=True)
class Answer:
    """Filled as it arrives: the status counts, whatever becomes of the rest."""

    status: int | None = None
    retry_after: str | None = None


class Connection(asyncio.Protocol):
    """Made by `address_guard.Dialler.connect`; lives inside one event loop."""

    def __init__(self) -> None:
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=_HEAD_BYTES)
        self._transport: asyncio.Transport | None = None
        self._done: asyncio.Future[None] | None = None  #: of the request that is under way
        self._answer = Answer()
        self._read_bytes = 0
        self._idle_since = time.monotonic()

    async def post(self, target: bytes, headers: Headers, body: bytes, answer: Answer) -> None:
        """Return when the answer was read; raises OSError or BrokenOffError. Given up half way, it is closed."""
        assert self._transport is not None  # noqa: S101  # it is connected before anybody gets it
        self._done, self._answer, self._read_bytes = asyncio.get_running_loop().create_future(), answer, 0
        head = self._http.send(h11.Request(method="POST", target=target, headers=headers))
        rest = self._http.send(h11.Data(body)), self._http.send(h11.EndOfMessage())
        self._transport.write(b"".join(part for part in (head, *rest) if part))
        try:
            await self._done
            self._http.start_next_cycle()
            self._idle_since = time.monotonic()
        except h11.LocalProtocolError:  # one of the two wants no further request on it
            self.close()
        except BaseException:
            self.close()
            raise
        finally:
            self._done = None

    @property
    def is_open(self) -> bool:
        """Neither side has closed it."""
        return self._transport is not None and not self._transport.is_closing()

    @property
    def is_usable(self) -> bool:
        """For one more request: not idle for long, and the receiver has neither closed it nor said anything."""
        if self._transport is None or not self.is_open or time.monotonic() - self._idle_since > IDLE_SECONDS:
            return False
        look = select.poll()  # the loop may not have come to read it yet
        look.register(self._transport.get_extra_info("socket"), select.POLLIN)
        return not look.poll(0)

    def close(self) -> None:
        """At once; what is still under way is lost."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by asyncio."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Called by asyncio."""
        if self._done is None:
            self.close()  # nobody has asked
        else:
            self._take(data)

    def connection_lost(self, error: Exception | None) -> None:
        """Called by asyncio."""
        if self._done is not None and not self._done.done():
            if error is not None:
                self._done.set_exception(error)
            else:
                self._take(b"")  # the end of an answer that says its length in no other way

    def _take(self, data: bytes) -> None:
        assert self._done is not None  # noqa: S101  # only while a request is under way
        try:
            self._http.receive_data(data)
            while not self._done.done():
                event = self._http.next_event()
                if isinstance(event, h11.Response):
                    self._answer.status = event.status_code
                    self._answer.retry_after = _retry_after(event)
                elif isinstance(event, h11.Data):
                    self._read_bytes += len(event.data)
                    if self._read_bytes > ANSWER_BYTES:
                        self.close()
                        self._done.set_result(None)
                elif isinstance(event, h11.EndOfMessage):
                    self._done.set_result(None)
                elif not isinstance(event, h11.InformationalResponse):
                    return  # more is to come
        except h11.RemoteProtocolError as error:
            self._done.set_exception(BrokenOffError(str(error)))


def _retry_after(response: h11.Response) -> str | None:
    return next((value.decode("latin-1") for name, value in response.headers if name == b"retry-after"), None)
