"""A source that says exactly the bytes that a test gives it, and remembers which connection it was asked on.

with RawSource(lambda asked: [b"HTTP/1.1 204 No Content\\r\\n\\r\\n"]) as source: ...
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum


class Then(Enum):
    """What is done in place of saying something."""

    HANG_UP = "the connection ends"
    RESET = "the connection is torn down"
    SAY_NO_MORE = "it stays open, and nothing is said on it until the test is over"


@dataclass(frozen=True)
class Asked:
    """A request that was read whole."""

    connection: int  #: 1, 2, …: which one it came on
    method: str
    path: str
    body: bytes


#: The pieces of an answer, each sent by itself.
Answering = Callable[[Asked], Iterable[bytes | Then]]


class RawSource:
    """Listens on a free port of the loopback for the life of the `with`."""

    def __init__(
        self,
        answering: Answering,
        *,
        tls: ssl.SSLContext | None = None,
        is_ipv6: bool = False,
        reads_bodies: bool = True,
        greeting: bytes | None = None,
    ) -> None:
        """`greeting`: this is said to each who connects, and nothing after it."""
        self.asked: list[Asked] = []
        self.ended: list[int] = []  #: connections that were ended from this side
        self.ended_by_others = 0  #: how many were ended from the other
        self._answering = answering
        self._tls = tls
        self._reads_bodies = reads_bodies
        self._greeting = greeting
        self._family = socket.AF_INET6 if is_ipv6 else socket.AF_INET
        self._is_over = threading.Event()
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._number = 0
        self._listener: socket.socket

    def __enter__(self) -> RawSource:
        host = "::1" if self._family is socket.AF_INET6 else "127.0.0.1"
        self._listener = socket.create_server((host, 0), family=self._family)
        self._start(self._accept)
        return self

    def __exit__(self, *raised: object) -> None:
        self._is_over.set()
        for each in (self._listener, *self._open):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        for thread in self._threads:
            thread.join()

    @property
    def url(self) -> str:
        host, port = self._listener.getsockname()[:2]
        scheme = "http" if self._tls is None else "https"
        return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"

    @property
    def connections(self) -> list[int]:
        """Which connection each request came on."""
        return [each.connection for each in self.asked]

    def _start(self, work: Callable[[], None]) -> None:
        thread = threading.Thread(target=work)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:  # the test is over
                return
            self._number += 1
            self._open.append(connection)
            self._start(lambda connection=connection, number=self._number: self._serve(connection, number))  # type: ignore[misc]

    def _serve(self, connection: socket.socket, number: int) -> None:
        with contextlib.suppress(OSError):
            if self._greeting is not None:
                connection.sendall(self._greeting)
                self._is_over.wait(60)
                return
            if self._tls is not None:
                connection = self._tls.wrap_socket(connection, server_side=True)
                self._open.append(connection)
            with connection, connection.makefile("rb") as reader:
                while (asked := self._read(reader, number)) is not None:  # type: ignore[arg-type]
                    self.asked.append(asked)
                    for piece in self._answering(asked):
                        if isinstance(piece, bytes):
                            connection.sendall(piece)
                            continue
                        if piece is Then.SAY_NO_MORE:
                            self._is_over.wait(60)
                        if piece is Then.RESET:
                            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                        else:
                            connection.shutdown(socket.SHUT_RDWR)
                        self.ended.append(number)
                        return
            self.ended_by_others += 1

    def _read(self, reader: Iterable[bytes], number: int) -> Asked | None:
        lines: list[str] = []
        for line in reader:
            if line == b"\r\n":
                break
            lines.append(line.decode("latin-1"))
        if not lines:
            return None
        lengths = [int(line[15:]) for line in lines if line.lower().startswith("content-length:")]
        body = reader.read(lengths[0]) if lengths and self._reads_bodies else b""  # type: ignore[attr-defined]
        method, path, _ = lines[0].split(" ")
        return Asked(number, method, path, body)
