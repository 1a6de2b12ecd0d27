"""The readers that docs/feed.md shows, as they stand there, against the real feed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import waiting
from tests.integration import web_server
from tests.integration.web_server import READER, Served
from tests.shop import open_shop

PAGE = (Path(__file__).parents[2] / "docs" / "feed.md").read_text("utf-8")


def program(language: str, mark: str) -> str:
    return next(text for text in re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL) if mark in text)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    open_shop(tmp_path)
    file = tmp_path / "mirrorpoint.toml"
    file.write_text(file.read_text() + web_server.TOKENS)
    with web_server.serving(file) as found:
        yield found


@pytest.mark.parametrize("language", ["python", "sh"])
def test_the_reader_deals_with_all_events_and_goes_on_where_it_was(
    served: Served, tmp_path: Path, language: str
) -> None:
    if language == "sh" and not (shutil.which("jq") and shutil.which("curl")):
        pytest.skip("there is no jq or no curl here: apt-get install jq curl")
    text = program(language, "lastEventId")
    command = [sys.executable, "-c", text] if language == "python" else ["sh", "-c", text]
    environ = {"PATH": os.environ["PATH"], "FEED": served.url, "TOKEN": READER}
    folder = tmp_path / "reader"
    folder.mkdir()

    def read(expected: int) -> list[str]:
        with (folder / "said").open("wb") as said:
            process = subprocess.Popen(command, cwd=folder, env=environ, stdout=said, start_new_session=True)
        try:
            waiting.until(lambda: len((folder / "said").read_text().splitlines()) >= expected, seconds=60)
        finally:
            os.killpg(process.pid, 9)
            process.wait()
        return (folder / "said").read_text().splitlines()

    assert read(7)[:3] == ["things/1 things.snapshot 1", "things/2 things.snapshot 1", "things/1 things.updated 2"]
    waiting.until((folder / "last-event-id").exists)
    with served.client(READER) as client:
        (folder / "last-event-id").write_text(client.get("/feed?limit=5").json()[-1]["id"])
    assert len(read(2)) == 2


def test_the_python_reader_has_fifteen_lines() -> None:
    assert len(program("python", "lastEventId").splitlines()) <= 15
