"""Connections to a source through a proxy of the environment: the pool of httpcore with the deadline; used by the wire.

This is what httpx's own transport does, less what it has no public option for: httpcore is given the way in which it
opens connections, so that each of their operations is over by the deadline.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import httpcore
import httpx

from upstream.deadline import Deadline

#: Errors that both libraries have; what is raised becomes the first of these that it is.
_NAMES = (
    *("ConnectTimeout", "ReadTimeout", "WriteTimeout", "PoolTimeout", "ConnectError", "ReadError", "WriteError"),
    *("ProxyError", "UnsupportedProtocol", "LocalProtocolError", "RemoteProtocolError"),
)
_ERRORS: dict[type[Exception], type[httpx.TransportError]] = {
    getattr(httpcore, name): getattr(httpx, name) for name in _NAMES
}


class Proxied(httpx.BaseTransport):
    """At most `most` connections through the proxy. Raises what httpx's own transport raises."""

    def __init__(self, deadline: Deadline, context: ssl.SSLContext, url: str, *, most: int) -> None:
        """`url`: of the proxy. Raises ValueError, RuntimeError or httpx.InvalidURL if it cannot be used."""
        proxy = httpx.Proxy(url)
        options: dict[str, Any] = {
            "proxy_url": httpcore.URL(
                scheme=proxy.url.raw_scheme,
                host=proxy.url.raw_host,
                port=proxy.url.port,
                target=proxy.url.raw_path,
            ),
            "proxy_auth": proxy.raw_auth,
            "ssl_context": context,
            "max_connections": most,
            "max_keepalive_connections": most,
            "keepalive_expiry": httpx.Limits().keepalive_expiry,
            "network_backend": _Backend(deadline),
        }
        is_socks = proxy.url.scheme in ("socks5", "socks5h")
        self._pool = httpcore.SOCKSProxy(**options) if is_socks else httpcore.HTTPProxy(**options)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Called by httpx."""
        url = request.url
        asked = httpcore.Request(
            method=request.method,
            url=httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
            headers=request.headers.raw,
            content=request.read(),
            extensions=request.extensions,
        )
        with _in_words_of_httpx():
            answer = self._pool.handle_request(asked)
        return httpx.Response(answer.status, headers=answer.headers, stream=_Body(answer), extensions=answer.extensions)

    def close(self) -> None:
        self._pool.close()


class _Body(httpx.SyncByteStream):
    def __init__(self, answer: httpcore.Response) -> None:
        self._answer = answer

    def __iter__(self) -> Iterator[bytes]:
        with _in_words_of_httpx():
            yield from self._answer.iter_stream()

    def close(self) -> None:
        self._answer.close()


@contextmanager
def _in_words_of_httpx() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        for known, meant in _ERRORS.items():
            if isinstance(error, known):
                raise meant(str(error)) from error
        raise


class _Backend(httpcore.NetworkBackend):
    """Opens connections that know the deadline."""

    def __init__(self, deadline: Deadline) -> None:
        self._deadline = deadline
        self._backend = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        def connect(address: str, seconds: float) -> httpcore.NetworkStream:
            return self._backend.connect_tcp(address, port, seconds, local_address, socket_options)

        failures = (httpcore.ConnectError, httpcore.ConnectTimeout)
        try:
            opened = self._deadline.dial(host, port, timeout, connect, failures)
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(str(error)) from error
        except OSError as error:
            raise httpcore.ConnectError(str(error)) from error
        return _Stream(opened, self._deadline)


class _Stream(httpcore.NetworkStream):
    """A connection whose every operation is over by the deadline."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: Deadline) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        def receive(seconds: float) -> bytes:
            return self._stream.read(max_bytes, timeout=seconds)

        return self._deadline.wait_for(receive, timeout, httpcore.ReadTimeout)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, timeout=self._deadline.left(timeout))

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        secured = self._stream.start_tls(ssl_context, server_hostname, self._deadline.left(timeout))
        return _Stream(secured, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)

    def close(self) -> None:
        self._stream.close()
