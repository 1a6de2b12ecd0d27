"""Secrets that can be recognised wherever they turn up, and a door to the sandbox that repeats what it was sent.

Used by test_secrets.py.
"""

from __future__ import annotations

import base64
import json
import secrets
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import lru_cache
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx

#: Fewer characters of one would be found by chance, or in an excerpt that was cut.
LEAST = 12


class Planted:
    """Every secret of a test by its name; what is asked for the first time is made up."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}

    def __getitem__(self, name: str) -> str:
        if name not in self.texts:
            self.texts[name] = f"planted{name}{secrets.token_hex(8)}"
        return self.texts[name]

    def signing(self, name: str) -> str:
        """A signing secret; what is looked for is the part that is secret."""
        self.texts[name] = self.texts.get(name) or base64.b64encode(secrets.token_bytes(32)).decode()
        return "whsec_" + self.texts[name]

    def keep(self, name: str, text: str) -> None:
        self.texts[name] = text

    def found_in(self, data: bytes, *, but: Iterable[str] = ()) -> set[str]:
        """The names of those that stand there, as they are or in a disguise that everybody sees through."""
        left = {name: text for name, text in self.texts.items() if name not in set(but)}
        return {name for name, text in left.items() if any(form in data for form in _forms(text))}

    def found_below(self, folder: Path, *, but: Iterable[str] = ()) -> dict[str, set[str]]:
        """File -> names, for every file that was written there."""
        skipped = set(but)
        files = [path for path in folder.rglob("*") if path.is_file() and path.name not in skipped]
        assert files, f"there is nothing below {folder}"
        return {str(path): names for path in files if (names := self.found_in(path.read_bytes()))}


@lru_cache(maxsize=1000)
def _forms(text: str) -> tuple[bytes, ...]:
    return tuple(_made_of(text))


def _made_of(text: str) -> Iterator[bytes]:
    raws = [text.encode()]
    with suppress(ValueError):
        raws.append(base64.b64decode(text, altchars=b"-_", validate=True))  # of a key or a signing secret
    for raw in raws:
        if len(raw) >= LEAST:
            yield raw
            yield raw.hex().encode()
            for shift in range(3):  # inside of something longer that was encoded
                middle = base64.b64encode(b"\0" * shift + raw)[4:-4]
                yield middle
                yield middle.translate(bytes.maketrans(b"+/", b"-_"))


class Echo:
    """Between Mirrorpoint and the sandbox: hands on what comes, or answers by repeating it; keeps tokens given out."""

    def __init__(self, target: str, planted: Planted) -> None:
        self.target = target
        self.planted = planted
        self.status: int | None = None  #: to repeat what comes with; None: hand it on
        self.url = ""
        self._lock = threading.Lock()
        self._client = httpx.Client(timeout=30)
        self._count = 0

    @contextmanager
    def serving(self) -> Iterator[Echo]:
        handler = type("Handler", (_Handler,), {"echo": self})
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        self.url = f"http://127.0.0.1:{server.server_port}"
        try:
            yield self
        finally:
            server.shutdown()
            thread.join()
            server.server_close()
            self._client.close()

    @contextmanager
    def repeating(self, status: int) -> Iterator[None]:
        self.status = status
        try:
            yield
        finally:
            self.status = None

    def answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> tuple[int, str, bytes]:
        if self.status is not None:
            self._count += 1
            return (self.status, *repeated(self._count, method, path, headers, body))
        kept = {name: value for name, value in headers.items() if name.lower() not in ("host", "accept-encoding")}
        answer = self._client.request(method, self.target + path, headers=kept, content=body)
        if "signin" in path or "refresh" in path:
            self._keep_tokens(answer)
        return answer.status_code, answer.headers.get("content-type", ""), answer.content

    def _keep_tokens(self, answer: httpx.Response) -> None:
        given: dict[str, Any] = answer.json()
        for name in ("accessToken", "refreshToken"):
            if isinstance(given.get(name), dict):
                with self._lock:
                    self.planted.keep(f"{name} {len(self.planted.texts)}", given[name]["token"])


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    echo: Echo

    def handle_one_request(self) -> None:
        self.close_connection = True
        line = self.rfile.readline(65537)
        self.raw_requestline = line
        if not line or not self.parse_request():
            return
        self.close_connection = True
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        status, kind, content = self.echo.answer(self.command, self.path, dict(self.headers.items()), body)
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


def repeated(number: int, method: str, path: str, headers: Mapping[str, str], body: bytes) -> tuple[str, bytes]:
    """Type and body of an answer that says everything that it was sent, each time in another way."""
    pairs = [f"{name}: {value}" for name, value in headers.items()]
    told = f"{method} {path} failed: {body.decode(errors='replace')} {' '.join(sorted(pairs))}"
    lines = "\n".join([told, *pairs])
    ways: list[Callable[[], tuple[str, bytes]]] = [
        lambda: ("application/json", json.dumps({"error": told, "message": body.decode(errors="replace")}).encode()),
        lambda: ("application/json", json.dumps({"error": {"message": " ".join(pairs), "code": told}}).encode()),
        lambda: ("text/html", f"<title>{escape(' '.join(pairs))}</title><p>{escape(told)}</p>".encode()),
        lambda: ("text/plain", lines.encode()),
        lambda: ("application/json", json.dumps({"detail": headers.get("Authorization", told)}).encode()),
    ]
    return ways[number % len(ways)]()
