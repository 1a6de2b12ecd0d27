"""Says whether points could be dialled, without sending them anything; asked by `check` for each point.

A point is dialled as for a delivery: through its proxy, with its certificates. A proxy that passes on whole requests
does not show whether the point behind it can be reached.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import cast

from webhooks import address_guard, proxy, request, tls, trouble
from webhooks.connecting import Connector
from webhooks.target import Target


def problems(
    targets: Iterable[Target], *, allow: Sequence[address_guard.Network], timeout_seconds: float
) -> dict[str, str]:
    """Code -> why its URL cannot be reached now; points that can be reached are left out."""
    return asyncio.run(_all(list(targets), allow, timeout_seconds))


async def _all(
    targets: Sequence[Target], allow: Sequence[address_guard.Network], timeout_seconds: float
) -> dict[str, str]:
    connector = Connector(allow)
    try:
        found = await asyncio.gather(*(_one(connector, target, timeout_seconds) for target in targets))
    finally:
        connector.close()
    return {target.point: problem for target, problem in zip(targets, found, strict=True) if problem is not None}


class _Reached(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)


async def _one(connector: Connector, target: Target, timeout_seconds: float) -> str | None:
    host = "it"
    try:
        way = request.way(target)
        host = way.host
        async with asyncio.timeout(timeout_seconds):
            reached = await connector.connect(_Reached, way, share_seconds=timeout_seconds)
            reached.transport.abort()
    except (request.UnsendableError, address_guard.NotDialledError, proxy.ProxyError, tls.FileError) as reason:
        return str(reason)
    except TimeoutError:
        return f"{host} does not answer within {timeout_seconds:g} s"
    except OSError as error:
        return f"{host}: {trouble.words(error)}"
    return None
