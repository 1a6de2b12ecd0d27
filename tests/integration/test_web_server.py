"""The server of `serve` in a process's main thread: it sleeps while nobody asks, and a signal ends it."""

from __future__ import annotations

import os
import selectors
import signal
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from types import FrameType

import httpx
import pytest

from tests import waiting
from web import server
from worker import settings
from worker.commands.serve import wiring

CONFIG = """
[storage]
url = "sqlite:///mirror.db"
seal_key = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "mirrorpoint.toml"
    file.write_text(CONFIG)
    return file


@pytest.fixture
def passed_on() -> Iterator[list[int]]:
    """Signals that uvicorn passes on at its end."""
    came: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        came.append(number)

    before = {number: signal.signal(number, note) for number in (signal.SIGTERM, signal.SIGINT)}
    yield came
    for number, handler in before.items():
        signal.signal(number, handler)


class Visitor(threading.Thread):
    """Asks once the server is up, and again when it sleeps; sends the signal at the end."""

    def __init__(self, url: str, number: int, sleeps: list[float | None]) -> None:
        super().__init__(daemon=True)
        self._url, self._number, self._sleeps = url, number, sleeps
        self.up = threading.Event()
        self.answers: list[httpx.Response] = []

    def run(self) -> None:
        try:
            self.up.wait(30)
            for _ in range(2):
                self.answers.append(httpx.get(f"{self._url}/healthz", trust_env=False))
                waiting.until(lambda: self._sleeps[-1:] == [None], what="a sleep without an end")
        finally:
            os.kill(os.getpid(), self._number)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_sleeps_without_an_end_while_nobody_asks_and_a_signal_ends_it(
    config: Path, monkeypatch: pytest.MonkeyPatch, passed_on: list[int], number: int
) -> None:
    sleeps: list[float | None] = []
    select = selectors.DefaultSelector.select

    def noted(self: selectors.BaseSelector, timeout: float | None = None) -> object:
        sleeps.append(timeout)
        return select(self, timeout)

    monkeypatch.setattr(selectors.DefaultSelector, "select", noted)
    web = wiring.web(settings.load(str(config), environ={}), "127.0.0.1", links=wiring.Links())
    listener = server.listen("127.0.0.1", 0)
    visitor = Visitor(server.url(listener), number, sleeps)
    visitor.start()
    try:
        server.run(web, listener, on_up=visitor.up.set)
    finally:
        listener.close()
        web.reading.close()
        web.writing.dispose()
    visitor.join(30)
    assert passed_on == [number]
    assert len(visitor.answers) == 2
    for answer in visitor.answers:
        [date] = answer.headers.get_list("date")
        assert abs(datetime.now(UTC) - parsedate_to_datetime(date)) < timedelta(minutes=1)
