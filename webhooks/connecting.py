"""Opens a connection to a point: past the address guard, through its proxy, with its TLS; for sender and `check`."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Sequence

from webhooks import address_guard, proxy, tls, trouble
from webhooks.address_guard import AnyProtocol
from webhooks.request import Way


class Connector:
    """Lives inside one event loop."""

    def __init__(
        self,
        allow: Sequence[address_guard.Network],
        *,
        resolve: address_guard.Resolve | None = None,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self._dialler = address_guard.Dialler(allow, resolve=resolve) if resolve else address_guard.Dialler(allow)
        self._contexts = tls.Contexts(ssl_context)

    async def connect(self, make: Callable[[], AnyProtocol], way: Way, *, share_seconds: float) -> AnyProtocol:
        """A connected protocol; OSError, NotDialledError, proxy.ProxyError or tls.FileError.

        `share_seconds` is the time for all addresses of a name together; the caller bounds the whole.
        """
        context = await self._contexts.get(way.tls) if way.server_name is not None else None
        if way.proxy is None:
            dialled = await self._dialler.dial(way.host, way.port, share_seconds=share_seconds)
        else:
            await self._dialler.judge(way.host, way.port)
            dialled = await self._dial_proxy(way.proxy, share_seconds)
        try:
            if way.proxy is not None and context is not None:
                await proxy.tunnel(dialled, way.proxy, way.server_name or way.host, way.port)
            _, protocol = await asyncio.get_running_loop().create_connection(
                make, sock=dialled, ssl=context, server_hostname=way.server_name
            )
        except BaseException:
            dialled.close()
            raise
        return protocol

    async def _dial_proxy(self, through: proxy.Proxy, share_seconds: float) -> address_guard.Dialled:
        try:
            return await self._dialler.dial(through.host, through.port, share_seconds=share_seconds, is_own=True)
        except address_guard.NotDialledError as error:
            raise proxy.ProxyError(f"the proxy: {error}") from error
        except OSError as error:
            raise proxy.ProxyError(f"the proxy {through.host}: {trouble.words(error)}") from error

    def close(self) -> None:
        """Release its threads."""
        self._dialler.close()
