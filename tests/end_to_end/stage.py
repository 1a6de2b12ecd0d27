"""A folder with a configuration, the sandbox that it names, and the processes that are started there.

Whatever was started is ended, by its id, when the stage is closed; a process that is left behind fails the test.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx

from tests import waiting
from tests.commands import Result
from tests.mirrored_world import World

ROOT = Path(__file__).parents[2]
#: How long a process may take to end when it is asked to; the supervisor's own patience is 30 s.
END_SECONDS = 45
#: Whatever is waited for, on a machine that has other things to do.
PATIENCE_SECONDS = 240
#: How often is looked.
LOOK_SECONDS = 0.2


class Receiver:
    """The control of a sandbox's receiver."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._client = httpx.Client(base_url=f"{url}/_sandbox/", timeout=30)

    def close(self) -> None:
        self._client.close()

    def expect(self, path: str, **proofs: str) -> None:
        """What requests to this path must carry: `secret`, `token`."""
        self._client.post("points", json={"path": path, **proofs}).raise_for_status()

    def behave(self, **behaviour: Any) -> None:
        """From now on; see `sandbox.receiver.Behaviour`."""
        self._client.post("behaviour", json=behaviour).raise_for_status()

    def behave_well(self) -> None:
        self._client.delete("behaviour").raise_for_status()

    def received(self, path: str = "*") -> list[dict[str, Any]]:
        answer = self._client.get("received", params={"path": path})
        answer.raise_for_status()
        found: list[dict[str, Any]] = answer.json()
        return found


class Stage:
    """Starts the processes; a context manager that ends them in reverse."""

    program: Sequence[str] = (sys.executable, "-m", "worker")
    sandbox: Sequence[str] = (sys.executable, "-m", "sandbox")

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._stack = ExitStack()
        self._log = folder / "log"

    def __enter__(self) -> Stage:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def api(self, *arguments: str) -> World:
        """The sandbox's three APIs in a process of their own, and their control."""
        world = World(self._sandbox("api", *arguments))
        self._stack.callback(world.close)
        return world

    def receiver(self, *arguments: str) -> Receiver:
        """A receiver of webhooks in a process of its own, and its control."""
        receiver = Receiver(self._sandbox("receiver", *arguments))
        self._stack.callback(receiver.close)
        return receiver

    def start(self, *words: str, **environ: str) -> subprocess.Popen[bytes]:
        """`mirrorpoint WORDS…` in the folder, with these variables too; what it says goes to the log."""
        with self._log.open("ab") as log:
            process = subprocess.Popen(
                [*self.program, *words], stdout=log, stderr=log, cwd=self.folder, env=self.environment() | environ
            )
        self._stack.callback(_end, process)
        return process

    def call(self, *words: str, seconds: float = PATIENCE_SECONDS) -> Result:
        """`mirrorpoint WORDS…` in the folder, to its end."""
        done = subprocess.run(
            [*self.program, *words],
            capture_output=True,
            text=True,
            cwd=self.folder,
            env=self.environment(),
            timeout=seconds,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return Result(done.returncode, done.stdout, done.stderr)

    def until(self, condition: Callable[[], object], what: str | Callable[[], str]) -> None:
        """Wait for it, looking rarely since the processes need the time; in vain: what they said last."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not condition():
            if time.monotonic() > deadline:
                told = what if isinstance(what, str) else what()
                raise AssertionError(f"not within {PATIENCE_SECONDS} s: {told}\n{self.tail()}")
            time.sleep(LOOK_SECONDS)

    def tail(self, lines: int = 25) -> str:
        said = self._log.read_text().splitlines() if self._log.exists() else []
        return "\n".join(line[:500] for line in said[-lines:])

    def last_lines(self, number: int) -> list[str]:
        """The last lines of all that was said, whole."""
        return self._log.read_text().splitlines()[-number:]

    def said(self, event: str) -> list[dict[str, Any]]:
        """The log's lines about one event."""
        return [line for line in self._told() if line["event"] == event]

    def complaints(self) -> list[dict[str, Any]]:
        """What the processes thought worth a warning, or worse; but a list may move, or vanish, under a scan.

        A wake-up that reaches a worker just as it stops is put back by the library, which warns of it. Tests scan
        oftener than a busy machine can, so promises are broken, and budgets exceeded.
        """
        usual = ("scan_ended", "promise_broken", "budget_exceeded")
        fine = [line for line in self._told() if line["event"] in usual or "Requeuing" in line["event"]]
        return [line for line in self._told() if line.get("level") not in ("debug", "info") and line not in fine]

    def _told(self) -> list[dict[str, Any]]:
        lines = self._log.read_text().splitlines() if self._log.exists() else []
        return [json.loads(line) if line.startswith("{") else {"event": line} for line in lines]

    def environment(self) -> dict[str, str]:
        return environment()

    def _sandbox(self, what: str, *arguments: str) -> str:
        command = [*self.sandbox, what, "--die-with-parent", *arguments]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=self.folder, env=self.environment())
        self._stack.callback(_end, process)
        assert process.stdout is not None
        url: str = json.loads(process.stdout.readline())["url"]
        return url


def environment() -> dict[str, str]:
    """Without settings that the caller's own shell may have; and without the page, whose port others may want."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("MIRRORPOINT_")}
    return ours | {"PYTHONPATH": str(ROOT), "MIRRORPOINT_SERVE__LISTEN": "off"}


def _end(process: subprocess.Popen[bytes]) -> None:
    children = waiting.descendants(process.pid)
    process.terminate()
    try:
        process.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise
    finally:
        if process.stdout is not None:
            process.stdout.close()
    left = {pid: words for pid, words in children.items() if waiting.is_alive(pid)}
    assert left == {}
