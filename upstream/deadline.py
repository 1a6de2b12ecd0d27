"""One deadline for all that happens on a connection during a request, and an end to it when the process is stopping.

httpx limits each read on its own, so a source that sends a byte now and then would hold a thread for ever. Used by the
wire.
"""

from __future__ import annotations

import queue
import socket
import threading
import time
from typing import Any

import httpcore
import httpx

from upstream.throttle import Stopped

#: While an answer is waited for, it is looked this often whether anybody still wants it.
LOOK_SECONDS = 0.5
#: Addresses of one name that are tried; each gets an equal share of the time that is left.
MOST_ADDRESSES = 4


class Deadline:
    """The moment by which the request of the current thread must be over; `stopping` ends all of them."""

    def __init__(self, stopping: threading.Event) -> None:
        self.stopping = stopping
        self._ends = threading.local()

    def begin(self, seconds: float) -> None:
        self._ends.at = time.monotonic() + seconds

    def left(self, timeout: float | None) -> float:
        """`timeout`, or what is left of the time where that is less; never 0, which would mean not to wait at all."""
        left = getattr(self._ends, "at", float("inf")) - time.monotonic()
        return max(0.001, left if timeout is None else min(timeout, left))


class _Stream:
    """A connection whose every operation is over by the deadline."""

    def __init__(self, stream: Any, deadline: Deadline) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        ends_at = time.monotonic() + self._deadline.left(timeout)
        while True:
            left = ends_at - time.monotonic()
            try:
                data: bytes = self._stream.read(max_bytes, timeout=max(0.001, min(left, LOOK_SECONDS)))
            except httpcore.ReadTimeout:
                if self._deadline.stopping.is_set():
                    raise Stopped from None
                if left <= LOOK_SECONDS:
                    raise
            else:
                return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, timeout=self._deadline.left(timeout))

    def start_tls(self, ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None) -> _Stream:
        secured = self._stream.start_tls(ssl_context, server_hostname, self._deadline.left(timeout))
        return _Stream(secured, self._deadline)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class _Backend:
    """Opens connections that know the deadline."""

    def __init__(self, backend: Any, deadline: Deadline) -> None:
        self._backend = backend
        self._deadline = deadline

    def connect_tcp(self, host: str, port: int, timeout: float | None = None, **more: Any) -> _Stream:
        *others, last = _addresses(host, port, self._deadline, timeout)[:MOST_ADDRESSES]
        for number, address in enumerate(others):
            share_seconds = self._deadline.left(timeout) / (len(others) + 1 - number)
            try:
                return self._dial(address, port, share_seconds, **more)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        return self._dial(last, port, self._deadline.left(timeout), **more)

    def _dial(self, address: str, port: int, seconds: float, **more: Any) -> _Stream:
        return _Stream(self._backend.connect_tcp(address, port, timeout=seconds, **more), self._deadline)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backend, name)


def _addresses(host: str, port: int, deadline: Deadline, timeout: float | None) -> list[str]:
    """Every address of a name, in the resolver's order.

    The system's look-up has no limit of its own and cannot be called off. So it has a thread; one that hangs is left
    behind and ends by itself.
    """
    answers: queue.SimpleQueue[list[str] | OSError | ValueError] = queue.SimpleQueue()

    def look_up() -> None:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            answers.put(list(dict.fromkeys(str(entry[4][0]) for entry in found)))
        except (OSError, ValueError) as error:  # a name that cannot be written is a ValueError
            answers.put(error)

    threading.Thread(target=look_up, name="look-up", daemon=True).start()
    ends_at = time.monotonic() + deadline.left(timeout)
    while True:
        left = ends_at - time.monotonic()
        try:
            answer = answers.get(timeout=max(0.001, min(left, LOOK_SECONDS)))
        except queue.Empty:
            if deadline.stopping.is_set():
                raise Stopped from None
            if left <= LOOK_SECONDS:
                raise httpcore.ConnectTimeout(f"{host} was not looked up in time") from None
            continue
        if isinstance(answer, OSError):
            raise httpcore.ConnectError(str(answer)) from answer
        if isinstance(answer, ValueError):
            raise answer
        return answer


def impose(deadline: Deadline, http: httpx.Client) -> None:
    """Make all connections of `http` keep `deadline`.

    httpx 0.28 has no public way to do this without giving up its proxies, so its inner pools are reached into; the
    test of a source that sends its headers byte by byte fails when a later version arranges them in another way.
    """
    for transport in (http._transport, *http._mounts.values()):  # noqa: SLF001
        pool = getattr(transport, "_pool", None)
        if pool is not None:
            pool._network_backend = _Backend(pool._network_backend, deadline)  # noqa: SLF001
