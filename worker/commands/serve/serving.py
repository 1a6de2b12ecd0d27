"""What `serve` does: serves what wiring.py has put together, on one address, until a signal."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING, NamedTuple

from tasks.log_lines import Logger
from worker.problems import SettingsError, UsageError

if TYPE_CHECKING:
    import socket

    from worker.settings import Settings

log = Logger("mirrorpoint.serve")

#: Between two tries of a child to listen on an address that is taken.
_PAUSE_SECONDS = 5.0


class Address(NamedTuple):
    host: str
    port: int


def address(settings: Settings, listen: str | None = None) -> Address:
    """Where to listen; the error says how, where it may not be."""
    from web.hosts import is_loopback
    from worker import serve_table

    if listen is not None:
        try:
            serve_table.listen_address(listen)
        except ValueError as error:
            raise UsageError(f'--listen "{listen}" {error}', "for example --listen 127.0.0.1:8480") from None
    wanted = settings.serve.listen if listen is None else listen
    if wanted == "off":
        hint = "name an address there, or --listen 127.0.0.1:8480"
        raise SettingsError(str(settings.file), "serve.listen", 'is "off"', hint)
    host, port = serve_table.split_address(wanted)
    if settings.serve.tokens:
        return Address(host, port)
    hint = 'add [[serve.tokens]] with name, token = "env:…" and role = "operate"'
    if not is_loopback(host):
        problem = f"{host} can be reached from elsewhere, and no tokens are configured"
        raise SettingsError(str(settings.file), "serve.listen", problem, f"{hint}, or listen on 127.0.0.1")
    if settings.serve.public_url:
        problem = "is where others reach the page, and no tokens are configured"
        raise SettingsError(str(settings.file), "serve.public_url", problem, hint)
    return Address(host, port)


def serve(settings: Settings, *, listen: str | None, is_child: bool) -> int:
    """Until SIGTERM or SIGINT; the exit code. A child waits for an address that is taken, and says so once."""
    from web import server
    from worker import banner, child, descriptors
    from worker.commands.serve import wiring

    descriptors.raise_limit()
    # uvicorn ends cleanly and then passes the signal on; there is nothing left that it could end.
    signal.signal(signal.SIGTERM, lambda *_: None)
    where = address(settings, listen)
    links = wiring.Links()
    web = wiring.web(settings, where.host, links=links)
    listener = _waited_for(where) if is_child else server.listen(where.host, where.port)
    links.url = settings.serve.public_url or server.url(listener)

    def on_up() -> None:
        log.info("serving", url=links.url)
        if web.codes is not None:
            web.codes.renew()
        child.say_ready(banner.Page(links.url, links.last).words())

    try:
        server.run(web, listener, on_up=on_up)
    finally:
        web.reading.close()
        web.writing.dispose()
    return 0


def _waited_for(where: Address) -> socket.socket:
    """`run` goes on without its page meanwhile."""
    from web import server
    from worker import banner, child

    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    is_told = False
    while True:
        try:
            listener = server.listen(where.host, where.port)
        except server.PortTaken as error:
            if not is_told:
                log.warning("not_serving", why=error.message, hint=error.hint)
                child.say_ready(banner.Page(why=error.message).words())
                is_told = True
            time.sleep(_PAUSE_SECONDS)
            continue
        signal.signal(signal.SIGTERM, lambda *_: None)
        return listener
