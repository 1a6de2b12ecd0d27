"""Keeps child processes running, starts again those that end, leaves none behind; used by `run` and `worker`.

A child that cannot start ends the supervisor with the child's own error. One that was up once never does: what it needs
may be away for a while, and it is started again for as long as it takes.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Sequence

from tasks.log_lines import Logger
from worker import embedded, signals
from worker.broker_server import NoServer
from worker.child import Child
from worker.problems import Problem

log = Logger("mirrorpoint.supervisor")

SHORTEST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 30.0
#: A child that has lived this long is well again: its next end is answered after the shortest pause.
WELL_AFTER_SECONDS = 60.0
#: So often in a row a child may end before it was ever up.
FAILED_STARTS = 3
#: What children get to finish what they are at; then they are killed.
STOP_SECONDS = 30.0
#: Between two looks whether the private broker can still be reached.
LOOK_SECONDS = 5.0

#: A child's byte when it is at work: this and its position. Signals have lower numbers.
_UP = 128


class CannotStart(Problem):  # named like the others that people read
    """A child ends again and again before it is at work."""

    code = "child"

    def __init__(self, child: str, exit_code: int, words: str) -> None:
        why = words or (f"ended by signal {-exit_code}" if exit_code < 0 else f"exit code {exit_code}, without a word")
        super().__init__(f"{child} cannot start: {why}", f"it was tried {FAILED_STARTS} times")
        self.args = (child, exit_code, words)  # what pickling calls the class with
        self.exit_code = exit_code if exit_code > 0 else 1


class Supervisor:
    """One `run()`, in the main thread."""

    def __init__(
        self,
        children: Sequence[Child],
        *,
        broker: embedded.Broker | None = None,
        is_json: bool = True,
        reload: Callable[[], str] | None = None,
        on_up: Callable[[], None] | None = None,
    ) -> None:
        """`reload` reads and checks the configuration anew and says what is wrong with it; empty: nothing.

        `on_up` is called once, when every child is at work.
        """
        self._children = children
        self._broker = broker
        self._broker_start_at = self._broker_look_at = 0.0
        self._is_json = is_json
        self._reload = reload
        self._on_up = on_up
        self._ending: set[int] = set()

    def run(self) -> int:
        """Until a signal asks to end; returns the exit code. CannotStart: a child does not."""
        reloads = self._reload is not None and not signals.has_terminal()
        ending = {signal.SIGTERM, signal.SIGINT} | (set() if reloads else {signal.SIGHUP})
        self._ending = signals.heeded(ending)
        watched = self._ending | signals.heeded({signal.SIGHUP}) | {signal.SIGCHLD}
        with signals.as_values(watched) as heard:
            try:
                if self._broker is not None:
                    self._broker.start()
                asked_by = self._keep_running(heard)
                log.info("stopping")
                self._end_children(heard)
            finally:
                self._kill()
                if self._broker is not None:
                    self._broker.stop()
        return 130 if asked_by == signal.SIGINT else 0

    def _keep_running(self, heard: signals.Signals) -> int:
        """Until one of the signals that end us, which is returned."""
        while True:
            self._start_due(heard.descriptor)
            number = heard.next(self._seconds_to_next_look())
            if number in self._ending:
                return number
            if number == signal.SIGHUP and self._accepts_reload():
                asked_by = self._end_children(heard)
                if asked_by is not None:
                    return asked_by
                self._kill()
            if number is not None and number >= _UP:
                self._note_up(number - _UP)
            self._bury()
            self._look_after_broker()

    def _start_due(self, ready: int) -> None:
        now = time.monotonic()
        broker = self._broker
        if broker is not None and broker.process is None and self._broker_start_at <= now:
            try:
                broker.start()
            except NoServer as error:
                log.error("broker_not_started", error=error.message)  # noqa: TRY400  # told to its reader in full
                self._broker_start_at = time.monotonic() + LONGEST_PAUSE_SECONDS
        for position, child in enumerate(self._children):
            if child.process is None and child.start_at <= now:
                pid = child.start(ready=(ready, _UP + position), is_json=self._is_json)
                log.info("child_started", child=child.name, pid=pid)

    def _seconds_to_next_look(self) -> float | None:
        times = [child.start_at for child in self._children if child.process is None]
        if self._broker is not None:
            times.append(self._broker_start_at if self._broker.process is None else self._broker_look_at)
        return max(0.0, min(times) - time.monotonic()) if times else None

    def _note_up(self, position: int) -> None:
        self._children[position].note_up()
        if self._on_up is not None and all(child.is_up for child in self._children):
            self._on_up()
            self._on_up = None

    def _accepts_reload(self) -> bool:
        problem = self._reload() if self._reload is not None else ""
        if problem:
            log.error("reload_refused", error=problem, hint="all goes on as before; mend it and send SIGHUP again")
            return False
        log.info("reloading")
        return True

    def _bury(self) -> None:
        """Take notice of what has ended, and say when it is to start again."""
        now = time.monotonic()
        for child in self._children:
            if child.process is None or child.process.poll() is None:
                continue
            exit_code = child.process.returncode
            if not child.has_been_up:
                child.failed_starts += 1
                if child.failed_starts >= FAILED_STARTS:
                    raise CannotStart(child.name, exit_code, child.last_words())
            if now - child.started_at >= WELL_AFTER_SECONDS:
                child.pause_seconds = 0.0
            child.pause_seconds = min(max(child.pause_seconds * 2, SHORTEST_PAUSE_SECONDS), LONGEST_PAUSE_SECONDS)
            log.error("child_ended", child=child.name, exit_code=exit_code, again_in_seconds=child.pause_seconds)
            child.process = None
            child.start_at = now + child.pause_seconds
        if self._broker is not None and self._broker.process is not None and self._broker.process.poll() is not None:
            log.error("broker_ended", exit_code=self._broker.process.returncode)
            self._broker.process = None
            self._broker_start_at = now + SHORTEST_PAUSE_SECONDS

    def _look_after_broker(self) -> None:
        """A server whose socket somebody has removed lives on and is reached by nobody: it is started again."""
        if self._broker is None or self._broker.process is None or time.monotonic() < self._broker_look_at:
            return
        self._broker_look_at = time.monotonic() + LOOK_SECONDS
        if embedded.is_cut_off(self._broker.place):
            log.error("broker_cut_off", socket=str(self._broker.place.socket))
            self._broker.process.terminate()  # its end is noticed like any other

    def _end_children(self, heard: signals.Signals) -> int | None:
        """Children finish what they are at; 30 s, or a further signal, which is returned, end the patience."""
        running = [child.process for child in self._children if child.process is not None]
        for process in running:
            process.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        while any(process.poll() is None for process in running):
            number = heard.next(max(0.0, deadline - time.monotonic()))
            if number in self._ending:
                log.warning("stopping_at_once")
                return number
            if time.monotonic() >= deadline:
                log.warning("children_killed", seconds=STOP_SECONDS)
                break
        return None

    def _kill(self) -> None:
        for child in self._children:
            if child.process is not None:
                if child.process.poll() is None:
                    child.process.kill()
                child.process.wait()
                child.process, child.start_at = None, 0.0
