"""Posts one event to one point and says what came of it; used by tasks/deliver and `points test`.

It stands on httpcore's pool, the floor of httpx, since a delivery wants nothing of what httpx adds: no redirects, no
cookies, no proxies from the environment, no decoding of answers.
"""

from __future__ import annotations

import asyncio
import os
import ssl
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import metadata

import httpcore
import httpx

from webhooks import address_guard, retry, signature

CONTENT_TYPE = "application/cloudevents+json; charset=utf-8"
#: More in one pool make it slower: it looks at all of them for each request.
MOST_CONNECTIONS = 8
#: Below the 5 s after which common servers close an idle connection, so that it is not used just when they do.
IDLE_SECONDS = 4.0
#: So much of an answer is read, to be able to use the connection again; it is not kept.
ANSWER_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Target:
    """Where an event goes, with what the point must not be known by elsewhere."""

    point: str
    url: str = field(repr=False)  #: may carry a secret in its query
    token: str | None = field(default=None, repr=False)  #: sent as a bearer token
    secrets: tuple[str, ...] = field(default=(), repr=False)  #: each signs


class Sender:
    """One pool of at most 8 connections per point; lives inside one event loop."""

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
        self._backend = (
            address_guard.GuardedBackend(allow, resolve=resolve) if resolve else address_guard.GuardedBackend(allow)
        )
        self._ssl_context = ssl_context
        self._now = now
        self._pools: dict[tuple[str, bytes], httpcore.AsyncConnectionPool] = {}
        self._user_agent = f"mirrorpoint/{_version()}"

    async def send(self, target: Target, *, event_id: str, body: bytes) -> retry.Attempt:
        """Never raises for what a network or a receiver can do; that is in the attempt."""
        started_at, started = self._now(), time.monotonic()
        status: int | None = None
        error: str | None = None
        retry_after: str | None = None
        try:
            request = self._request(target, event_id=event_id, body=body, attempted_at=started_at)
            async with asyncio.timeout(self._timeout_seconds):
                response = await self._pool(target.point, request.url.scheme).handle_async_request(request)
                status = response.status
                retry_after = _header(response, b"retry-after")
                await _read(response)
        except (_UnsendableError, address_guard.NotDialledError) as reason:
            error = str(reason)
        except (TimeoutError, httpcore.TimeoutException):
            error = f"no answer within {self._timeout_seconds:g} s"
        except (OSError, httpcore.NetworkError, httpcore.ProtocolError, httpcore.UnsupportedProtocol) as trouble:
            error = _words(trouble)
        if status is not None:  # what went wrong behind the status line changes nothing about it
            error = None if 200 <= status < 300 else f"answered {status}"
        return retry.Attempt(
            started_at=started_at,
            duration_ms=round((time.monotonic() - started) * 1000),
            status=status,
            error=error,
            retry_after_seconds=retry.parse_retry_after(retry_after, now=self._now()),
        )

    async def aclose(self) -> None:
        """Close every connection."""
        pools, self._pools = self._pools, {}
        for pool in pools.values():
            await pool.aclose()
        self._backend.close()

    def _pool(self, point: str, scheme: bytes) -> httpcore.AsyncConnectionPool:
        pool = self._pools.get((point, scheme))
        if pool is None:
            if scheme == b"https" and self._ssl_context is None:
                self._ssl_context = httpx.create_ssl_context()  # reads the certificates: once, and only if needed
            pool = self._pools[point, scheme] = httpcore.AsyncConnectionPool(
                ssl_context=self._ssl_context,
                max_connections=MOST_CONNECTIONS,
                keepalive_expiry=IDLE_SECONDS,
                network_backend=self._backend,
            )
        return pool

    def _request(self, target: Target, *, event_id: str, body: bytes, attempted_at: datetime) -> httpcore.Request:
        problems = address_guard.url_problems(target.url)
        if problems:
            raise _UnsendableError(f"the point's URL cannot be used: {problems[0]}")
        url = httpx.URL(target.url)
        headers = {
            "host": url.netloc.decode("ascii"),
            "content-type": CONTENT_TYPE,
            "content-length": str(len(body)),
            "user-agent": self._user_agent,
            "accept-encoding": "identity",
            **signature.headers(event_id, body, secrets=target.secrets, attempted_at=attempted_at),
        }
        if target.token:
            if not (target.token.isascii() and target.token.isprintable()):
                # h11 would refuse it too, and quote it in the error.
                raise _UnsendableError("the point's token has characters that no header can carry")
            headers["authorization"] = f"Bearer {target.token}"
        return httpcore.Request(
            b"POST",
            httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
            headers=[(name.encode(), value.encode()) for name, value in headers.items()],
            content=body,
            extensions={"timeout": {"connect": self._timeout_seconds}},
        )


class _UnsendableError(Exception):
    """The point is such that no request can be made for it."""


async def _read(response: httpcore.Response) -> None:
    """Take the answer off the connection; one that is longer than we read costs its connection."""
    size = 0
    try:
        async for chunk in response.aiter_stream():
            size += len(chunk)
            if size > ANSWER_BYTES:
                return
    finally:
        await response.aclose()


def _header(response: httpcore.Response, name: bytes) -> str | None:
    return next((value.decode("latin-1") for key, value in response.headers if key.lower() == name), None)


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
    if isinstance(error, httpcore.ConnectError):
        return str(error) or "no connection"
    if isinstance(error, httpcore.ProtocolError):
        return "the answer is not valid HTTP, or broke off before it began"
    return "the connection broke off"


def _version() -> str:
    try:
        return metadata.version("mirrorpoint")
    except metadata.PackageNotFoundError:  # run from a checkout that is not installed
        return "0"
