"""A proxy from the configuration through which deliveries go: its URL, and the tunnel to a receiver that speaks TLS.

Proxies of the environment are never used: a proxy that is not in the configuration was not meant for this.
"""

from __future__ import annotations

import asyncio
import base64
import socket
from dataclasses import dataclass, field
from functools import lru_cache
from urllib.parse import unquote, urlsplit

import h11

#: A longer head is no answer to CONNECT.
_HEAD_BYTES = 16 * 1024
_HOW = "write it as http://user:password@host:port"


class ProxyError(Exception):
    """The proxy does not do its work; the text says why, for people."""

    def __init__(self, text: str, *, is_ours: bool = True) -> None:
        super().__init__(text)
        self.is_ours = is_ours  #: False: it could not reach the receiver, or refuses to


@dataclass(frozen=True, slots=True)
class Proxy:
    """Its address, and the credentials that it is shown."""

    host: str
    port: int
    authorization: str | None = field(repr=False)

    @property
    def headers(self) -> list[tuple[str, str]]:
        """Headers that go to the proxy and no further."""
        return [("Proxy-Authorization", self.authorization)] if self.authorization else []


def problem(text: str) -> str | None:
    """What is wrong with a proxy's URL as it is written; never quotes it, since it may carry a password."""
    try:
        parts = urlsplit(text)
        if parts.scheme != "http":
            return f"only http:// proxies are possible; {_HOW}"
        if not parts.hostname or not parts.hostname.isascii():
            return f"it names no host; {_HOW}"
        if parts.port is None or parts.port == 0:
            return f"it names no port; {_HOW}"
        if parts.path not in ("", "/") or parts.query or parts.fragment:
            return f"there is something behind the port; {_HOW}"
    except ValueError:
        return f"it is not a valid URL; {_HOW}"
    return None


@lru_cache(maxsize=64)
def parsed(text: str) -> Proxy:
    """The proxy that a URL names; ProxyError if it names none."""
    wrong = problem(text)
    if wrong is not None:
        raise ProxyError(f"the proxy cannot be used: {wrong}")
    parts = urlsplit(text)
    assert parts.hostname is not None  # noqa: S101  # `problem` has looked
    assert parts.port is not None  # noqa: S101
    credentials = credentials_in(text)
    authorization = None
    if credentials:
        authorization = "Basic " + base64.b64encode(":".join(credentials).encode()).decode()
    return Proxy(parts.hostname, parts.port, authorization)


def credentials_in(text: str) -> tuple[str, ...]:
    """User and password of a proxy's URL, in clear; empty if it has none."""
    parts = urlsplit(text)
    return (unquote(parts.username or ""), unquote(parts.password or "")) if "@" in parts.netloc else ()


async def tunnel(dialled: socket.socket, proxy: Proxy, host: str, port: int) -> None:
    """Have the proxy pass on to `host` what comes next. ProxyError: it does not, and why; OSError: it is gone."""
    loop = asyncio.get_running_loop()
    authority = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    http = h11.Connection(h11.CLIENT, max_incomplete_event_size=_HEAD_BYTES)
    headers = [("Host", authority), *proxy.headers]
    await loop.sock_sendall(dialled, http.send(h11.Request(method="CONNECT", target=authority, headers=headers)) or b"")
    http.send(h11.EndOfMessage())
    try:
        while True:
            event = http.next_event()
            if event is h11.NEED_DATA:
                http.receive_data(await loop.sock_recv(dialled, 4096))
            elif isinstance(event, h11.Response):
                _judge(event.status_code, has_more=bool(http.trailing_data[0]))
                return
    except h11.RemoteProtocolError as error:
        raise ProxyError("the proxy's answer is not valid HTTP, or broke off before it began") from error


def _judge(status: int, *, has_more: bool) -> None:
    if status == 407:
        raise ProxyError("the proxy wants another name or password (it answered 407)")
    if not 200 <= status < 300:
        raise ProxyError(f"the proxy does not connect to the receiver: it answered {status}", is_ours=False)
    if has_more:  # nobody has asked the receiver anything yet
        raise ProxyError("the proxy sent something before it was asked")
