"""One deadline for all that happens on a connection during a request, and an end to it when the process is stopping.

Limits of single reads are not enough: a source that sends a byte now and then would hold a thread for ever. Used by the
wire, by its connections, and by those through a proxy.
"""

from __future__ import annotations

import queue
import socket
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from upstream.throttle import Stopped

Dialled = TypeVar("Dialled")
Came = TypeVar("Came")

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

    def wait_for(self, receive: Callable[[float], Came], timeout: float | None, late: type[Exception]) -> Came:
        """What `receive` brings, which is given how long it may wait and raises `late` after that."""
        if time.monotonic() > getattr(self._ends, "at", float("inf")):
            raise late("the time for the whole request is over")  # however fast something comes
        ends_at = time.monotonic() + self.left(timeout)
        while True:
            left = ends_at - time.monotonic()
            try:
                return receive(max(0.001, min(left, LOOK_SECONDS)))
            except late:
                if self.stopping.is_set():
                    raise Stopped from None
                if left <= LOOK_SECONDS:
                    raise

    def dial(
        self,
        host: str,
        port: int,
        timeout: float | None,
        connect: Callable[[str, float], Dialled],
        failures: tuple[type[Exception], ...],
    ) -> Dialled:
        """What `connect` makes of one of the addresses of `host` within so many seconds; it fails with `failures`.

        Raises OSError or TimeoutError if the name cannot be looked up, and ValueError if it cannot be written.
        """
        *others, last = self._addresses(host, port, timeout)[:MOST_ADDRESSES]
        for number, address in enumerate(others):
            try:
                return connect(address, self.left(timeout) / (len(others) + 1 - number))
            except failures:
                continue
        return connect(last, self.left(timeout))

    def _addresses(self, host: str, port: int, timeout: float | None) -> list[str]:
        """Every address of a name, in the resolver's order.

        The system's look-up has no limit of its own and cannot be called off. So it has a thread; one that hangs is
        left behind and ends by itself.
        """
        answers: queue.SimpleQueue[list[str] | OSError | ValueError] = queue.SimpleQueue()

        def look_up() -> None:
            try:
                found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
                answers.put(list(dict.fromkeys(str(entry[4][0]) for entry in found)))
            except (OSError, ValueError) as error:  # a name that cannot be written is a ValueError
                answers.put(error)

        threading.Thread(target=look_up, name="look-up", daemon=True).start()
        try:
            answer = self.wait_for(lambda seconds: answers.get(timeout=seconds), timeout, queue.Empty)
        except queue.Empty:
            raise TimeoutError(f"{host} was not looked up in time") from None
        if isinstance(answer, list):
            return answer
        raise answer
