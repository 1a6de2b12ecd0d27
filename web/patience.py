"""How long a connection may take for a request, and to take an answer; uvicorn's own protocol with an end to both.

Whoever connects and says nothing costs a file descriptor, which needs no token. Used by server.py.
"""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol

#: From the first byte, or the connection, to the end of a request; a form is there at once.
REQUEST_SECONDS = 30.0
#: So long nothing at all of an answer may be taken: a reader of a stream may be at something else meanwhile.
STALLED_SECONDS = 300.0


class PatientProtocol(H11Protocol):
    """One connection."""

    _request: asyncio.TimerHandle | None = None
    _answer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._watch_request()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch_request()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._watch_request()  # the next request may have come already, in part

    def connection_lost(self, exc: Exception | None) -> None:
        for handle in (self._request, self._answer):
            if handle is not None:
                handle.cancel()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """More was written than is taken."""
        super().pause_writing()
        if self._answer is None:
            self._watch_answer()

    def resume_writing(self) -> None:
        if self._answer is not None:
            self._answer.cancel()
            self._answer = None
        super().resume_writing()

    def _watch_request(self) -> None:
        is_whole = self.cycle is not None and not self.cycle.more_body and not self.cycle.response_complete
        if is_whole and self._request is not None:
            self._request.cancel()
            self._request = None
        elif not is_whole and self._request is None:
            self._request = self.loop.call_later(REQUEST_SECONDS, self.transport.close)

    def _watch_answer(self) -> None:
        left = self.transport.get_write_buffer_size()
        self._answer = self.loop.call_later(STALLED_SECONDS, self._look_at_answer, left)

    def _look_at_answer(self, before: int) -> None:
        if self.transport.get_write_buffer_size() < before:
            self._watch_answer()
        else:
            self.transport.abort()  # to close would wait until the rest is taken
