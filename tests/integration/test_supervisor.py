"""The supervisor with small children: starts them again, ends them, and is not stopped by those that do not listen."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
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
reads = None if len(sys.argv) < 4 else lambda: open(sys.argv[3]).read()
try:
    sys.exit(supervisor.Supervisor(children, reload=reads).run())
except supervisor.CannotStart as error:
    print("error:", error, file=sys.stderr)
    sys.exit(error.exit_code)
"""
UP = "from worker import child; child.say_ready();"
SLEEPS = f"{UP} import time; time.sleep(600)"
ENDS = f"{UP} pass"
DEAF = (
    f"{UP} import signal, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    "print('deaf', file=sys.stderr, flush=True); time.sleep(600)"
)
TIED = "import time; from worker import child; assert child.tie_to_parent(); child.say_ready(); time.sleep(600)"


class Supervised:
    """A supervisor as a process of its own, and what it and its children say."""

    def __init__(
        self,
        file: Path,
        children: dict[str, str],
        *,
        problem: Path | None = None,
        under: Sequence[str] = (),
        **constants: float,
    ) -> None:
        """`problem`: the file that says what is wrong at a reload; `under`: a command to start it with. No terminal."""
        self.file = file
        words = [json.dumps(constants), json.dumps(children), *([str(problem)] if problem else [])]
        with file.open("wb") as output:
            self.process = subprocess.Popen(
                [*under, sys.executable, "-c", SUPERVISOR, *words], stderr=output, start_new_session=True
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

    def start(children: dict[str, str], **options: Any) -> Supervised:
        begun.append(Supervised(tmp_path / f"log{len(begun)}", children, **options))
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
    one = begin({"a": ENDS, "b": SLEEPS}, SHORTEST_PAUSE_SECONDS=0.1, LONGEST_PAUSE_SECONDS=0.5)
    waiting.until(lambda: len(one.said("child_ended")) >= 5, what=one.file.read_text)
    assert [line["again_in_seconds"] for line in one.said("child_ended")[:5]] == [0.1, 0.2, 0.4, 0.5, 0.5]
    assert len([line for line in one.said("child_started") if line["child"] == "b"]) == 1


def test_a_child_that_has_lived_long_is_started_again_soon(begin: Begin) -> None:
    one = begin({"a": ENDS}, SHORTEST_PAUSE_SECONDS=0.1, LONGEST_PAUSE_SECONDS=0.5, WELL_AFTER_SECONDS=0)
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
    assert one.process.wait(20) == 130
    assert not waiting.is_alive(pid)


def test_children_end_with_a_supervisor_that_is_killed(begin: Begin) -> None:
    one = begin({"a": TIED, "b": TIED})
    pids = one.children(2)
    one.process.kill()
    one.process.wait()
    waiting.until(lambda: not [pid for pid in pids if waiting.is_alive(pid)])


def test_a_child_can_be_ended_while_it_waits_to_be_started_again(begin: Begin) -> None:
    one = begin({"a": ENDS}, SHORTEST_PAUSE_SECONDS=600, LONGEST_PAUSE_SECONDS=600)
    waiting.until(lambda: one.said("child_ended"))
    one.process.send_signal(signal.SIGTERM)
    assert one.process.wait(20) == 0


def test_a_child_that_cannot_start_ends_the_supervisor_with_its_error_and_its_exit_code(begin: Begin) -> None:
    fails = (
        "import sys; print('error: the file is wrong', '  hint: mend it', sep=chr(10), file=sys.stderr); sys.exit(2)"
    )
    one = begin({"a": SLEEPS, "b": fails}, SHORTEST_PAUSE_SECONDS=0.1)
    assert one.process.wait(60) == 2
    assert "error: b cannot start: the file is wrong" in one.file.read_text()
    assert len([line for line in one.said("child_started") if line["child"] == "b"]) == 3
    assert [pid for pid in one.children(1) if waiting.is_alive(pid)] == []


def test_what_cannot_be_imported_is_told_by_the_last_line_of_the_traceback(begin: Begin) -> None:
    one = begin({"a": "import no_such_module_anywhere"}, SHORTEST_PAUSE_SECONDS=0.1)
    assert one.process.wait(60) == 1
    assert "a cannot start: ModuleNotFoundError: No module named 'no_such_module_anywhere'" in one.file.read_text()


def test_a_child_that_was_up_once_never_ends_the_supervisor(begin: Begin, tmp_path: Path) -> None:
    flag = tmp_path / "was up"
    once = f"import pathlib; {UP} f = pathlib.Path({str(flag)!r}); f.exists() and exit(5); f.touch()"
    fails_later = f"import pathlib, os; os.path.exists({str(flag)!r}) and exit(5); {once}"
    one = begin({"a": fails_later}, SHORTEST_PAUSE_SECONDS=0.1, LONGEST_PAUSE_SECONDS=0.1)
    waiting.until(lambda: len(one.said("child_ended")) >= 5, what=one.file.read_text)
    assert one.process.poll() is None


def test_plain_lines_of_children_become_json_among_json(begin: Begin) -> None:
    says = 'import sys; sys.stderr.write(\'error: no way\\n{"event": "mine"}\\n\');' + SLEEPS
    one = begin({"a": says})
    waiting.until(lambda: one.said("mine"), what=one.file.read_text)
    (line,) = one.said("child_said")
    assert (line["child"], line["text"], line["level"]) == ("a", "error: no way", "error")
    assert [text for text in one.file.read_text().splitlines() if not text.startswith("{")] == []


def test_a_hang_up_that_was_ignored_at_the_start_stays_ignored(begin: Begin) -> None:
    one = begin({"a": SLEEPS}, under=["nohup"], SHORTEST_PAUSE_SECONDS=0.1)
    (pid,) = one.children(1)
    one.process.send_signal(signal.SIGHUP)
    os.kill(pid, signal.SIGHUP)
    os.kill(pid, signal.SIGKILL)
    one.children(2)  # so it goes on
    assert [line["exit_code"] for line in one.said("child_ended")] == [-signal.SIGKILL]
    assert one.process.poll() is None


def test_a_hang_up_without_a_terminal_starts_children_anew_unless_the_configuration_is_bad(
    begin: Begin, tmp_path: Path
) -> None:
    problem = tmp_path / "problem"
    problem.write_text("delivery.timeout: must be longer than nothing")
    one = begin({"a": SLEEPS}, problem=problem)
    (first,) = one.children(1)
    one.process.send_signal(signal.SIGHUP)
    waiting.until(lambda: one.said("reload_refused"), what=one.file.read_text)
    assert one.said("reload_refused")[0]["error"] == problem.read_text()
    assert waiting.is_alive(first)
    problem.write_text("")
    one.process.send_signal(signal.SIGHUP)
    assert one.children(2)[1] != first
    assert not waiting.is_alive(first)
    assert not one.said("child_ended")
    one.process.send_signal(signal.SIGTERM)
    assert one.process.wait(20) == 0
