"""`mirrorpoint demo` as somebody would see it who has just cloned this; nothing of it is left behind."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sandbox.story import STEPS
from tests import waiting
from tests.end_to_end.stage import END_SECONDS, LOOK_SECONDS, PATIENCE_SECONDS, ROOT, environment

#: The demo itself gives up where nothing moves; a busy machine may take its time.
DEMO_SECONDS = 400


class Demo:
    """One demo as a process, what it has said so far, and all processes that it was ever seen to have."""

    def __init__(self, *words: str, folder: Path) -> None:
        self.folder = folder
        self.children: dict[int, str] = {}
        self.said = ""
        self.complained = ""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "worker", "demo", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=environment() | {"TMPDIR": str(folder)},
        )
        self._readers = [threading.Thread(target=reader) for reader in (self._read, self._read_complaints)]
        for reader in self._readers:
            reader.start()

    def until(self, condition: Callable[[], object], *, seconds: float = PATIENCE_SECONDS) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert self._process.poll() is None, self.said + self.complained
            assert time.monotonic() < deadline, self.said + self.complained
            self.children |= waiting.descendants(self._process.pid)
            time.sleep(LOOK_SECONDS)

    def end(self, number: signal.Signals | None = None, *, seconds: float = END_SECONDS) -> int:
        """Its exit code, after a signal where one is given."""
        if number is not None:
            self._process.send_signal(number)
        try:
            self.until(lambda: self._process.poll() is not None, seconds=seconds)
        finally:
            if self._process.poll() is None:
                self._process.kill()
            code = self._process.wait()
            for reader in self._readers:
                reader.join()
            for stream in (self._process.stdout, self._process.stderr):
                assert stream is not None
                stream.close()
        return code

    def left(self) -> list[str]:
        """Processes and files that there should not be any more."""
        alive = [words for pid, words in self.children.items() if waiting.is_alive(pid)]
        return alive + [path.name for path in self.folder.iterdir()]

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.said += line

    def _read_complaints(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self.complained += line


@pytest.fixture
def folder() -> Iterator[Path]:
    """In the place of the system's temporary folder; its path is short, since sockets are put there too."""
    made = Path(tempfile.mkdtemp(prefix="mp-demo-"))
    yield made
    shutil.rmtree(made)


def test_the_demo_mirrors_changes_and_tells_and_leaves_nothing(folder: Path) -> None:
    demo = Demo(folder=folder)
    assert demo.end(seconds=DEMO_SECONDS) == 0, demo.complained
    # A provider goes, and its settings may be asked for before its own list has told that.
    gone = "sms_provider_settings: answered 404"
    assert [line for line in demo.complained.splitlines() if gone not in line] == []
    assert len(demo.children) >= 7  # two servers of the sandbox; run with broker, clock and two workers
    assert demo.left() == []

    mirrored = re.search(r"([\d,]+) records of (\d+) resources in", demo.said)
    assert mirrored
    assert int(mirrored[2]) > 90
    steps = re.split(r"^ +\d+  (?=[A-Z].*\.$)", demo.said.partition("3  Look")[0], flags=re.MULTILINE)[1:]
    assert len(STEPS) == len(steps)
    assert [] == [step for step in steps if "signature valid" not in step]
    for kind in ("created", "updated", "deleted", "restored"):
        assert f".{kind} " in demo.said
    arrived = re.search(r"(\d+) events arrived, (\d+) with a valid signature", demo.said)
    assert arrived
    assert arrived[1] == arrived[2]
    assert int(arrived[1]) > len(STEPS)
    told = len(re.findall(r"signature valid$", demo.said, flags=re.MULTILINE))
    assert f"{told} at DEMO, and {int(arrived[1]) - told} at CRM" in demo.said
    assert demo.said.endswith("nothing was left behind\n")


def test_a_demo_whose_terminal_is_closed_in_its_first_scans_leaves_nothing(folder: Path) -> None:
    demo = Demo(folder=folder)
    demo.until(lambda: any("--queues scan" in words for words in demo.children.values()))
    assert demo.end(signal.SIGHUP) == 130
    assert "Traceback" not in demo.complained
    assert demo.left() == []


def test_a_demo_that_gets_ctrl_c_among_its_changes_leaves_nothing(folder: Path) -> None:
    demo = Demo(folder=folder)
    demo.until(lambda: "signature valid" in demo.said, seconds=DEMO_SECONDS)
    assert demo.end(signal.SIGINT) == 130
    assert "Traceback" not in demo.complained
    assert demo.left() == []


def test_a_demo_that_is_killed_leaves_no_process(folder: Path) -> None:
    demo = Demo(folder=folder)
    demo.until(lambda: any("--queues scan" in words for words in demo.children.values()))
    assert demo.end(signal.SIGKILL) == -signal.SIGKILL
    waiting.until(lambda: not [pid for pid in demo.children if waiting.is_alive(pid)], seconds=END_SECONDS)
