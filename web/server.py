"""Serves the application with uvicorn on one address until a signal; used by worker/commands/serve/."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable

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
        http=PatientProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=True,
        timeout_graceful_shutdown=_GRACE_SECONDS,
        h11_max_incomplete_event_size=64 * 1024,
    )


def run(web: Web, listener: socket.socket, *, on_up: Callable[[], None]) -> None:
    """Until SIGTERM or SIGINT. `on_up` is called when requests are answered."""
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    _Server(configured(web), on_up).run(sockets=[listener])


class _Server(uvicorn.Server):
    """Says when requests are answered."""

    def __init__(self, config: uvicorn.Config, on_up: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_up = on_up

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self._on_up()
