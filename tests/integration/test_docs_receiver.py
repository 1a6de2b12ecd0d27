"""The webhook receiver that the README shows, as it stands there, with events signed and sent by our sender."""

from __future__ import annotations

import asyncio
import base64
import http.server
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from changes import events
from changes.records import Change, Kind
from docs.generator import events as samples
from tests import waiting
from webhooks import address_guard
from webhooks.retry import Attempt
from webhooks.sender import Sender, Target

README = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
SECRET = "whsec_" + base64.b64encode(b"s" * 32).decode()


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Where the README's receiver listens: on a free port in place of 8000, else as it stands there."""
    servers: list[http.server.HTTPServer] = []

    class OnAFreePort(http.server.HTTPServer):
        def __init__(self, address: tuple[str, int], handler: Any) -> None:
            super().__init__(("127.0.0.1", 0), handler)
            servers.append(self)

    program = next(text for text in re.findall(r"```python\n(.*?)```", README, re.DOTALL) if "serve_forever" in text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AUDIT_SECRET", SECRET)
    monkeypatch.setattr(http.server, "HTTPServer", OnAFreePort)
    names: dict[str, Any] = {"__name__": "__main__"}

    def run() -> None:
        try:
            exec(compile(program, "README.md", "exec"), names)
        finally:
            names["seen"].close()

    thread = threading.Thread(target=run)
    thread.start()
    server = waiting.until(lambda: servers[0] if servers else None)
    yield f"http://127.0.0.1:{server.server_address[1]}/hook"
    server.shutdown()
    thread.join()
    server.server_close()


def send(url: str, change: Change, *, seq: int = 1, secret: str = SECRET) -> int | None:
    event = events.cloud_event(change, seq=seq, id=f"event-{seq}")
    target = Target("AUDIT", url=url, secrets=(secret,))

    async def once() -> Attempt:
        sender = Sender(timeout_seconds=10, allow=address_guard.networks(["127.0.0.0/8"]))
        try:
            return await sender.send(target, event_id=event["id"], body=events.body(event))
        finally:
            await sender.aclose()

    return asyncio.run(once()).status


def test_a_signed_event_is_taken_and_a_repetition_of_it_is_noticed(
    url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    change = samples.samples()[Kind.UPDATED]

    assert [204, 204] == [send(url, change), send(url, change)]

    assert ["products.updated products/42 ['/status']"] == _told(capsys)


def test_what_is_older_than_the_version_seen_last_is_left_out(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    change = samples.samples()[Kind.UPDATED]

    for version in (3, 4, 3, 5):
        assert send(url, change._replace(version=version)) == 204

    assert len(_told(capsys)) == 3


def test_records_are_told_apart(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    change = samples.samples()[Kind.CREATED]

    for key in ("1", "2"):
        assert send(url, change._replace(id=change.id._replace(key=key))) == 204

    assert len(_told(capsys)) == 2


def test_an_event_signed_with_another_secret_is_refused(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    other = "whsec_" + base64.b64encode(b"o" * 32).decode()

    assert send(url, samples.samples()[Kind.UPDATED], secret=other) == 401

    assert _told(capsys) == []


def _told(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().out.splitlines()
