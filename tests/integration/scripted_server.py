"""An HTTP server in a thread that answers as a test has written down, and remembers what it was asked.

    with ScriptedServer() as server:
        server.on("GET", "/things", Reply(429, headers={"Retry-After": "1"}), json_reply([]))

The replies to one method and path are given in their order, the last one again and again. A reply may be a function of
the request. What nobody has written an answer for gets 404.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True)
class Request:
    """What the server was asked."""

    method: str
    target: str  #: as it was sent, percent-encoding and all
    headers: Mapping[str, str]  #: names in lower case
    body: bytes
    at: float  #: time.monotonic()

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.target).query, keep_blank_values=True))

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Reply:
    """One answer, and how it goes wrong."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    cut_after: int | None = None  #: the connection ends after so many bytes of the body
    drip_seconds: float | None = None  #: every byte after such a pause
    is_head_dripped: bool = False  #: the pauses are between the bytes of the headers
    is_never_sent: bool = False  #: the connection ends without an answer


def json_reply(value: object, status: int = 200, **more: Any) -> Reply:
    headers = {"Content-Type": "application/json", **more.pop("headers", {})}
    return Reply(status, json.dumps(value).encode(), headers, **more)


def gzip_reply(body: bytes, status: int = 200) -> Reply:
    return Reply(status, gzip.compress(body), {"Content-Type": "application/json", "Content-Encoding": "gzip"})


Answering = Reply | Callable[[Request], Reply]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, self.path, headers, self.rfile.read(length), time.monotonic())
        reply = self.server.owner.reply_to(request)
        with contextlib.suppress(ConnectionError):
            self.write(reply)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_LOOKUP = answer  # noqa: N815  names that the base class wants

    def write(self, reply: Reply) -> None:
        self.close_connection = reply != Reply(reply.status, reply.body, reply.headers)
        if reply.is_never_sent:
            return
        lines = [f"HTTP/1.1 {reply.status} Said", f"Content-Length: {len(reply.body)}"]
        lines += [f"{name}: {value}" for name, value in reply.headers.items() if name != "Content-Length"]
        head = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
        body = reply.body if reply.cut_after is None else reply.body[: reply.cut_after]
        if reply.is_head_dripped:
            self.drip(head + body, reply.drip_seconds or 0)
        elif reply.drip_seconds is not None:
            self.wfile.write(head)
            self.drip(body, reply.drip_seconds)
        else:
            self.wfile.write(head + body)

    def drip(self, data: bytes, seconds: float) -> None:
        for byte in data:
            if self.server.owner.closing.wait(seconds):
                return
            self.wfile.write(bytes([byte]))

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    owner: ScriptedServer

    def handle_error(self, request: object, client_address: object) -> None:
        """Callers that hang up are part of the tests."""


class ScriptedServer:
    """Listens on a free port of 127.0.0.1 for the life of the `with`."""

    def __init__(self, *, tls: ssl.SSLContext | None = None) -> None:
        self.requests: list[Request] = []
        self.closing = threading.Event()
        self._lock = threading.Lock()
        self._scripts: dict[tuple[str, str], list[Answering]] = {}
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.owner = self
        self._scheme = "http"
        if tls is not None:
            self._scheme = "https"
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})

    def __enter__(self) -> ScriptedServer:
        self._thread.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self.closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def port(self) -> int:
        return self._server.server_port

    @property
    def url(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self.port}"

    def on(self, method: str, path: str, *replies: Answering) -> None:
        """What to answer; `path` without its query, encoded as it will be sent; "*" for all that have no answer."""
        with self._lock:
            self._scripts[method, path] = list(replies)

    def asked(self, method: str, path: str) -> list[Request]:
        with self._lock:
            return [request for request in self.requests if (request.method, request.path) == (method, path)]

    def reply_to(self, request: Request) -> Reply:
        with self._lock:
            self.requests.append(request)
            script = self._scripts.get((request.method, request.path)) or self._scripts.get((request.method, "*"))
            if not script:
                return json_reply({"message": "no such path"}, 404)
            answering = script.pop(0) if len(script) > 1 else script[0]
        return answering if isinstance(answering, Reply) else answering(request)


@contextlib.contextmanager
def closed_port() -> Iterator[int]:
    """A port on which nobody listens."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    port = server.server_port
    server.server_close()
    yield port
