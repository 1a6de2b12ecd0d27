"""A witness (C2SP tlog-witness) that judges us: it shares no line with the code that it is tried on.

    with WitnessServer() as witness:
        witness.trusts(origin, verifier_key)
        ... f"witness:{witness.url}#{witness.key}" ...

It remembers the last tree of each log, verifies signature and consistency proof by rebuilding both roots as RFC 6962
defines them, cosigns, and refuses what does not grow out of what it knows. `answers` are faults to order.
"""

from __future__ import annotations

import base64
import hashlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

NAME = "witness.example/w1"


@dataclass(frozen=True)
class Said:
    """An answer."""

    status: int
    body: bytes = b""
    content_type: str = "text/plain"
    location: str = ""


class _RefusedError(Exception):
    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.said = Said(status, f"{why}\n".encode())


class WitnessServer:
    """Listens on a free port of 127.0.0.1 for the life of the `with`."""

    def __init__(self) -> None:
        self._private = Ed25519PrivateKey.generate()
        self._public = self._private.public_key().public_bytes_raw()
        self._trusted: dict[str, bytes] = {}
        self._lock = threading.Lock()
        self.known: dict[str, tuple[int, bytes]] = {}  #: origin -> size and root of its last tree
        self.asked: list[str] = []  #: bodies
        self.answers: list[Said | None] = []  #: given in place of its own, one each; None: its own
        self.signs_as = NAME
        self.before: Callable[[], object] = lambda: None  #: called before each answer
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})

    def __enter__(self) -> WitnessServer:
        self._thread.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def key(self) -> str:
        """Its verifier key."""
        encoded = base64.b64encode(b"\x04" + self._public).decode()
        return f"{NAME}+{self._key_id(NAME).hex()}+{encoded}"

    @property
    def sizes(self) -> list[int]:
        """The old sizes that it was told."""
        return [int(body.split("\n", 1)[0].removeprefix("old ")) for body in self.asked]

    def trusts(self, origin: str, verifier: str) -> None:
        """It cosigns the log of that origin."""
        kind_and_key = base64.b64decode(verifier.split("+", 2)[2])  # base64 may hold a "+" as well
        assert kind_and_key[0] == 1
        self._trusted[origin] = kind_and_key[1:]

    def take(self, body: str) -> Said:
        """What it says to `add-checkpoint`."""
        self.before()
        with self._lock:
            self.asked.append(body)
            if self.answers:
                ordered = self.answers.pop(0)
                if ordered is not None:
                    return ordered
            try:
                return self._judged(body)
            except _RefusedError as refused:
                return refused.said

    def _judged(self, body: str) -> Said:
        head, _, note = body.partition("\n\n")
        first, *lines = head.split("\n")
        text, _, signatures = note.partition("\n\n")
        text += "\n"
        if not first.startswith("old ") or not signatures.endswith("\n"):
            raise _RefusedError(400, "this is no request")
        old, proof = int(first.removeprefix("old ")), [base64.b64decode(line, validate=True) for line in lines]
        origin, size_text, root_text = text.split("\n")[:3]
        size, root = int(size_text), base64.b64decode(root_text, validate=True)
        if origin not in self._trusted:
            raise _RefusedError(404, "unknown log")
        if not self._is_signed(origin, text, signatures):
            raise _RefusedError(403, "no signature of the log's key")
        if old > size:
            raise _RefusedError(400, "the old size is larger than the new one")
        known_size, known_root = self.known.get(origin, (0, b""))
        if old != known_size:
            return Said(409, f"{known_size}\n".encode(), "text/x.tlog.size")
        if (old == 0 and proof) or (old == size and (proof or root != known_root)):
            raise _RefusedError(422, "the proof does not fit the sizes")
        if 0 < old < size and _rebuilt(old, size, known_root, proof) != (known_root, root):
            raise _RefusedError(422, "the new tree does not grow out of the old one")
        self.known[origin] = (size, root)
        return Said(200, self.cosigned(text).encode())

    def cosigned(self, text: str, *, at: int | None = None) -> str:
        """Its line for a checkpoint."""
        moment = int(time.time()) if at is None else at
        signature = self._private.sign(f"cosignature/v1\ntime {moment}\n{text}".encode())
        value = self._key_id(self.signs_as) + moment.to_bytes(8) + signature
        return f"— {self.signs_as} {base64.b64encode(value).decode()}\n"

    def _key_id(self, name: str) -> bytes:
        return hashlib.sha256(name.encode() + b"\n\x04" + self._public).digest()[:4]

    def _is_signed(self, origin: str, text: str, signatures: str) -> bool:
        public = self._trusted[origin]
        for line in signatures.rstrip("\n").split("\n"):
            dash, name, value = line.split(" ")
            decoded = base64.b64decode(value, validate=True)
            key_id = hashlib.sha256(name.encode() + b"\n\x01" + public).digest()[:4]
            if (dash, name, decoded[:4]) == ("—", origin, key_id):
                try:
                    Ed25519PublicKey.from_public_bytes(public).verify(decoded[4:], text.encode())
                except InvalidSignature:
                    return False
                return True
        return False


def _rebuilt(old: int, size: int, old_root: bytes, proof: list[bytes]) -> tuple[bytes, bytes] | None:
    """Both roots, by the recursive definition of RFC 6962, section 2.1.2; None where the proof has another length."""
    rest = list(proof)

    def roots(first: int, number: int, *, is_whole: bool) -> tuple[bytes, bytes]:
        if first == number:
            found = old_root if is_whole else rest.pop(0)
            return found, found
        split = 1
        while split * 2 < number:
            split *= 2
        if first <= split:
            older, newer = roots(first, split, is_whole=is_whole)
            return older, _node(newer, rest.pop(0))
        older, newer = roots(first - split, number - split, is_whole=False)
        left = rest.pop(0)
        return _node(left, older), _node(left, newer)

    try:
        found = roots(old, size, is_whole=True)
    except IndexError:
        return None
    return None if rest else found


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Callers that hang up are part of the tests."""


def _handler(witness: WitnessServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            self._say(witness.take(body) if self.path == "/add-checkpoint" else Said(404, b"no such path\n"))

        def do_GET(self) -> None:
            self._say(Said(404, b"nothing was cosigned\n"))

        def _say(self, said: Said) -> None:
            self.send_response(said.status)
            self.send_header("Content-Type", said.content_type)
            self.send_header("Content-Length", str(len(said.body)))
            if said.location:
                self.send_header("Location", said.location)
            self.end_headers()
            self.wfile.write(said.body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    return Handler
