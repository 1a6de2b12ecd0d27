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

import structlog
from celery import Celery
from celery.app import trace
from celery.exceptions import CPendingDeprecationWarning
from celery.worker import WorkController, state

from worker import celery_app

log = structlog.get_logger("mirrorpoint.worker")


class _Controller(WorkController):  # type: ignore[misc]
    """Celery's worker without its command line's banner, prints and signals (HUP would run our command again)."""

    def on_before_init(self, **_: Any) -> None:
        trace.setup_worker_optimizations(self.app, self.hostname)

    def on_consumer_ready(self, consumer: Any) -> None:  # noqa: ARG002  # Celery passes it
        log.info("ready", queues=sorted(self.app.amqp.queues.consume_from))


def work(app: Celery, *, queues: Sequence[str], threads: int, on_stop: Callable[[], None]) -> int:
    """Until SIGTERM, SIGINT or SIGHUP; `on_stop` is called then, in another thread. Returns the exit code."""
    # At every loss of the broker Celery announces another default of a setting that we have set.
    warnings.simplefilter("ignore", CPendingDeprecationWarning)
    controller = _Controller(
        app=app,
        hostname=f"{'-'.join(queues)}.{os.getpid()}@{socket.gethostname()}",
        queues=list(queues),
        concurrency=threads,
        loglevel="INFO",
        without_gossip=True,  # workers need not know each other: all they share is in the database
        without_mingle=True,
        without_heartbeat=True,
    )
    asked = 0

    def stop(number: int, _frame: FrameType | None) -> None:
        nonlocal asked
        asked += 1
        state.should_stop = os.EX_OK  # Celery's loop looks once a second
        if asked == 1:
            # A thread, since what it takes a lock of may be held by the code that this signal has interrupted.
            threading.Thread(target=on_stop, name="stop", daemon=True).start()
            _end_after(celery_app.SOFT_SHUTDOWN_SECONDS)
        elif number == signal.SIGINT:
            os._exit(1)  # the second Ctrl-C: leases and the visibility timeout make good what is cut off

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, stop)
    controller.start()
    log.info("stopped")
    return int(controller.exitcode or 0)


def _end_after(seconds: float) -> None:
    """The end of patience with a step that does not end, or with a broker that went first."""
    timer = threading.Timer(seconds, os._exit, args=(1,))
    timer.daemon = True
    timer.start()
