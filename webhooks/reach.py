"""Says whether a point could be dialled, without sending it anything; asked by `check` for each point."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping, Sequence
from typing import cast

import httpx

from webhooks import address_guard


def problems(
    urls: Mapping[str, str], *, allow: Sequence[address_guard.Network], timeout_seconds: float
) -> dict[str, str]:
    """Code -> what keeps deliveries from its URL now; those that can be reached are left out."""
    return asyncio.run(_all(urls, allow, timeout_seconds))


async def _all(
    urls: Mapping[str, str], allow: Sequence[address_guard.Network], timeout_seconds: float
) -> dict[str, str]:
    dialler = address_guard.Dialler(allow)
    try:
        found = await asyncio.gather(*(_one(dialler, url, timeout_seconds) for url in urls.values()))
    finally:
        dialler.close()
    return {code: problem for code, problem in zip(urls, found, strict=True) if problem is not None}


class _Reached(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)


async def _one(dialler: address_guard.Dialler, text: str, timeout_seconds: float) -> str | None:
    written = address_guard.url_problems(text)
    if written:
        return written[0]
    url = httpx.URL(text)
    is_secure = url.scheme == "https"
    host, port = url.raw_host.decode("ascii"), url.port or (443 if is_secure else 80)
    try:
        async with asyncio.timeout(timeout_seconds):
            context = httpx.create_ssl_context() if is_secure else None
            reached = await dialler.connect(_Reached, host, port, ssl_context=context, share_seconds=timeout_seconds)
            reached.transport.abort()
    except address_guard.NotDialledError as refused:
        return str(refused)
    except TimeoutError:
        return f"{host} does not answer within {timeout_seconds:g} s"
    except OSError as error:
        return f"{host}: {_words(error)}"
    return None


def _words(error: BaseException) -> str:
    innermost: BaseException | None = error
    while innermost is not None:
        if isinstance(innermost, ssl.SSLCertVerificationError):
            return f"its certificate does not verify ({innermost.verify_message})"
        if isinstance(innermost, OSError) and innermost.strerror:
            return f"no connection ({innermost.strerror.lower()})"
        innermost = innermost.__cause__ or innermost.__context__
    return "no connection"
