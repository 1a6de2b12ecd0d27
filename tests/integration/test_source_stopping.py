"""A request ends when its process is to stop, and not before: a slow answer is read whole."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests import waiting
from tests.integration.certificates import made_for
from tests.integration.scripted_server import Reply, Request, ScriptedServer
from tests.integration.sources import THINGS, client_of
from upstream import deadline
from upstream.throttle import Stopped


def silent(server: ScriptedServer) -> None:
    def wait(_: Request) -> Reply:
        server.closing.wait(60)
        return Reply()

    server.on("GET", "/things", wait)


def test_a_request_that_is_not_answered_ends_when_the_process_is_to_stop() -> None:
    stopping = threading.Event()
    with (
        ScriptedServer() as server,
        client_of(server.url, timeout_seconds=60, stopping=stopping) as client,
        ThreadPoolExecutor(1) as pool,
    ):
        silent(server)
        asked = pool.submit(client.probe, THINGS)
        waiting.until(lambda: server.requests)
        stopping.set()
        with pytest.raises(Stopped):
            asked.result(timeout=10)


def test_an_answer_is_read_whole_however_often_it_is_looked_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deadline, "LOOK_SECONDS", 0.01)
    contexts = made_for("localhost", tmp_path)
    reply = Reply(200, b'[{"id": 1}]', drip_seconds=0.03)
    with ScriptedServer() as plain, ScriptedServer(tls=contexts.server) as secure:
        for server in (plain, secure):
            server.on("GET", "/things", reply)
        urls = (plain.url, f"https://localhost:{secure.port}")
        for url in urls:
            with client_of(url, verify=contexts.client) as client:
                assert [{"id": 1}] == client.probe(THINGS).rows
        assert [1, 1] == [len(server.requests) for server in (plain, secure)]
