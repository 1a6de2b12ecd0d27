"""Keeps child processes running, starts again those that end, leaves none behind; used by `run` and `worker`."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import structlog

from worker import embedded

log = structlog.get_logger("mirrorpoint.supervisor")

SHORTEST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 30.0
#: A child that has lived this long is well again: its next end is answered after the shortest pause.
WELL_AFTER_SECONDS = 60.0
#: What children get to finish what they are at; then they are killed.
STOP_SECONDS = 30.0
#: Tells a child whose it is; it ends when that process does.
PARENT_VARIABLE = "MIRRORPOINT_PARENT"

_ENDING = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}


@dataclass(slots=True)
class Child:
    """One process that is to be there."""

    name: str
    command: Sequence[str]
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    start_at: float = 0.0  #: monotonic; when it may be started (again)
    pause_seconds: float = 0.0  #: before the last start


class Supervisor:
    """One `run()`, in the main thread."""

    def __init__(self, children: Sequence[Child], *, broker: embedded.Broker | None = None) -> None:
        self._children = children
        self._broker = broker
        self._broker_start_at = 0.0

    def run(self) -> int:
        """Until a signal asks to end; returns the exit code."""
        with _signals() as next_signal:
            try:
                if self._broker is not None:
                    self._broker.start()
                while True:
                    self._start_due()
                    if next_signal(self._seconds_to_next_start()) in _ENDING:
                        log.info("stopping")
                        break
                    self._bury()
                self._stop(next_signal)
            finally:
                self._kill()
                if self._broker is not None:
                    self._broker.stop()
        return 0

    def _start_due(self) -> None:
        now = time.monotonic()
        broker = self._broker
        if broker is not None and broker.process is None and self._broker_start_at <= now:
            try:
                broker.start()
            except embedded.NoServer as error:
                log.error("broker_not_started", error=error.message)  # noqa: TRY400  # told to its reader in full
                self._broker_start_at = time.monotonic() + LONGEST_PAUSE_SECONDS
        for child in self._children:
            if child.process is None and child.start_at <= now:
                child.process = subprocess.Popen(
                    child.command,
                    stdin=subprocess.DEVNULL,
                    env={**os.environ, PARENT_VARIABLE: str(os.getpid())},
                    start_new_session=True,  # Ctrl-C reaches us alone; we pass it on once
                )
                child.started_at = now
                log.info("child_started", child=child.name, pid=child.process.pid)

    def _seconds_to_next_start(self) -> float | None:
        times = [child.start_at for child in self._children if child.process is None]
        if self._broker is not None and self._broker.process is None:
            times.append(self._broker_start_at)
        return max(0.0, min(times) - time.monotonic()) if times else None

    def _bury(self) -> None:
        """Take notice of what has ended, and say when it is to start again."""
        now = time.monotonic()
        for child in self._children:
            if child.process is None or child.process.poll() is None:
                continue
            if now - child.started_at >= WELL_AFTER_SECONDS:
                child.pause_seconds = 0.0
            child.pause_seconds = min(max(child.pause_seconds * 2, SHORTEST_PAUSE_SECONDS), LONGEST_PAUSE_SECONDS)
            log.error(
                "child_ended",
                child=child.name,
                exit_code=child.process.returncode,
                again_in_seconds=child.pause_seconds,
            )
            child.process = None
            child.start_at = now + child.pause_seconds
        if self._broker is not None and self._broker.process is not None and self._broker.process.poll() is not None:
            log.error("broker_ended", exit_code=self._broker.process.returncode)
            self._broker.process = None
            self._broker_start_at = now + SHORTEST_PAUSE_SECONDS

    def _stop(self, next_signal: Callable[[float | None], int | None]) -> None:
        """Children finish what they are at; a second Ctrl-C, or 30 s, ends the patience."""
        running = [child.process for child in self._children if child.process is not None]
        for process in running:
            process.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        while any(process.poll() is None for process in running):
            if next_signal(max(0.0, deadline - time.monotonic())) in _ENDING:
                log.warning("stopping_at_once")
                return
            if time.monotonic() >= deadline:
                log.warning("children_killed", seconds=STOP_SECONDS)
                return

    def _kill(self) -> None:
        for child in self._children:
            if child.process is not None:
                if child.process.poll() is None:
                    child.process.kill()
                child.process.wait()
                child.process = None


@contextlib.contextmanager
def _signals() -> Iterator[Callable[[float | None], int | None]]:
    """Signals as values, so that nothing happens between two lines of the loop.

    The function waits for the next one (SIGCHLD among them), at most so many seconds; None when the time is over.
    """
    reader, writer = socket.socketpair()
    for end in (reader, writer):
        end.setblocking(False)
    watched = [*_ENDING, signal.SIGCHLD]
    handlers = {number: signal.signal(number, lambda *_: None) for number in watched}
    descriptor = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
    with selectors.DefaultSelector() as selector:
        selector.register(reader, selectors.EVENT_READ)

        def next_signal(timeout_seconds: float | None) -> int | None:
            if not selector.select(timeout_seconds):
                return None
            return reader.recv(1)[0]

        try:
            yield next_signal
        finally:
            signal.set_wakeup_fd(descriptor)
            for number, handler in handlers.items():
                signal.signal(number, handler)
            reader.close()
            writer.close()


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


def _watch_parent(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    os.kill(os.getpid(), signal.SIGTERM)
