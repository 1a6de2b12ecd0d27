"""`rediss://`: a certificate is verified unless the URL says otherwise, by the sender, by workers and by the checks."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tasks import wakeups
from tests.integration import certificates
from worker import celery_app, embedded, liveness


class Front(NamedTuple):
    """What ends TLS in front of a broker that has none."""

    port: int
    ca: Path


@pytest.fixture
def front(tmp_path: Path) -> Iterator[Front]:
    contexts = certificates.made_for("localhost", tmp_path)
    with embedded.Broker(embedded.place(tmp_path / "s")) as broker, socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_serve, args=(listener, contexts.server, broker.place.socket), daemon=True).start()
        yield Front(listener.getsockname()[1], tmp_path / "server.pem")


def _serve(listener: socket.socket, context: ssl.SSLContext, behind: Path) -> None:
    with contextlib.suppress(OSError):  # the test is over
        while True:
            line, _ = listener.accept()
            threading.Thread(target=_join, args=(line, context, behind), daemon=True).start()


def _join(line: socket.socket, context: ssl.SSLContext, behind: Path) -> None:
    """One request, one answer: a client of Redis waits for each before it asks again."""
    with contextlib.suppress(OSError), line:
        line.settimeout(20)
        with (
            context.wrap_socket(line, server_side=True) as outer,
            socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as inner,
        ):
            inner.connect(str(behind))
            while asked := outer.recv(65536):
                inner.sendall(asked)
                outer.sendall(inner.recv(65536))


def sent(url: str) -> bool:
    """Whether a wake-up arrives."""
    app = celery_app.make(url)
    wakeups.Waker(app)("deliver")
    try:
        with app.connection_for_read() as connection:
            return int(connection.default_channel._size("deliver")) > 0
    except Exception:  # noqa: BLE001  # the library has many
        return False


def test_a_certificate_that_nobody_vouches_for_is_refused(front: Front) -> None:
    url = f"rediss://localhost:{front.port}/0"
    assert "certificate verify failed" in (liveness.trouble(url) or "").lower()
    assert not sent(url)


@pytest.mark.parametrize("query", ["ssl_cert_reqs=none", "ssl_cert_reqs=CERT_NONE", "ssl_ca_certs={ca}"])
def test_the_url_says_whom_to_trust_or_that_nobody_looks(front: Front, query: str) -> None:
    url = f"rediss://localhost:{front.port}/0?{query.format(ca=front.ca)}"
    assert liveness.trouble(url) is None
    assert sent(url)
