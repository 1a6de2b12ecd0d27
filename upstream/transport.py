"""One request and its whole answer, within bounds of time and size; used by the client and, through it, the sign-in."""

from __future__ import annotations

import re
import ssl
import threading
from collections.abc import Mapping
from datetime import UTC, datetime

import httpx

from upstream import answers, proxies
from upstream.answers import Answer
from upstream.connections import Connections
from upstream.deadline import Deadline
from upstream.errors import MalformedResponse, Unreachable
from upstream.throttle import Budget, Stopped

#: One process asks one source for no more at a time.
CONNECTIONS = 8
#: No more than this is read of the body of an error.
ERROR_BODY_BYTES = 64 * 1024
#: The errors that OpenSSL gives for an answer in plain HTTP.
_NO_TLS = frozenset({"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG"})


class Wire:
    """The connections of one source in one process; thread-safe, with at most eight requests under way."""

    def __init__(
        self,
        budget: Budget,
        *,
        base_url: str,
        language: str,
        user_agent: str,
        timeout_seconds: float,
        verify: bool | ssl.SSLContext,
        max_body_bytes: int,
        stopping: threading.Event,
    ) -> None:
        self._budget = budget
        self._base_url = base_url.strip().rstrip("/")
        self._timeout_seconds = timeout_seconds
        self._max_body_bytes = max_body_bytes
        self._stopping = stopping
        self._deadline = Deadline(stopping)
        self._requests_made = 0
        self._lock = threading.Lock()
        self._room = threading.BoundedSemaphore(CONNECTIONS)
        # No cookies: a session must not outlive its token.
        self._headers = {
            "Accept": "application/json",
            "Accept-Encoding": "gzip, deflate",  # what answers.Unpacker can undo within bounds
            "Accept-Language": language,
            "Connection": "keep-alive",
            "User-Agent": user_agent,
        }
        self._extensions = {"timeout": httpx.Timeout(timeout_seconds).as_dict()}
        self._verify = verify
        self._opened: httpx.BaseTransport | None = None

    @property
    def requests_made(self) -> int:
        return self._requests_made

    def close(self) -> None:
        with self._lock:
            if self._opened is not None:
                self._opened.close()
                self._opened = None

    def _transport(self, resource: str) -> httpx.BaseTransport:
        """Made at the first request: reading the certificates takes longer than many commands that send none."""
        with self._lock:
            if self._opened is None:
                self._opened = self._open(resource)
            return self._opened

    def _open(self, resource: str) -> httpx.BaseTransport:
        base = self._url("/", resource)
        proxy = proxies.proxy_for(base)
        try:
            # In plain http nothing is verified, and to read the certificates takes as long as to read a short list.
            is_plain = base.scheme == "http" and proxy is None
            context = _nobody_trusted() if is_plain else httpx.create_ssl_context(self._verify)
            if proxy is None:
                return Connections(self._deadline, context, most=CONNECTIONS, before_again=self._start)
            from upstream.proxied import Proxied

            return Proxied(self._deadline, context, proxy.url, most=CONNECTIONS)
        except OSError as error:  # ssl.SSLError is one too
            message = f"the certificates of this machine cannot be read ({_reason(error)})"
            hint = "Look at the files that the variables SSL_CERT_FILE and SSL_CERT_DIR name"
            raise self._unreachable(resource, message, hint, is_untouched=True) from error
        except (ValueError, RuntimeError, httpx.InvalidURL):  # their texts may quote the proxy's password
            variable = proxy.variable if proxy is not None else "HTTPS_PROXY"
            message = f"the proxy that the variable {variable} names cannot be used"
            hint = "Write it as http://host:port, or except the source's host with NO_PROXY"
            raise self._unreachable(resource, message, hint, is_untouched=True) from None

    def send(
        self,
        method: str,
        path: str,
        *,
        resource: str,
        headers: Mapping[str, str],
        params: Mapping[str, str] | None = None,
        content: bytes | None = None,
    ) -> Answer:
        """The answer of the source, whatever it is.

        Raises Unreachable and MalformedResponse, and what waiting for the budget raises.
        """
        url = self._url(path, resource)
        if content is not None:
            headers = {"Content-Type": "application/json", **headers}
        transport = self._transport(resource)
        with self._room:
            self._start()
            requested_at = datetime.fromtimestamp(self._budget.clock(), UTC)
            self._deadline.begin(self._timeout_seconds)
            try:
                request = httpx.Request(
                    method,
                    url,
                    params=params or None,
                    headers={**self._headers, **headers},
                    content=content,
                    extensions=self._extensions,
                )
                response = transport.handle_request(request)
                try:
                    body = self._read(response, resource)
                finally:
                    response.close()
            except (httpx.LocalProtocolError, httpx.UnsupportedProtocol, UnicodeError, httpx.InvalidURL):
                # Their texts may quote a header, and with it the credentials.
                hint = "Look for odd characters in base_url and in the source's auth settings"
                raise self._unreachable(resource, "the request cannot be written", hint, is_untouched=True) from None
            except httpx.TransportError as error:
                raise self._explain(error, resource) from error
        return Answer(response.status_code, dict(response.headers.items()), body, requested_at)

    def _start(self) -> None:
        """Wait until the budget lets one more request start; raises what that waiting raises."""
        with self._budget.request(), self._lock:
            self._requests_made += 1

    def _url(self, path: str, resource: str) -> httpx.URL:
        if not path.startswith("/"):  # a link that the source gave: the client has checked that it leads to the source
            return httpx.URL(path)
        try:
            url = httpx.URL(self._base_url + path)
        except httpx.InvalidURL:
            url = httpx.URL("")
        if url.scheme not in ("http", "https") or not url.host or url.userinfo or url.query or url.fragment:
            hint = "base_url is written https://host.name or https://host.name/prefix; credentials belong to auth"
            raise self._unreachable(resource, "base_url cannot be used", hint, is_untouched=True)
        return url

    def _read(self, response: httpx.Response, resource: str) -> bytes:
        is_error = response.status_code >= 300
        most_bytes = ERROR_BODY_BYTES if is_error else self._max_body_bytes
        try:
            unpacker, doubt = _unpacker(response.headers.get("content-encoding", ""), most_bytes)
            try:
                for chunk in response.iter_raw():
                    if self._stopping.is_set():
                        raise Stopped
                    unpacker.feed(chunk)
                body = unpacker.close()
                if doubt is not None and not answers.is_text(body):
                    raise doubt
                return body
            except (answers.TooLarge, answers.Garbled):
                if is_error and doubt is None:
                    return unpacker.head()  # its status says enough
                raise
        except answers.TooLarge:
            message = f"the answer is larger than {most_bytes:,} bytes"
            hint = "Lower limits.page_size; if that does not help, this is not the list that it should be"
            raise MalformedResponse(self._budget.source, resource, message, hint, None, False, True) from None
        except answers.Garbled as error:
            if is_error:
                return b""
            raise MalformedResponse(
                self._budget.source, resource, f"the answer is damaged: {error}", "It is asked again later"
            ) from error

    def _explain(self, error: httpx.TransportError, resource: str) -> Unreachable:
        limit = f"{self._timeout_seconds:g} s"
        later = "It is asked again later; see whether the source is up, and whether timeout is long enough"
        if isinstance(error, httpx.PoolTimeout):
            message = f"all {CONNECTIONS} connections were busy for {limit}"
            return self._unreachable(resource, message, "Fewer threads may use one source", is_untouched=True)
        if isinstance(error, httpx.ConnectTimeout):
            return self._unreachable(resource, f"no connection within {limit}", later, is_untouched=True)
        if isinstance(error, httpx.TimeoutException):
            return self._unreachable(resource, f"no complete answer within {limit}", later, is_untouched=False)
        if isinstance(error, (httpx.ConnectError, httpx.ProxyError)):
            tls = _tls_cause(error)
            if isinstance(tls, ssl.SSLCertVerificationError):
                message = f"its certificate does not verify ({tls.verify_message or 'no reason given'})"
                hint = "Correct the certificate, or name a file with its authority in the variable SSL_CERT_FILE"
                return self._unreachable(resource, message, hint, is_untouched=True)
            if tls is not None and tls.reason in _NO_TLS:
                hint = "Write http:// in base_url, or the port on which it speaks https"
                return self._unreachable(resource, "it does not speak https on this port", hint, is_untouched=True)
            hint = "Check base_url, the name and the network"
            return self._unreachable(resource, f"no connection ({_reason(error)})", hint, is_untouched=True)
        if self._base_url.startswith("http://"):  # a server that expects https often hangs up without a word
            later = "It is asked again later; see whether the source is up, and whether it wants https:// in base_url"
        return self._unreachable(resource, f"the connection broke off ({_reason(error)})", later, is_untouched=False)

    def _unreachable(self, resource: str, message: str, hint: str, *, is_untouched: bool) -> Unreachable:
        return Unreachable(self._budget.source, resource, message, hint, None, is_untouched)


def _unpacker(encoding: str, most_bytes: int) -> tuple[answers.Unpacker, answers.Garbled | None]:
    """If the encoding is not known: the body as it is, and the error for the case that this is no text either."""
    try:
        return answers.Unpacker(encoding, most_bytes=most_bytes), None
    except answers.Garbled as unknown:
        return answers.Unpacker("", most_bytes=most_bytes), unknown


def _tls_cause(error: BaseException) -> ssl.SSLError | None:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return cause
        cause = cause.__cause__ or cause.__context__
    return None


def _nobody_trusted() -> ssl.SSLContext:
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _reason(error: httpx.TransportError | OSError) -> str:
    text = answers.printable(re.sub(r"^\[Errno -?\d+\] ", "", str(error)))
    return text[: answers.EXCERPT_CHARACTERS] or type(error).__name__
