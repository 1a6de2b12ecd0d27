"""Wake-ups: their names, queues and Celery tasks, and the sender that never fails; imported by all who wake.

A wake-up carries names only, never rows: what is to be done stands in the database.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tasks.log_lines import Logger

if TYPE_CHECKING:
    from celery import Celery

SCAN = "scan"
DELIVER = "deliver"
HOUSEKEEPING = "housekeeping"

log = Logger("mirrorpoint.wake")


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of wake-up."""

    queue: str  #: also what `wake` calls it
    task: str  #: Celery's name for it
    waiting: int  #: with so many in the queue, one more is not sent: it could only find the work already done


#: Clock and housekeeping send wake-ups for scans until so many stand in the queue: more than all workers do until
#: housekeeping comes again. The others wait in the database, where a head scan still comes before them.
SCANS_AT_A_TIME = 500

KINDS = (
    Kind(queue=SCAN, task="scan_resource", waiting=2000),
    Kind(queue=DELIVER, task="deliver", waiting=8),
    Kind(queue=HOUSEKEEPING, task="housekeeping", waiting=2),
)


class Waker:
    """Sends wake-ups and never fails: what a broker that is away does not get, housekeeping makes good."""

    #: After a failure, so that a page's transaction is not followed by a second of waiting each time.
    _PAUSE_SECONDS = 2.0

    def __init__(self, app: Celery) -> None:
        self._app = app
        self._kinds = {kind.queue: kind for kind in KINDS}
        self._away_until: float | None = None

    def __call__(self, task: str, **arguments: str) -> None:
        kind = self._kinds[task]
        if self._is_away():
            return
        try:
            self._send(kind, arguments)
        except Exception as error:  # noqa: BLE001  # whatever it is: the step that sends has its own work to finish
            if self._away_until is None:
                said = (str(error).strip().splitlines() or [""])[0]
                what = f"{type(error).__name__}: {said}"
                log.warning("broker_away", error=what, hint="wake-ups are sent again later")
            self._away_until = time.monotonic() + self._PAUSE_SECONDS
        else:
            if self._away_until is not None:
                log.warning("broker_back")
            self._away_until = None

    def queued(self, task: str) -> int | None:
        """How many of these wake-ups stand in their queue; None while the broker is away, and takes no more of them."""
        if self._is_away():
            return None
        try:
            with self._app.producer_pool.acquire(block=True, timeout=5) as producer:
                return _waiting(producer, self._kinds[task].queue)
        except Exception as error:  # noqa: BLE001  # the next one that is sent tells that the broker is away
            log.debug("queue_not_seen", error=str(error))
            return None

    def _is_away(self) -> bool:
        return self._away_until is not None and time.monotonic() < self._away_until

    def _send(self, kind: Kind, arguments: dict[str, str]) -> None:
        with self._app.producer_pool.acquire(block=True, timeout=5) as producer:
            if _waiting(producer, kind.queue) < kind.waiting:
                self._app.send_task(kind.task, kwargs=arguments, queue=kind.queue, producer=producer)


def _waiting(producer: Any, queue: str) -> int:
    """How many messages stand in the queue, which is one list (`priority_steps`): kombu asks in a transaction."""
    with producer.channel.conn_or_acquire() as client:
        return int(client.llen(queue))
