"""Serves the application with uvicorn on one address until a signal; used by worker/commands/serve/."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.utils import formatdate

import uvicorn

from changes.problems import Problem
from web import app as application
from web.patience import PatientProtocol
from web.services import Web

#: Whoever is answered slowly (a long poll, a stream) is not waited for at the end.
_GRACE_SECONDS = 2


class PortTaken(Problem):  # named like the others that people read
    """Somebody else listens there."""

    exit_code = 5
    code = "port"


def listen(host: str, port: int) -> socket.socket:
    """PortTaken with what to do; port 0 takes a free one."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio turns delayed sending off only where the protocol is named: without it each answer takes 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(512)
    except (OSError, OverflowError) as error:
        listener.close()
        why = getattr(error, "strerror", None) or str(error)
        raise PortTaken(
            f"serve.listen: {host}:{port} cannot be listened on: {why}",
            'end what listens there, or set [serve] listen = "127.0.0.1:PORT" (or --listen)',
        ) from None
    return listener


def url(listener: socket.socket) -> str:
    """Where it listens, as a browser on this machine writes it."""
    host, port = listener.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  # it is listened on already
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def configured(web: Web) -> uvicorn.Config:
    """How the application is served; tests serve it in the same way."""
    return uvicorn.Config(
        application.make(web),
        http=_Protocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,  # see _Protocol
        timeout_graceful_shutdown=_GRACE_SECONDS,
        h11_max_incomplete_event_size=64 * 1024,
    )


def run(web: Web, listener: socket.socket, *, on_up: Callable[[], None]) -> None:
    """Until SIGTERM or SIGINT. `on_up` is called when requests are answered."""
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    _Server(configured(web), on_up).run(sockets=[listener])


class _Protocol(PatientProtocol):
    """Dates an answer when its request is there: uvicorn makes a date each second, whether anybody asks or not."""

    def handle_events(self) -> None:
        date = formatdate(time.time(), usegmt=True).encode()
        self.server_state.default_headers = [(b"date", date), *self.config.encoded_headers]
        super().handle_events()


class _Server(uvicorn.Server):
    """Says when requests are answered; while nobody asks it sleeps until a signal."""

    def __init__(self, config: uvicorn.Config, on_up: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_up = on_up

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self._on_up()

    async def main_loop(self) -> None:
        """In place of uvicorn's own, which looks ten times a second whether it is to end."""
        heard = asyncio.Event()
        with _signals_heard(heard):
            while not self.should_exit:
                await heard.wait()
                heard.clear()


@contextmanager
def _signals_heard(heard: asyncio.Event) -> Iterator[None]:
    """Set the event whenever a signal has come.

    A handler alone would not do: of a signal that comes just before the loop falls asleep it learns when that wakes.
    """
    loop = asyncio.get_running_loop()
    reader, writer = socket.socketpair()
    with reader, writer:
        reader.setblocking(False)
        writer.setblocking(False)

        def read() -> None:
            reader.recv(4096)
            heard.set()

        loop.add_reader(reader, read)
        before = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
        try:
            yield
        finally:
            signal.set_wakeup_fd(before)
            loop.remove_reader(reader)
