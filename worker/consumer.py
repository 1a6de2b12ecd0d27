"""One Celery worker in this process, for some of the queues; `mirrorpoint worker --queues` calls it."""

from __future__ import annotations

import os
import signal
import socket
import threading
import warnings
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Any

from celery import Celery
from celery.app import trace
from celery.exceptions import CPendingDeprecationWarning
from celery.worker import WorkController, state

from tasks import wakeups
from tasks.log_lines import Logger
from worker import celery_app, child, signals, watchdog

log = Logger("mirrorpoint.worker")


class _Controller(WorkController):  # type: ignore[misc]
    """Celery's worker without its command line's banner, prints and signals (HUP would run our command again)."""

    def on_before_init(self, **_: Any) -> None:
        trace.setup_worker_optimizations(self.app, self.hostname)

    def on_consumer_ready(self, consumer: Any) -> None:  # noqa: ARG002  # Celery passes it
        queues = [name for name in self.app.amqp.queues.consume_from if not name.startswith(watchdog.TASK)]
        log.info("ready", queues=sorted(queues))
        child.say_ready()

    def register_with_event_loop(self, hub: Any) -> None:
        """At each connection, before Celery's loop begins."""
        super().register_with_event_loop(hub)
        # kombu looks once a second after the bindings of queues that expire. Ours, the watchdog's, has none.
        self.consumer.connection.transport.cycle._binding_expiry_tref.cancel()  # noqa: SLF001  # there is no setting


def work(app: Celery, *, queues: Sequence[str], threads: int, on_stop: Callable[[], None]) -> int:
    """Until SIGTERM, SIGINT or SIGHUP; `on_stop` is called then, in another thread. Returns the exit code.

    A broker that is away is waited for, at the start as well.
    """
    # At every loss of the broker Celery announces another default of a setting that we have set.
    warnings.simplefilter("ignore", CPendingDeprecationWarning)
    watching = watchdog.Watchdog(
        app,
        queues=[name for name in queues if name != wakeups.HOUSEKEEPING],
        threads=threads,
        on_lost=lambda: end(watchdog.EXIT_CODE),
    )
    controller = _Controller(
        app=app,
        hostname=f"{'-'.join(queues)}.{os.getpid()}@{socket.gethostname()}",
        queues=[*queues, watching.queue.name],
        concurrency=threads,
        loglevel="INFO",
        without_gossip=True,  # workers need not know each other: all they share is in the database
        without_mingle=True,
        without_heartbeat=True,
    )
    asked = 0

    def begin_to_stop() -> None:
        on_stop()
        # Celery's loop sleeps until something comes, and would wait for the broker's answer before it ends. A heartbeat
        # is that answer; where all threads are busy, so that nothing is asked for, the loop is woken.
        watching.send()
        if controller.hub is not None:
            controller.hub.call_soon(_nothing)

    def end(exit_code: int) -> None:
        nonlocal asked
        asked += 1
        if asked == 1:
            state.should_stop = exit_code
            # A thread, since what it takes a lock of may be held by the code that a signal has interrupted.
            threading.Thread(target=begin_to_stop, name="stop", daemon=True).start()
            _end_after(celery_app.SOFT_SHUTDOWN_SECONDS)

    def stop(number: int, _frame: FrameType | None) -> None:
        end(130 if number == signal.SIGINT else os.EX_OK)
        if asked > 1 and number == signal.SIGINT:
            os._exit(130)  # the second Ctrl-C: leases and the visibility timeout make good what is cut off

    for number in signals.heeded({signal.SIGTERM, signal.SIGINT, signal.SIGHUP}):
        signal.signal(number, stop)
    watching.start()
    controller.start()
    watching.stop()
    log.info("stopped")
    return int(controller.exitcode or 0)


def _nothing() -> None:
    """That the loop wakes for it is all."""


def _end_after(seconds: float) -> None:
    """The end of patience with a step that does not end, or with a broker that went first."""
    timer = threading.Timer(seconds, os._exit, args=(1,))
    timer.daemon = True
    timer.start()
