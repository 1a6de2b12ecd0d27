"""Says whether a point could be dialled, without sending it anything; asked by `check` for each point."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping, Sequence

import httpcore
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
    backend = address_guard.GuardedBackend(allow)
    try:
        found = await asyncio.gather(*(_one(backend, url, timeout_seconds) for url in urls.values()))
    finally:
        backend.close()
    return {code: problem for code, problem in zip(urls, found, strict=True) if problem is not None}


async def _one(backend: address_guard.GuardedBackend, text: str, timeout_seconds: float) -> str | None:
    written = address_guard.url_problems(text)
    if written:
        return written[0]
    url = httpx.URL(text)
    is_secure = url.scheme == "https"
    host, port = url.raw_host.decode("ascii"), url.port or (443 if is_secure else 80)
    try:
        async with asyncio.timeout(timeout_seconds):
            stream = await backend.connect_tcp(host, port, timeout_seconds)
            try:
                if is_secure:
                    stream = await stream.start_tls(httpx.create_ssl_context(), host, timeout_seconds)
            finally:
                await stream.aclose()
    except address_guard.NotDialledError as refused:
        return str(refused)
    except (TimeoutError, httpcore.TimeoutException):
        return f"{host} does not answer within {timeout_seconds:g} s"
    except (OSError, httpcore.NetworkError) as error:
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
