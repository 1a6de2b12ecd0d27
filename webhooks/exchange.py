"""One request to an address of the configuration that is no point, and its whole answer within bounds.

Witnesses and time stamping authorities are asked so (witness.py, timestamping.py). Their addresses stand in the file of
the operator like a source's `base_url`, so the address guard does not judge them.
"""

from __future__ import annotations

import queue
import socket
import ssl
import threading
import time
from dataclasses import dataclass, field

import httpx

from webhooks import trouble
from webhooks.request import user_agent

#: For all of a request, from the name's look-up to the answer's end.
SECONDS = 15.0
#: No answer that is wanted is so long.
MOST_BYTES = 256 * 1024
_LOOK_SECONDS = 0.1
_QUOTED = 200


class UnansweredError(Exception):
    """No usable answer came; the text says why, for people."""


class StoppedError(Exception):
    """The process is to end."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; redirects are not followed."""

    status: int
    content_type: str
    body: bytes
    location: str = ""

    @property
    def said(self) -> str:
        """The beginning of the body as one line, for people."""
        text = self.body[: 4 * _QUOTED].decode("utf-8", "replace")
        return " ".join("".join(each if each.isprintable() else " " for each in text).split())[:_QUOTED]

    @property
    def refusal(self) -> str:
        """What the status says, for people."""
        if 300 <= self.status < 400:
            where = f" to {self.location[:_QUOTED]}" if self.location.isprintable() and self.location else ""
            return f"it leads elsewhere{where} ({self.status}), and that is not followed: write the address itself"
        return f"it answers {self.status}" + (f": {self.said}" if self.said else "")


@dataclass(frozen=True, slots=True)
class Asker:
    """How such addresses are asked: through the proxy of `[delivery]` if there is one, never one of the environment."""

    stopping: threading.Event
    proxy: str | None = field(default=None, repr=False)
    seconds: float = SECONDS
    context: ssl.SSLContext | None = None  #: None: the usual authorities

    def ask(self, method: str, url: str, *, content: bytes | None = None, content_type: str = "") -> Answer:
        """The answer, whatever its status is; UnansweredError or StoppedError.

        A look-up of a name cannot be called off, so all of this has a thread, which is left behind when it takes too
        long; it ends by itself.
        """
        if self.stopping.is_set():
            raise StoppedError
        came: queue.SimpleQueue[Answer | Exception] = queue.SimpleQueue()
        ends_at = time.monotonic() + self.seconds

        def work() -> None:
            try:
                came.put(self._ask(method, url, content, content_type, ends_at))
            except Exception as error:  # noqa: BLE001  # handed on to who has asked
                came.put(error)

        threading.Thread(target=work, name="exchange", daemon=True).start()
        while True:
            if self.stopping.is_set():
                raise StoppedError
            try:
                answer = came.get(timeout=_LOOK_SECONDS)
            except queue.Empty:
                if time.monotonic() > ends_at:
                    raise UnansweredError(f"no answer within {self.seconds:g} s") from None
                continue
            if isinstance(answer, Answer):
                return answer
            raise UnansweredError(self._words(answer, url)) from answer

    def _ask(self, method: str, url: str, content: bytes | None, content_type: str, ends_at: float) -> Answer:
        headers = {"User-Agent": user_agent(), "Accept-Encoding": "identity"}
        if content_type:
            headers["Content-Type"] = content_type
        context = self.context or httpx.create_ssl_context()
        with (
            httpx.Client(verify=context, proxy=self.proxy, trust_env=False, timeout=self.seconds) as http,
            http.stream(method, url, content=content, headers=headers, follow_redirects=False) as response,
        ):
            body = b""
            for chunk in response.iter_raw():
                body += chunk
                if len(body) > MOST_BYTES:
                    raise UnansweredError(f"its answer is larger than {MOST_BYTES:,} bytes")
                if time.monotonic() > ends_at:
                    raise httpx.ReadTimeout("the rest of the answer")
            found = response.headers
            return Answer(response.status_code, found.get("content-type", ""), body, location=found.get("location", ""))

    def _words(self, error: Exception, url: str) -> str:
        if isinstance(error, UnansweredError):
            return str(error)
        cause: BaseException | None = error
        while cause is not None and not isinstance(cause, socket.gaierror):
            cause = cause.__cause__ or cause.__context__
        if cause is not None:
            return f"the name {httpx.URL(url).host} cannot be looked up"
        if isinstance(error, httpx.TimeoutException):
            return f"no answer within {self.seconds:g} s"
        if isinstance(error, httpx.ProxyError):
            return f"the proxy of [delivery] does not connect: {error}"
        if isinstance(error, httpx.RemoteProtocolError):
            return "its answer is not valid HTTP, or broke off"
        if isinstance(error, httpx.TransportError | OSError):
            return trouble.words(error)
        return f"the request cannot be made ({type(error).__name__})"
