"""One child process of `run` or `worker`: how it starts, what it says, whether it was ever up; used by supervisor.py.

What a child does itself is here as well: `tie_to_parent` before anything else, `say_ready` when it is at work.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import IO

from tasks.log_lines import Logger

log = Logger("mirrorpoint.supervisor")

#: Tells a child whose it is; it ends when that process does.
PARENT_VARIABLE = "MIRRORPOINT_PARENT"
#: Tells a child where to write which byte when it is at work, and where what it has to say then.
READY_VARIABLE = "MIRRORPOINT_READY"
_LINES_KEPT = 20
#: What a pipe takes at once, whoever reads it.
_MOST_SAID_BYTES = 4096
#: A child that has ended has said all by then, unless a process of its own holds the line open.
_LAST_WORDS_SECONDS = 2.0


@dataclass(slots=True)
class Child:
    """One process that is to be there."""

    name: str
    command: Sequence[str]
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    start_at: float = 0.0  #: monotonic; when it may be started (again)
    pause_seconds: float = 0.0  #: before the last start
    is_up: bool = False  #: it has said so
    has_been_up: bool = False  #: this one, or one before it
    failed_starts: int = 0  #: in a row, as long as none was up
    said: str = ""  #: what it had to say when it was at work
    _saying: int | None = None  #: file descriptor on which it says that
    _words: deque[str] = field(default_factory=lambda: deque(maxlen=_LINES_KEPT))
    _reader: threading.Thread | None = None

    def start(self, *, ready: tuple[int, int], is_json: bool) -> int:
        """Its process id. `ready`: the file descriptor and the byte by which it says that it is at work."""
        descriptor, byte = ready
        colours = {"FORCE_COLOR": "1"} if not is_json and sys.stderr.isatty() and "NO_COLOR" not in os.environ else {}
        self._words.clear()
        self.is_up, self.said = False, ""
        self._stop_listening()
        self._saying, said = os.pipe()
        os.set_blocking(self._saying, False)
        self.started_at = time.monotonic()
        try:
            self.process = process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                env={
                    **os.environ,
                    **colours,
                    PARENT_VARIABLE: str(os.getpid()),
                    READY_VARIABLE: f"{descriptor}:{byte}:{said}",
                },
                pass_fds=(descriptor, said),
                start_new_session=True,  # Ctrl-C reaches us alone; we pass it on once
            )
        finally:
            os.close(said)
        assert process.stderr is not None  # noqa: S101  # a pipe was asked for
        self._reader = threading.Thread(
            target=self._pass_on, args=(process.stderr, is_json), name=f"words of {self.name}", daemon=True
        )
        self._reader.start()
        return process.pid

    def note_up(self) -> None:
        """It has said that it is at work."""
        self.is_up = self.has_been_up = True
        self.failed_starts = 0
        if self._saying is not None:
            with contextlib.suppress(BlockingIOError):  # it says nothing
                self.said = os.read(self._saying, _MOST_SAID_BYTES).decode("utf-8", "replace")
            self._stop_listening()

    def last_words(self) -> str:
        """Why it ended, in its own words: its last `error:` line, else the last of a traceback; empty for nothing."""
        if self._reader is not None:
            self._reader.join(_LAST_WORDS_SECONDS)
        lines = [line.strip() for line in self._words if line.strip()]
        errors = [line.removeprefix("error:").strip() for line in lines if line.startswith("error:")]
        return (errors or lines or [""])[-1]

    def _stop_listening(self) -> None:
        if self._saying is not None:
            os.close(self._saying)
            self._saying = None

    def _pass_on(self, stream: IO[bytes], is_json: bool) -> None:
        """What is no JSON object becomes one where the log is made of them."""
        with stream:
            for line in stream:
                text = line.decode("utf-8", "replace").rstrip("\r\n")
                is_plain = not text.startswith("{")
                if is_plain:
                    self._words.append(text)
                if is_plain and is_json:
                    if text.strip():
                        tell = log.error if text.startswith("error:") else log.warning
                        tell("child_said", child=self.name, text=text)
                    continue
                with contextlib.suppress(OSError, ValueError):  # nobody reads it any more; the child is not to wait
                    sys.stderr.write(text + "\n")
                    sys.stderr.flush()


def tie_to_parent() -> bool:
    """In a child, before anything else: end (as by SIGTERM) when the process that started us does, even by kill -9.

    False where this process is nobody's child.
    """
    parent = os.environ.pop(PARENT_VARIABLE, None)
    if parent is None:
        return False
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG
    else:
        threading.Thread(target=_watch_parent, args=(int(parent),), name="parent", daemon=True).start()
    if os.getppid() != int(parent):  # it ended before we asked
        raise SystemExit(1)
    return True


def say_ready(words: str = "") -> None:
    """In a child: it is at work, and what its parent should know of it. Nothing happens where nobody has asked."""
    asked = os.environ.pop(READY_VARIABLE, "")
    if not asked:
        return
    descriptor, byte, said = map(int, asked.split(":"))
    with contextlib.suppress(OSError):
        os.write(said, words.encode()[:_MOST_SAID_BYTES])  # before the byte: then it is there to be read
        os.close(said)
        os.write(descriptor, bytes([byte]))
        os.close(descriptor)


def _watch_parent(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    os.kill(os.getpid(), signal.SIGTERM)
