"""Posts one event to one point and says what came of it; used by the delivery step and `points test`.

It has connections of its own (connection.py), since a delivery needs nothing of what an HTTP client adds: no redirects,
no cookies, no proxies from the environment, no decoding of answers, and no address that was not judged.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import time
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime

from webhooks import address_guard, proxy, refusals, request, retry, tls, trouble
from webhooks.connecting import Connector
from webhooks.connection import Answer, BrokenOffError, Connection
from webhooks.request import CONTENT_TYPE, Way
from webhooks.target import Target

__all__ = ["CONTENT_TYPE", "MOST_CONNECTIONS", "Sender", "Target"]

#: Most connections to one point, whatever `[delivery] concurrency` says; whoever calls `send` keeps to it.
MOST_CONNECTIONS = 8


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
        self._connector = Connector(allow, resolve=resolve, ssl_context=ssl_context)
        self._now = now
        self._ways: dict[Target, Way] = {}
        self._idle: dict[Way, list[Connection]] = {}
        self._in_use: set[Connection] = set()
        self._once_only: set[Way] = set()  #: the receiver has sent bytes too many: no connection is used twice

    async def send(self, target: Target, *, event_id: str, body: bytes) -> retry.Attempt:
        """Send one event; never raises for what a network or a receiver can do: the attempt says it."""
        started_at, started = self._now(), time.monotonic()
        seconds = target.timeout_seconds or self._timeout_seconds
        answer = Answer()
        error: str | None = None
        is_ours = False
        try:
            way = self._ways.get(target) or self._ways.setdefault(target, request.way(target))
            headers = request.head(way, target, event_id=event_id, body=body, attempted_at=started_at)
            async with asyncio.timeout(seconds), self._connection(way, seconds) as connection:
                await connection.post(way.path, headers, body, answer)
        except (request.UnsendableError, address_guard.NotDialledError) as reason:
            error = str(reason)
        except tls.FileError as reason:
            error, is_ours = str(reason), True
        except proxy.ProxyError as reason:
            error, is_ours = str(reason), reason.is_ours
        except TimeoutError as reason:
            # The system's own time-out may come before ours, and has words of its own.
            error = trouble.words(reason) if reason.errno else f"no answer within {seconds:g} s"
        except BrokenOffError:
            error = "the answer is not valid HTTP, or broke off before it began"
        except OSError as reason:
            error, is_ours = trouble.words(reason), trouble.is_ours(reason)
        if answer.status is not None:  # what went wrong after the status line does not matter
            error, is_ours = None if 200 <= answer.status < 300 else f"answered {answer.status}", False
        return retry.Attempt(
            started_at=started_at,
            duration_ms=round((time.monotonic() - started) * 1000),
            status=answer.status,
            error=error,
            retry_after_seconds=retry.parse_retry_after(answer.retry_after, now=self._now()),
            answer=refusals.text(answer.refusal, target) if answer.refusal is not None else None,
            is_ours=is_ours,
        )

    async def aclose(self) -> None:
        """Close every connection."""
        for connection in [*self._in_use, *(each for idle in self._idle.values() for each in idle)]:
            connection.close()
        self._idle.clear()
        self._connector.close()
        await asyncio.sleep(0)  # the loop closes the sockets

    @contextlib.asynccontextmanager
    async def _connection(self, way: Way, seconds: float) -> AsyncIterator[Connection]:
        """An idle connection, or a new one."""
        idle = self._idle.setdefault(way, [])
        connection = None
        while idle and connection is None:  # the one used last is the least likely to have been closed
            connection = self._usable(way, idle.pop())
        if connection is None:
            connection = await self._connector.connect(Connection, way, share_seconds=seconds)
        self._in_use.add(connection)
        try:
            yield connection
        finally:
            self._in_use.discard(connection)
            usable = self._usable(way, connection, looks=False)
            if usable is not None:
                idle.append(usable)

    def _usable(self, way: Way, connection: Connection, *, looks: bool = True) -> Connection | None:
        """The connection, if it can take one more request; else it is closed."""
        if connection.has_surplus:
            self._once_only.add(way)
        if way not in self._once_only and (connection.is_usable if looks else connection.is_open):
            return connection
        connection.close()
        return None
