"""The connections to a source: an httpx transport of our own for HTTP/1.1, used by the wire where no proxy is between.

It is our own because every page comes through it: the pool of httpx takes longer for a page than the page itself, and
has no public way to keep a deadline. h11 checks every byte of a head; a body whose length is known goes past it.
"""

from __future__ import annotations

import select
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import h11
import httpx

from upstream.deadline import Deadline

#: Common servers close an idle connection after 5 s: it must not be used just when they do.
IDLE_SECONDS = 4.0
#: Longer headers than this are no answer.
HEAD_BYTES = 100 * 1024
#: What is read at once.
READ_BYTES = 64 * 1024
_PORTS = {"http": 80, "https": 443}
#: Answers that have no body, whatever their headers say.
_BODILESS = frozenset({204, 304})

Timeouts = Mapping[str, float | None]


class Origin(NamedTuple):
    """Where a connection leads."""

    scheme: str
    host: str
    port: int


class Connections(httpx.BaseTransport):
    """At most `most` connections, to all origins together; thread-safe. Raises what httpx's own transport raises.

    A request is sent once more, on a new connection, if it is a GET and the one that was idle ended without a byte of
    an answer: the server had closed it meanwhile.
    """

    def __init__(
        self,
        deadline: Deadline,
        context: ssl.SSLContext,
        *,
        most: int,
        before_again: Callable[[], None] = lambda: None,
    ) -> None:
        """`before_again` is called before a request is sent once more: it is one more that the source gets."""
        self._before_again = before_again
        context.set_alpn_protocols(["http/1.1"])
        self._deadline = deadline
        self._context = context
        self._most = most
        self._room = threading.BoundedSemaphore(most)
        self._lock = threading.Lock()
        self._idle: list[Connection] = []  #: the one that was used last is the last
        self._in_use = 0
        self._is_closed = False

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Called by httpx. What is left of the answer is read, and its connection given back, by the response."""
        url, timeouts = request.url, request.extensions.get("timeout", {})
        if url.scheme not in _PORTS:
            raise httpx.UnsupportedProtocol("only http:// and https:// are possible")
        origin = Origin(url.scheme, url.raw_host.decode("ascii"), url.port or _PORTS[url.scheme])
        if not self._room.acquire(timeout=self._deadline.left(timeouts.get("pool"))):
            raise httpx.PoolTimeout(f"all {self._most} connections are in use")
        connection = self._take_idle(origin)
        try:
            if connection is not None:
                try:
                    return self._ask(connection, request, timeouts)
                except (httpx.ReadError, httpx.RemoteProtocolError):
                    if connection.has_heard or request.method != "GET":
                        raise
                    connection.close()
                    self._before_again()
            connection = self._open(origin, timeouts)
            return self._ask(connection, request, timeouts)
        except BaseException:
            self._give_back(connection, is_reusable=False)
            raise

    def close(self) -> None:
        """Those in use are closed when their answers have been read."""
        with self._lock:
            self._is_closed = True
            for each in self._idle:
                each.close()
            self._idle.clear()

    def _ask(self, connection: Connection, request: httpx.Request, timeouts: Timeouts) -> httpx.Response:
        head = connection.ask(request, timeouts)
        parts = connection.body(_known_length(request.method, head))
        body = _Body(parts, lambda: self._give_back(connection, is_reusable=connection.is_reusable))
        extensions = {"http_version": b"HTTP/" + head.http_version, "reason_phrase": head.reason}
        return httpx.Response(head.status_code, headers=list(head.headers), stream=body, extensions=extensions)

    def _take_idle(self, origin: Origin) -> Connection | None:
        with self._lock:
            self._in_use += 1
            now = time.monotonic()
            usable = [each for each in self._idle if each.is_usable(now)]
            for each in self._idle:
                if each not in usable:
                    each.close()
            self._idle = usable
            found = next((each for each in reversed(usable) if each.origin == origin), None)
            if found is not None:
                usable.remove(found)
            elif self._in_use + len(usable) > self._most:  # one to another origin makes room
                usable.pop(0).close()
            return found

    def _give_back(self, connection: Connection | None, *, is_reusable: bool) -> None:
        with self._lock:
            self._in_use -= 1
            if connection is not None and is_reusable and not self._is_closed:
                connection.idle_since = time.monotonic()
                self._idle.append(connection)
            elif connection is not None:
                connection.close()
        self._room.release()

    def _open(self, origin: Origin, timeouts: Timeouts) -> Connection:
        timeout = timeouts.get("connect")

        def connect(address: str, seconds: float) -> socket.socket:
            return socket.create_connection((address, origin.port), timeout=seconds)

        try:
            opened = self._deadline.dial(origin.host, origin.port, timeout, connect, (OSError,))
            try:
                opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                if origin.scheme == "https":
                    opened.settimeout(self._deadline.left(timeout))
                    opened = self._context.wrap_socket(opened, server_hostname=origin.host)
            except BaseException:
                opened.close()
                raise
        except TimeoutError as error:
            raise httpx.ConnectTimeout(str(error)) from error
        except OSError as error:  # ssl.SSLError is one too
            raise httpx.ConnectError(str(error)) from error
        return Connection(origin, opened, self._deadline)


class Connection:
    """One connection, for one request at a time."""

    def __init__(self, origin: Origin, opened: socket.socket, deadline: Deadline) -> None:
        self.origin = origin
        self.idle_since = 0.0  #: of time.monotonic()
        self.has_heard = False  #: whether a byte has come since the last request
        self.is_reusable = False  #: whether the last answer was read to its end, and both sides go on
        self._socket = opened
        self._deadline = deadline
        self._http = h11.Connection(h11.CLIENT)
        self._read_timeout: float | None = None

    def ask(self, request: httpx.Request, timeouts: Timeouts) -> h11.Response:
        """Send the request, and return the head of the answer."""
        self.has_heard = self.is_reusable = False
        self._read_timeout = timeouts.get("read")
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=HEAD_BYTES)
        try:
            head = h11.Request(method=request.method, target=request.url.raw_path, headers=request.headers.raw)
            events = (head, h11.Data(data=request.read()), h11.EndOfMessage())
            written = b"".join(self._http.send(event) or b"" for event in events)
        except h11.LocalProtocolError as error:
            raise httpx.LocalProtocolError(str(error)) from error
        self._send(written, timeouts.get("write"))
        while not isinstance(event := self._next_event(), h11.Response):
            if event is h11.PAUSED:  # a header of the catalogue asked for it
                raise httpx.RemoteProtocolError("it goes on in another protocol")
            # 100 to 199: the answer is still to come
        return event

    def body(self, length: int | None) -> Iterator[bytes]:
        """The body as it comes, not unpacked; `length`: None where h11 must find its end."""
        if length is None:
            while isinstance(event := self._next_event(), h11.Data):
                yield bytes(event.data)
            is_whole = self._http.their_state is h11.DONE and not self._http.trailing_data[0]
        else:
            came = self._http.trailing_data[0]
            is_whole = len(came) <= length
            left = length
            while left:
                came = came[:left] or self._receive(min(left, READ_BYTES))
                if not came:
                    told = f"received {length - left} bytes, expected {length}"
                    raise httpx.RemoteProtocolError(
                        f"peer closed connection without sending complete message body ({told})"
                    )
                yield came
                left -= len(came)
                came = b""
        self.is_reusable = is_whole and self._http.our_state is h11.DONE

    def is_usable(self, now: float) -> bool:
        """Whether it can take one more request: not idle for long, and the server has not closed it or sent bytes."""
        if now - self.idle_since > IDLE_SECONDS or (isinstance(self._socket, ssl.SSLSocket) and self._socket.pending()):
            return False
        look = select.poll()
        look.register(self._socket, select.POLLIN)
        return not look.poll(0)

    def close(self) -> None:
        self._socket.close()

    def _next_event(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        try:
            while (event := self._http.next_event()) is h11.NEED_DATA:
                data = self._receive(READ_BYTES)
                if not data and self._http.their_state is h11.SEND_RESPONSE:
                    raise httpx.RemoteProtocolError("Server disconnected without sending a response.")
                self._http.receive_data(data)
        except h11.RemoteProtocolError as error:
            raise httpx.RemoteProtocolError(str(error)) from error
        return event

    def _send(self, data: bytes, timeout: float | None) -> None:
        self._socket.settimeout(self._deadline.left(timeout))
        try:
            self._socket.sendall(data)
        except TimeoutError as error:
            raise httpx.WriteTimeout(str(error)) from error
        except OSError:
            pass  # a server may answer and hang up before it has read everything: what it said counts

    def _receive(self, most_bytes: int) -> bytes:
        def receive(seconds: float) -> bytes:
            self._socket.settimeout(seconds)
            return self._socket.recv(most_bytes)

        try:
            data = self._deadline.wait_for(receive, self._read_timeout, TimeoutError)
        except TimeoutError as error:
            raise httpx.ReadTimeout(str(error)) from error
        except OSError as error:
            raise httpx.ReadError(str(error)) from error
        self.has_heard = self.has_heard or bool(data)
        return data


class _Body(httpx.SyncByteStream):
    """What httpx reads the body from; at its end the connection is given back."""

    def __init__(self, parts: Iterator[bytes], give_back: Callable[[], None]) -> None:
        self._parts = parts
        self._give_back: Callable[[], None] | None = give_back

    def __iter__(self) -> Iterator[bytes]:
        return self._parts

    def close(self) -> None:
        """Called by httpx, more than once at times."""
        give_back, self._give_back = self._give_back, None
        if give_back is not None:
            give_back()


def _known_length(method: str, head: h11.Response) -> int | None:
    """How long a body is that is neither empty by rule nor chunked nor ended by the connection's end."""
    if method == "HEAD" or head.status_code in _BODILESS:
        return None
    headers = dict(head.headers)
    if b"transfer-encoding" in headers or b"content-length" not in headers:
        return None
    return int(headers[b"content-length"])  # h11 has looked at it
