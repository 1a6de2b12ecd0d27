"""Posts one event to one point and says what came of it; used by tasks/deliver and `points test`.

It has connections of its own (connection.py), since a delivery wants nothing of what an HTTP client adds: no redirects,
no cookies, no proxies from the environment, no decoding of answers, and no address that was not judged.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import ssl
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from importlib import metadata

import httpx

from webhooks import address_guard, retry, signature
from webhooks.connection import Answer, BrokenOffError, Connection, Headers

CONTENT_TYPE = "application/cloudevents+json; charset=utf-8"
#: To one point, whatever `[delivery] concurrency` says; whoever calls `send` keeps to it.
MOST_CONNECTIONS = 8


@dataclass(frozen=True, slots=True)
class Target:
    """Where an event goes, with what the point must not be known by elsewhere."""

    point: str
    url: str = field(repr=False)  #: may carry a secret in its query
    token: str | None = field(default=None, repr=False)  #: sent as a bearer token
    secrets: tuple[str, ...] = field(default=(), repr=False)  #: each signs
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)  #: sent besides our own
    content_type: str | None = None  #: None: CONTENT_TYPE
    timeout_seconds: float | None = None  #: None: the sender's
    ca: str | None = None  #: PEM file of the authorities that its certificate is held against; None: the usual ones
    client_certificate: str | None = None  #: PEM file
    client_key: str | None = None  #: PEM file; None: it is in that of the certificate
    proxy: str | None = field(default=None, repr=False)  #: `http://user:password@host:port`


@dataclass(frozen=True, slots=True)
class _Address:
    """What of a URL is needed for a request."""

    is_secure: bool
    host: str
    port: int
    netloc: str
    path: bytes


class Sender:
    """Keeps each point's connections for its next deliveries; lives inside one event loop."""

    def __init__(
        self,
        *,
        timeout_seconds: float,
        allow: Sequence[address_guard.Network] = (),
        resolve: address_guard.Resolve | None = None,
        ssl_context: ssl.SSLContext | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._timeout_seconds = timeout_seconds
        self._dialler = address_guard.Dialler(allow, resolve=resolve) if resolve else address_guard.Dialler(allow)
        self._ssl_context = ssl_context
        self._now = now
        self._idle: dict[tuple[str, _Address], list[Connection]] = {}
        self._in_use: set[Connection] = set()
        self._user_agent = f"mirrorpoint/{_version()}"

    async def send(self, target: Target, *, event_id: str, body: bytes) -> retry.Attempt:
        """Never raises for what a network or a receiver can do; that is in the attempt."""
        started_at, started = self._now(), time.monotonic()
        answer = Answer()
        error: str | None = None
        try:
            address = _address(target.url)
            headers = self._headers(address, target, event_id=event_id, body=body, attempted_at=started_at)
            async with asyncio.timeout(self._timeout_seconds), self._connection(target.point, address) as connection:
                await connection.post(address.path, headers, body, answer)
        except (_UnsendableError, address_guard.NotDialledError) as reason:
            error = str(reason)
        except TimeoutError:
            error = f"no answer within {self._timeout_seconds:g} s"
        except (OSError, BrokenOffError) as trouble:
            error = _words(trouble)
        if answer.status is not None:  # what went wrong behind the status line changes nothing about it
            error = None if 200 <= answer.status < 300 else f"answered {answer.status}"
        return retry.Attempt(
            started_at=started_at,
            duration_ms=round((time.monotonic() - started) * 1000),
            status=answer.status,
            error=error,
            retry_after_seconds=retry.parse_retry_after(answer.retry_after, now=self._now()),
        )

    async def aclose(self) -> None:
        """Close every connection."""
        for connection in [*self._in_use, *(each for idle in self._idle.values() for each in idle)]:
            connection.close()
        self._idle.clear()
        self._dialler.close()
        await asyncio.sleep(0)  # the loop closes the sockets

    @contextlib.asynccontextmanager
    async def _connection(self, point: str, address: _Address) -> AsyncIterator[Connection]:
        """One that is idle, or a new one."""
        idle = self._idle.setdefault((point, address), [])
        connection = None
        while idle and connection is None:  # the one used last is the least likely to have been closed
            connection = _usable(idle.pop())
        if connection is None:
            connection = await self._dialler.connect(
                Connection,
                address.host,
                address.port,
                ssl_context=self._tls() if address.is_secure else None,
                share_seconds=self._timeout_seconds,
            )
        self._in_use.add(connection)
        try:
            yield connection
        finally:
            self._in_use.discard(connection)
            if connection.is_open:
                idle.append(connection)

    def _tls(self) -> ssl.SSLContext:
        if self._ssl_context is None:
            self._ssl_context = httpx.create_ssl_context()  # reads the certificates: once, and only if needed
        return self._ssl_context

    def _headers(
        self, address: _Address, target: Target, *, event_id: str, body: bytes, attempted_at: datetime
    ) -> Headers:
        headers = {
            "Host": address.netloc,
            "Content-Type": CONTENT_TYPE,
            "Content-Length": str(len(body)),
            "User-Agent": self._user_agent,
            "Accept-Encoding": "identity",
            **signature.headers(event_id, body, secrets=target.secrets, attempted_at=attempted_at),
        }
        if target.token:
            if not (target.token.isascii() and target.token.isprintable()):
                # h11 would refuse it too, and quote it in the error.
                raise _UnsendableError("the point's token has characters that no header can carry")
            headers["Authorization"] = f"Bearer {target.token}"
        return list(headers.items())


class _UnsendableError(Exception):
    """The point is such that no request can be made for it."""


@lru_cache(maxsize=4096)
def _address(text: str) -> _Address:
    problems = address_guard.url_problems(text)
    if problems:
        raise _UnsendableError(f"the point's URL cannot be used: {problems[0]}")
    url = httpx.URL(text)
    is_secure = url.scheme == "https"
    host, port = url.raw_host.decode("ascii"), url.port or (443 if is_secure else 80)
    return _Address(is_secure, host, port, url.netloc.decode("ascii"), url.raw_path)


def _usable(connection: Connection) -> Connection | None:
    if connection.is_usable:
        return connection
    connection.close()
    return None


def _words(error: BaseException) -> str:
    """The deepest cause that a person can do something about; never the text of a request."""
    innermost: BaseException | None = error
    while innermost is not None:
        if isinstance(innermost, ssl.SSLCertVerificationError):
            return f"the certificate is not accepted: {innermost.verify_message}"
        if isinstance(innermost, ssl.SSLError):
            return f"TLS failed: {innermost.reason or 'no reason given'}"
        if isinstance(innermost, OSError) and innermost.errno:
            return f"no connection: {os.strerror(innermost.errno).lower()}"  # asyncio puts its own words there
        innermost = innermost.__cause__ or innermost.__context__
    if isinstance(error, BrokenOffError):
        return "the answer is not valid HTTP, or broke off before it began"
    return "the connection broke off"


def _version() -> str:
    try:
        return metadata.version("mirrorpoint")
    except metadata.PackageNotFoundError:  # run from a checkout that is not installed
        return "0"
