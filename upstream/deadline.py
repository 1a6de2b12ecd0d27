"""One deadline for all that happens on a connection during a request; used by the wire.

httpx limits each read on its own, so a source that sends a byte now and then would hold a thread for ever.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import httpx


class Deadline:
    """The moment by which the request of the current thread must be over."""

    def __init__(self) -> None:
        self._ends = threading.local()

    def begin(self, seconds: float) -> None:
        self._ends.at = time.monotonic() + seconds

    def left(self, timeout: float | None) -> float:
        """`timeout`, or what is left of the time where that is less; never 0, which would mean not to wait at all."""
        left = getattr(self._ends, "at", float("inf")) - time.monotonic()
        return max(0.001, left if timeout is None else min(timeout, left))


class _Stream:
    """A connection whose every operation is over by the deadline."""

    def __init__(self, stream: Any, left: Callable[[float | None], float]) -> None:
        self._stream = stream
        self._left = left

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        data: bytes = self._stream.read(max_bytes, timeout=self._left(timeout))
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, timeout=self._left(timeout))

    def start_tls(self, ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None) -> _Stream:
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, self._left(timeout)), self._left)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class _Backend:
    """Opens connections that know the deadline."""

    def __init__(self, backend: Any, left: Callable[[float | None], float]) -> None:
        self._backend = backend
        self._left = left

    def connect_tcp(self, host: str, port: int, timeout: float | None = None, **more: Any) -> _Stream:
        return _Stream(self._backend.connect_tcp(host, port, timeout=self._left(timeout), **more), self._left)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backend, name)


def impose(deadline: Deadline, http: httpx.Client) -> None:
    """Make all connections of `http` keep `deadline`.

    httpx 0.28 has no public way to do this without giving up its proxies, so its inner pools are reached into; the
    test of a source that sends its headers byte by byte fails when a later version arranges them in another way.
    """
    for transport in (http._transport, *http._mounts.values()):  # noqa: SLF001
        pool = getattr(transport, "_pool", None)
        if pool is not None:
            pool._network_backend = _Backend(pool._network_backend, deadline.left)  # noqa: SLF001
