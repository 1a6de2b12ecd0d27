"""One connection to a receiver: one request at a time, and what a delivery needs of each answer; used by the sender.

An asyncio protocol with h11, which checks every byte of the grammar. It is our own because the pool of an HTTP client
goes over all its connections for each request, and that costs more than the request itself.
"""

from __future__ import annotations

import asyncio
import select
import time
from dataclasses import dataclass, field
from typing import cast

import h11

from webhooks.refusals import READ_BYTES, Refusal
from webhooks.request import Headers

#: So much of an answer is read, so that the connection can be used again.
ANSWER_BYTES = 64 * 1024
#: How long the rest of an answer may take when its status is known; then the connection is given up, not the answer.
REST_SECONDS = 1.0
#: Common servers close an idle connection after 5 s: it must not be used just when they do.
IDLE_SECONDS = 4.0
#: Longer headers than this are no answer.
_HEAD_BYTES = 100 * 1024


class BrokenOffError(Exception):
    """The answer is not valid HTTP, or the connection ended before it began."""


@dataclass(slots=True)
class Answer:
    """Filled as it arrives. Its status counts, whatever becomes of the rest."""

    status: int | None = None
    retry_after: str | None = None
    refusal: Refusal | None = field(default=None)  #: of an answer that is not 2xx


class Connection(asyncio.Protocol):
    """Made by `connecting.Connector.connect`; lives inside one event loop.

    Once a byte has come that belongs to no answer, it is closed: the next answer could belong to any request.
    """

    def __init__(self) -> None:
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=_HEAD_BYTES)
        self._transport: asyncio.Transport | None = None
        self._done: asyncio.Future[None] | None = None  #: of the request that is under way
        self._answer = Answer()
        self._read_bytes = 0
        self._rest: asyncio.TimerHandle | None = None  #: runs while the rest of an answer is waited for
        self._is_answered = False  #: nothing more is wanted of the answer
        self._keeps = True  #: whether the connection can be used again then
        self._idle_since = time.monotonic()
        self.has_surplus = False  #: the receiver has sent what belongs to no answer

    async def post(self, target: bytes, headers: Headers, body: bytes, answer: Answer) -> None:
        """Return when the answer was read; raises OSError or BrokenOffError. If given up half way, it is closed."""
        if self._transport is None or not self.is_open:
            raise BrokenOffError("closed, or something came on it, before anything was asked")
        self._done, self._answer, self._read_bytes = asyncio.get_running_loop().create_future(), answer, 0
        self._is_answered, self._keeps = False, True
        head = self._http.send(h11.Request(method="POST", target=target, headers=headers))
        rest = self._http.send(h11.Data(body)), self._http.send(h11.EndOfMessage())
        self._transport.write(b"".join(part for part in (head, *rest) if part))
        try:
            await self._done
            if self.is_open:
                self._http.start_next_cycle()
                self._idle_since = time.monotonic()
        except h11.LocalProtocolError:  # one of the two sides wants no further request on it
            self.close()
        except BaseException:
            self.close()
            raise
        finally:
            self._done = None
            if self._rest is not None:
                self._rest.cancel()
                self._rest = None

    @property
    def is_open(self) -> bool:
        """Whether neither side has closed it."""
        return self._transport is not None and not self._transport.is_closing()

    @property
    def is_usable(self) -> bool:
        """Whether it can take one more request: not idle for long, and the receiver has not closed it or sent bytes."""
        if self._transport is None or not self.is_open or time.monotonic() - self._idle_since > IDLE_SECONDS:
            return False
        look = select.poll()  # the loop may not have come to read it yet
        look.register(self._transport.get_extra_info("socket"), select.POLLIN)
        return not look.poll(0)

    def close(self) -> None:
        """Close it at once; what is still under way is lost."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by asyncio."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=0)  # so `resume_writing` means that all of a request was sent

    def data_received(self, data: bytes) -> None:
        """Called by asyncio."""
        if self._done is None or self._done.done():
            self._note_surplus()  # nobody has asked
        else:
            self._take(data)

    def resume_writing(self) -> None:
        """Called by asyncio."""
        if self._is_answered:
            self._finish()
        else:
            self._wait_for_rest()

    def connection_lost(self, error: Exception | None) -> None:
        """Called by asyncio."""
        if self._done is not None and not self._done.done():
            if self._is_answered:
                self._done.set_result(None)
            elif error is not None:
                self._done.set_exception(error)
            else:
                self._take(b"")  # this ends an answer that does not tell its length

    def _take(self, data: bytes) -> None:
        assert self._done is not None  # noqa: S101  # only while a request is under way
        if self._is_answered:
            self.has_surplus = self.has_surplus or self._keeps
            self._keeps = False
            return
        try:
            self._http.receive_data(data)
            while not (self._done.done() or self._is_answered):
                event = self._http.next_event()
                if isinstance(event, h11.Response):
                    self._begin(event)
                elif isinstance(event, h11.Data):
                    self._read(event.data)
                elif isinstance(event, h11.EndOfMessage):
                    self._end()
                elif not isinstance(event, h11.InformationalResponse):
                    break  # more is to come
        except h11.RemoteProtocolError as error:
            self.has_surplus = self.has_surplus or bool(data)  # most likely the rest of the answer before
            self._done.set_exception(BrokenOffError(str(error)))
            return
        self._wait_for_rest()

    def _wait_for_rest(self) -> None:
        """From when the status is known and the request was sent whole: who answers first may have to read it all."""
        is_done = self._done is None or self._done.done() or self._is_answered
        if self._answer.status is not None and self._rest is None and not is_done and not self._is_owed:
            self._rest = asyncio.get_running_loop().call_later(REST_SECONDS, self._give_up)

    def _begin(self, response: h11.Response) -> None:
        self._answer.status = response.status_code
        if not 200 <= response.status_code < 300:
            headers = {name: value.decode("latin-1") for name, value in reversed(response.headers)}
            self._answer.retry_after = headers.get(b"retry-after")
            self._answer.refusal = Refusal(
                headers.get(b"content-type", ""), headers.get(b"content-encoding", ""), headers.get(b"location", "")
            )

    def _read(self, data: bytes) -> None:
        self._read_bytes += len(data)
        refusal = self._answer.refusal
        if refusal is not None:
            refusal.read_bytes = self._read_bytes
            refusal.body += data[: READ_BYTES - len(refusal.body)]
        if self._read_bytes > ANSWER_BYTES:
            self._give_up()

    @property
    def _is_owed(self) -> bool:
        """Whether the receiver has accepted an event of which it has not got all yet."""
        status, transport = self._answer.status, self._transport
        return bool(status is not None and 200 <= status < 300 and transport and transport.get_write_buffer_size())

    def _end(self) -> None:
        if self._http.trailing_data[0]:
            self.has_surplus, self._keeps = True, False
        self._finish()

    def _give_up(self) -> None:
        """Stop waiting: the status is known, and the rest is not worth it."""
        self._keeps = False
        self._finish()

    def _finish(self) -> None:
        """Once a receiver that has accepted the event has got all of it; others need not read what they refuse."""
        self._is_answered = True
        if self._is_owed:
            return
        if not self._keeps or (self._transport is not None and self._transport.get_write_buffer_size()):
            self.close()  # what is left of it, or of the answer, would come before the next one
        if self._done is not None and not self._done.done():
            self._done.set_result(None)

    def _note_surplus(self) -> None:
        self.has_surplus = True
        self.close()
