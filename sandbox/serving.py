"""Serves an application on a free port: in a thread for tests, or as this process until it is told to end."""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import orjson
import uvicorn

from sandbox.exchange import Asgi


@dataclass(slots=True)
class Running:
    """A server in a thread; also a context manager."""

    url: str
    stop: Callable[[], None]

    def __enter__(self) -> Running:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def start(app: Asgi, *, host: str = "127.0.0.1", port: int = 0) -> Running:
    """Serves in a thread; answers when requests are answered."""
    listener = listen(host, port)
    server = _server(app)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    while not server.started:
        if not thread.is_alive():
            raise RuntimeError("the sandbox could not be started")
        time.sleep(0.005)

    def stop() -> None:
        server.should_exit = True
        thread.join(10)
        listener.close()

    return Running(_url(listener), stop)


def run(app: Asgi, listener: socket.socket, *, name: str, is_bound_to_parent: bool = False) -> None:
    """Prints one line of JSON with the url, then serves until SIGTERM (exit code 0) or Ctrl-C (130)."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    signal.signal(signal.SIGINT, lambda *_: sys.exit(130))
    if is_bound_to_parent:
        _die_with_parent()
    told = {"name": name, "url": _url(listener), "pid": os.getpid()}
    _server(app, announcement=orjson.dumps(told).decode() + "\n").run(sockets=[listener])


class _Server(uvicorn.Server):
    """Says where it is only when a signal would already end it cleanly."""

    announcement = ""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        sys.stdout.write(self.announcement)
        sys.stdout.flush()


def _server(app: Asgi, *, announcement: str = "") -> uvicorn.Server:
    config = uvicorn.Config(
        app,
        lifespan="off",
        ws="none",
        log_config=None,
        access_log=False,
        timeout_keep_alive=120,
        timeout_graceful_shutdown=1,
    )
    logger = logging.getLogger("uvicorn.error")
    if not logger.filters:  # connections that are cut are cut on purpose
        logger.addFilter(lambda record: "without completing" not in record.getMessage())
        logger.setLevel(logging.ERROR)
    server = _Server(config)
    server.announcement = announcement
    return server


def listen(host: str, port: int) -> socket.socket:
    """Raises OSError or UnicodeError where nothing can listen there."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio turns delayed sending off only where the protocol is named: without it each answer takes 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, port))
    listener.listen(512)
    return listener


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _die_with_parent() -> None:
    """Linux only; elsewhere it does nothing."""
    if sys.platform.startswith("linux"):
        parent = os.getppid()
        ctypes.CDLL(None, use_errno=True).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG
        if os.getppid() != parent:  # it died in between
            sys.exit(0)
