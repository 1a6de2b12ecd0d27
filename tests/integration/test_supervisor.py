"""The supervisor with small children: starts them again, ends them, and is not stopped by those that do not listen."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import waiting

SUPERVISOR = """
import json, sys
from worker import child, logs, supervisor

logs.set_up(is_json=True)
for name, value in json.loads(sys.argv[1]).items():
    setattr(supervisor, name, value)
children = [child.Child(name, [sys.executable, "-c", text]) for name, text in json.loads(sys.argv[2]).items()]
sys.exit(supervisor.Supervisor(children).run())
"""
SLEEPS = "import time; time.sleep(600)"
DEAF = (
    "import signal, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    "print('deaf', file=sys.stderr, flush=True); time.sleep(600)"
)
TIED = "import time; from worker import child; assert child.tie_to_parent(); time.sleep(600)"


class Supervised:
    """A supervisor as a process of its own, and what it and its children say."""

    def __init__(self, file: Path, children: dict[str, str], **constants: float) -> None:
        self.file = file
        with file.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-c", SUPERVISOR, json.dumps(constants), json.dumps(children)], stderr=output
            )

    def said(self, event: str) -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in self.file.read_text().splitlines() if line.startswith("{")]
        return [line for line in lines if line["event"] == event]

    def children(self, count: int) -> list[int]:
        """Their process ids, when there are so many."""
        waiting.until(lambda: len(self.said("child_started")) >= count, what=self.file.read_text)
        return [line["pid"] for line in self.said("child_started")]


Begin = Callable[..., Supervised]


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Begin]:
    begun: list[Supervised] = []

    def start(children: dict[str, str], **constants: float) -> Supervised:
        begun.append(Supervised(tmp_path / f"log{len(begun)}", children, **constants))
        return begun[-1]

    yield start
    for one in begun:
        if one.process.poll() is None:
            one.process.kill()
        one.process.wait()
        for line in one.said("child_started"):
            with contextlib.suppress(ProcessLookupError):
                os.kill(line["pid"], signal.SIGKILL)


def test_children_are_asked_to_end_and_the_supervisor_ends_with_them(begin: Begin) -> None:
    one = begin({"a": SLEEPS, "b": SLEEPS})
    pids = one.children(2)
    one.process.send_signal(signal.SIGTERM)
    assert one.process.wait(20) == 0
    assert [pid for pid in pids if waiting.is_alive(pid)] == []


def test_a_child_that_ends_is_started_again_after_growing_pauses(begin: Begin) -> None:
    one = begin({"a": "pass", "b": SLEEPS}, SHORTEST_PAUSE_SECONDS=0.1, LONGEST_PAUSE_SECONDS=0.5)
    waiting.until(lambda: len(one.said("child_ended")) >= 5, what=one.file.read_text)
    assert [line["again_in_seconds"] for line in one.said("child_ended")[:5]] == [0.1, 0.2, 0.4, 0.5, 0.5]
    assert len([line for line in one.said("child_started") if line["child"] == "b"]) == 1


def test_a_child_that_has_lived_long_is_started_again_soon(begin: Begin) -> None:
    one = begin({"a": "pass"}, SHORTEST_PAUSE_SECONDS=0.1, LONGEST_PAUSE_SECONDS=0.5, WELL_AFTER_SECONDS=0)
    waiting.until(lambda: len(one.said("child_ended")) >= 3, what=one.file.read_text)
    assert {line["again_in_seconds"] for line in one.said("child_ended")[:3]} == {0.1}


def test_a_child_that_does_not_end_is_killed_when_the_time_is_over(begin: Begin) -> None:
    one = begin({"a": DEAF}, STOP_SECONDS=0.5)
    (pid,) = one.children(1)
    waiting.until(lambda: "deaf" in one.file.read_text())
    one.process.send_signal(signal.SIGTERM)
    assert one.process.wait(20) == 0
    assert not waiting.is_alive(pid)
    assert one.said("children_killed")


def test_a_second_ctrl_c_ends_the_patience(begin: Begin) -> None:
    one = begin({"a": DEAF}, STOP_SECONDS=600)
    (pid,) = one.children(1)
    waiting.until(lambda: "deaf" in one.file.read_text())
    one.process.send_signal(signal.SIGINT)
    waiting.until(lambda: one.said("stopping"))
    assert waiting.is_alive(pid)
    one.process.send_signal(signal.SIGINT)
    assert one.process.wait(20) == 0
    assert not waiting.is_alive(pid)


def test_children_end_with_a_supervisor_that_is_killed(begin: Begin) -> None:
    one = begin({"a": TIED, "b": TIED})
    pids = one.children(2)
    one.process.kill()
    one.process.wait()
    waiting.until(lambda: not [pid for pid in pids if waiting.is_alive(pid)])


def test_a_child_can_be_ended_while_it_waits_to_be_started_again(begin: Begin) -> None:
    one = begin({"a": "pass"}, SHORTEST_PAUSE_SECONDS=600, LONGEST_PAUSE_SECONDS=600)
    waiting.until(lambda: one.said("child_ended"))
    one.process.send_signal(signal.SIGTERM)
    assert one.process.wait(20) == 0
