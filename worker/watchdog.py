"""Heartbeats that pass through the broker, and the end of a worker that nothing reaches any more; used by consumer.py.

A worker whose connection was lost may come back connected and yet never ask for a task again. Nothing fails then, so
nobody would notice. Therefore each worker sends itself a small task through the broker. If nothing has come through for
long, although the broker answers, it ends itself, and its supervisor starts another.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Sequence

from celery import Celery
from celery.worker import state
from kombu.entity import Exchange, Queue

from tasks.log_lines import Logger
from worker import liveness
from worker.liveness import Liveness

log = Logger("mirrorpoint.heartbeat")

BEAT_SECONDS = 15.0
#: Until the first one has come through: whoever asks for the worker meanwhile would not find it.
FIRST_LOOK_SECONDS = 0.5
#: So long nothing has come through, though threads were free and the broker answered.
STALLED_SECONDS = 90.0
#: So long no thread has become free. A slice of a scan takes 20 s and one request more.
STUCK_SECONDS = 1800.0
#: What a worker leaves with that has given itself up; its supervisor starts another.
EXIT_CODE = 70
TASK = "heartbeat"
#: What was sent to a worker that has ended is thrown away by the broker after this time.
_QUEUE_EXPIRES_SECONDS = 600
_SEND_SECONDS = 5.0


class Watchdog:
    """Of one worker process: sends heartbeats, sees them come, and notices when they do not."""

    def __init__(self, app: Celery, *, queues: Sequence[str], threads: int, on_lost: Callable[[], None]) -> None:
        """`on_lost` ends the process."""
        self._app = app
        self._threads = threads
        self._on_lost = on_lost
        self._liveness = Liveness("+".join(queues))
        name = f"{TASK}.{socket.gethostname()}.{os.getpid()}"
        #: Of this process alone: with a shared one it would be chance whether each worker gets a heartbeat in time.
        self.queue = Queue(name, routing_key=name, expires=_QUEUE_EXPIRES_SECONDS)  # type: ignore[no-untyped-call]
        app.amqp.queues.add(self.queue)
        # Straight to the queue: a binding would stay behind in the broker for ever.
        self.queue.exchange = Exchange("")  # type: ignore[no-untyped-call]
        self._accepted = 0
        self._moved_at = time.monotonic()  #: when a task last came through, or the waiting began anew
        self._busy_at = float("-inf")  #: when all threads were last seen at work
        self._is_lost = False
        self._ended = threading.Event()

        # Acknowledged first: one that comes again would come to a queue that nobody reads any more.
        @app.task(name=TASK, shared=False, acks_late=False)  # type: ignore[untyped-decorator]
        def heartbeat() -> None:
            """That it was accepted is all."""

    def start(self) -> None:
        """Watch until `stop`, in a thread of its own."""
        threading.Thread(target=self._watch, name="watchdog", daemon=True).start()

    def stop(self) -> None:
        """Watch no longer; the process ends."""
        self._ended.set()
        self._liveness.take_back()

    def _watch(self) -> None:
        begun = time.monotonic()
        while True:
            self.send()
            is_new = not self._accepted and time.monotonic() - begun < BEAT_SECONDS
            if self._ended.wait(min(FIRST_LOOK_SECONDS, BEAT_SECONDS) if is_new else BEAT_SECONDS):
                return
            self._look(time.monotonic())

    def _look(self, now: float) -> None:
        accepted = state.all_total_count[0]
        has_moved, is_busy = accepted != self._accepted, len(state.active_requests) >= self._threads
        if has_moved:
            self._accepted, self._moved_at = accepted, now
        if is_busy:  # Celery asks for no more tasks then, and so for no heartbeat
            self._busy_at = now
            if now - self._moved_at > STUCK_SECONDS:
                self._give_up("stuck", now - self._moved_at, "no thread has become free")
        if has_moved or is_busy:
            self._liveness.give()
            return
        quiet_seconds = now - max(self._moved_at, self._busy_at)
        if quiet_seconds <= 2 * BEAT_SECONDS:
            return
        if not liveness.reached(self._app.conf.broker_url):
            self._moved_at = now  # when it is back, there is time to connect again
        elif quiet_seconds > STALLED_SECONDS:
            self._give_up("stalled", quiet_seconds, "nothing comes through the broker, though it answers")

    def _give_up(self, event: str, seconds: float, why: str) -> None:
        if not self._is_lost:
            self._is_lost = True
            log.error(event, seconds=round(seconds), why=f"{why}; this process ends so that another is started")
            self._on_lost()

    def send(self) -> None:
        """A heartbeat now; it never fails."""
        try:
            with self._app.producer_pool.acquire(block=True, timeout=_SEND_SECONDS) as producer:
                # One that waits there already will do.
                if not producer.channel._size(self.queue.name):  # noqa: SLF001  # as wakeups.py does
                    self._app.send_task(TASK, queue=self.queue, producer=producer)
        except Exception as error:  # noqa: BLE001  # the broker is away; who works finds that out as well
            log.debug("heartbeat_not_sent", error=f"{type(error).__name__}: {error}")
