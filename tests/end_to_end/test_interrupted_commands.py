"""Commands that are interrupted, or whose output goes nowhere, end at once and without a word too many."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import commands, waiting
from tests.integration import shop as shops
from tests.integration.scripted_server import Reply, Request, closed_port
from tests.integration.shop import Shop

POINT = """
[[points]]
code = "A"
url = "{url}/hook"
[[routes]]
points = ["A"]
kinds = ["snapshot"]
[delivery]
allow_networks = ["127.0.0.0/8"]
"""


class Folder:
    """A configuration for a shop that has one thing, and the commands that are called there."""

    def __init__(self, folder: Path, shop: Shop) -> None:
        self._started: list[subprocess.Popen[str]] = []
        self.file = shops.configure(folder, database=f"sqlite:///{folder / 'mirror.db'}", url=shop.server.url)
        text = self.file.read_text().replace('timeout = "1s"', 'timeout = "1d"')
        self.file.write_text(text + POINT.format(url=shop.server.url))
        shop.lists("things", '{"id": 1}')

    def start(self, *words: str, stdout: int = subprocess.PIPE, stderr: int = subprocess.PIPE) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "worker", "--config", str(self.file), *words]
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr, text=True, cwd=self.file.parent
        )
        self._started.append(process)
        return process

    def close(self) -> None:
        for process in self._started:
            process.kill()
            process.communicate()


@pytest.fixture
def shop() -> Iterator[Shop]:
    with shops.opened() as opened:
        yield opened


@pytest.fixture
def folder(shop: Shop, tmp_path: Path) -> Iterator[Folder]:
    opened = Folder(tmp_path, shop)
    yield opened
    opened.close()


@pytest.mark.parametrize(
    ("words", "method", "path"),
    [
        (["check"], "GET", "/leaflets"),
        (["sync"], "GET", "/leaflets"),
        (["deliver", "--wait", "1h"], "POST", "/hook"),
    ],
)
def test_ctrl_c_ends_a_command_that_waits_for_somebody_who_says_nothing(
    folder: Folder, shop: Shop, capsys: pytest.CaptureFixture[str], words: list[str], method: str, path: str
) -> None:
    if "deliver" in words:
        assert 0 == commands.run(capsys, ["--config", str(folder.file), "sync"]).code
    shop.server.on(method, path, lambda _: silent(shop, _))
    process = folder.start(*words)
    waiting.until(lambda: shop.server.asked(method, path), seconds=60)

    process.send_signal(signal.SIGINT)

    out, err = process.communicate(timeout=60)
    assert (130, "") == (process.returncode, out)
    if "sync" in words:
        told, _, err = err.rpartition("stopped: ")
        assert err.endswith("; nothing is lost, and the next `mirrorpoint sync` goes on from there\n")
        err = told
    if "check" in words:
        stopped = "stopped: not everything was checked; the next `mirrorpoint check` begins anew\n"
        assert err.endswith(stopped)
        err = err.removesuffix(stopped)
    said = [line for line in err.splitlines() if not line.startswith(("scanning ", "asking ")) and " of " not in line]
    assert "".join(said).partition("; ")[0] in (
        "",
        "stopping at the next page",
        "stopping when the receivers have answered",
    )


def silent(shop: Shop, _: Request) -> Reply:
    shop.server.closing.wait(120)
    return Reply()


@pytest.mark.parametrize("words", [["resources"], ["changes", "--all", "--json"], ["--help"]])
def test_a_reader_that_has_gone_is_no_failure(
    folder: Folder, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    assert 0 == commands.run(capsys, ["--config", str(folder.file), "sync"]).code
    reader, writer = os.pipe()
    os.close(reader)
    process = folder.start(*words, stdout=writer)
    os.close(writer)
    assert ("", 0) == (process.communicate(timeout=60)[1], process.returncode)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a disk that is always full")
def test_a_full_disk_is_told(folder: Folder) -> None:
    with open("/dev/full", "wb") as full:  # noqa: PTH123
        process = folder.start("resources", "--json", stdout=full.fileno())
        _, err = process.communicate(timeout=60)
    said = "error: the output cannot be written: No space left on device\n  hint: make room where it goes\n"
    assert (1, said) == (process.returncode, err)


def test_a_broker_that_is_away_is_named_and_waited_for(folder: Folder) -> None:
    with closed_port() as port:
        folder.file.write_text(folder.file.read_text() + f'[broker]\nurl = "redis://:hush@127.0.0.1:{port}/0"\n')
        with (folder.file.parent / "log").open("wb") as log:
            process = folder.start("clock", "--log-json", stderr=log.fileno())
        waiting.until(lambda: "broker_away" in (folder.file.parent / "log").read_text(), seconds=60)
        process.terminate()
        assert 0 == process.wait(60)
    text = (folder.file.parent / "log").read_text()
    line = next(line for line in text.splitlines() if "broker_away" in line)
    assert f"connecting to 127.0.0.1:{port}. Connection refused" in line
    assert "hush" not in text
    assert "Traceback" not in text
