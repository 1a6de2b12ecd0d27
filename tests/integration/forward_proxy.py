"""A proxy in a thread as companies have them: CONNECT for TLS, whole URLs else; it knows all names as 127.0.0.1.

with ForwardProxy(user="mirror", password="secret") as proxy: ...
"""

from __future__ import annotations

import base64
import contextlib
import socket
import socketserver
import threading
from urllib.parse import urlsplit


class ForwardProxy:
    """Listens on a free port of 127.0.0.1 for the life of the `with`."""

    def __init__(self, *, user: str = "", password: str = "", answers: bytes | None = None) -> None:
        self.heads: list[str] = []  #: of what it was asked
        self.answers = answers  #: to everything, in place of doing it
        self._wanted = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode() if user else None
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.owner = self
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})

    def __enter__(self) -> ForwardProxy:
        self._thread.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def url(self, credentials: str = "") -> str:
        return f"http://{credentials}127.0.0.1:{self.port}"

    def lets_in(self, head: str) -> bool:
        return self._wanted is None or f"proxy-authorization: {self._wanted}".lower() in head.lower()


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    owner: ForwardProxy


class _Handler(socketserver.StreamRequestHandler):
    server: _Server

    def handle(self) -> None:
        owner = self.server.owner
        lines = list(iter(lambda: self.rfile.readline().decode("latin-1"), "\r\n"))
        if "" in lines:  # it has gone without a word
            return
        owner.heads.append("".join(lines))
        method, target, _ = lines[0].split(" ", 2)
        if owner.answers is not None:
            self.wfile.write(owner.answers)
        elif not owner.lets_in(owner.heads[-1]):
            self.wfile.write(b"HTTP/1.1 407 Who\r\nContent-Length: 0\r\n\r\n")
        elif method == "CONNECT":
            with socket.create_connection(("127.0.0.1", int(target.rpartition(":")[2]))) as there:
                self.wfile.write(b"HTTP/1.1 200 Connected\r\n\r\n")
                self.pass_on(there)
        else:
            url = urlsplit(target)
            lines[0] = lines[0].replace(f"{url.scheme}://{url.netloc}", "", 1)
            kept = [line for line in lines if not line.lower().startswith("proxy-")]
            with socket.create_connection(("127.0.0.1", url.port or 80)) as there:
                there.sendall(("".join(kept) + "\r\n").encode("latin-1"))
                self.pass_on(there)

    def pass_on(self, there: socket.socket) -> None:
        # What has been read ahead of it goes with the rest.
        back = threading.Thread(target=_pump, args=(there, self.connection), daemon=True)
        back.start()
        with contextlib.suppress(OSError):
            while data := self.rfile.read1(65536):
                there.sendall(data)
            there.shutdown(socket.SHUT_WR)
        back.join()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
