"""The Celery doors to the steps: name, queue and arguments of each wake-up, and the sender.

A door carries names only, never rows: what is to be done stands in the database. Registered by worker/celery_app.py.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import structlog

from storage.errors import DatabaseTrouble

if TYPE_CHECKING:
    from celery import Celery

    from tasks.services import Services

SCAN = "scan"
DELIVER = "deliver"
HOUSEKEEPING = "housekeeping"

log = structlog.get_logger("mirrorpoint.wake")


@dataclass(frozen=True, slots=True)
class Door:
    """One kind of wake-up."""

    queue: str  #: also what `wake` calls it
    task: str  #: Celery's name for it
    waiting: int  #: with so many in the queue, one more is not sent: it could only find the work already done


DOORS = (
    Door(queue=SCAN, task="scan_resource", waiting=2000),
    Door(queue=DELIVER, task="deliver", waiting=8),
    Door(queue=HOUSEKEEPING, task="housekeeping", waiting=2),
)


def register(app: Celery) -> None:
    """Give the app its tasks; the steps are imported when the first of their kind arrives.

    `shared=False`, since Celery would give them to every other app of this process as well.
    """

    @app.task(name="scan_resource", shared=False)  # type: ignore[untyped-decorator]
    def scan(source: str, resource: str) -> None:
        from tasks import services
        from tasks.scan import log as scan_log
        from tasks.scan import slice as scan_slices
        from tasks.scan import source_slots

        with _database_trouble_told("scan_resource"):
            if _is_wanted(services.current(), source, resource):
                end = scan_slices.scan_resource(services.current(), source, resource)
                scan_log.tell(services.current(), source, resource, end)
            else:  # who has sent it has made room, and meant one that needs it
                source_slots.wake_next(services.current(), source)

    @app.task(name="deliver", shared=False)  # type: ignore[untyped-decorator]
    def send() -> None:
        from tasks import services
        from tasks.delivery import deliver

        with _database_trouble_told("deliver"):
            deliver.deliver(services.current())

    @app.task(name="housekeeping", shared=False)  # type: ignore[untyped-decorator]
    def housekeep() -> None:
        from tasks import housekeeping, services

        with _database_trouble_told("housekeeping"):
            housekeeping.housekeep(services.current())


@contextmanager
def _database_trouble_told(task: str) -> Iterator[None]:
    """In one line: it is expected to happen, and housekeeping makes good what was not done."""
    try:
        yield
    except DatabaseTrouble as trouble:
        log.warning("database_trouble", task=task, error=trouble.message, hint=trouble.hint)


def _is_wanted(current: Services, source: str, resource: str) -> bool:
    """Whether a slot waits for this scan, and neither the resource nor its source is left alone after failures.

    A wake-up that comes a second time finds its slot done. Without this look, each one that housekeeping sends while
    the first stands in a long queue would be a whole scan more.
    """
    from storage import backoff, slots

    now = current.now()
    with current.database.read() as session:
        waiting = slots.waiting(session, now=now, woken_before=now + timedelta(seconds=1))
        return (source, resource) in waiting and bool(backoff.awake(session, [(source, resource)], now=now))


class Waker:
    """Sends wake-ups and never fails: what a broker that is away does not get, housekeeping makes good."""

    _PAUSE_SECONDS = (
        2.0  # after a failure, so that a page's transaction is not followed by a second of waiting each time
    )

    def __init__(self, app: Celery) -> None:
        self._app = app
        self._doors = {door.queue: door for door in DOORS}
        self._away_until: float | None = None

    def __call__(self, task: str, **arguments: str) -> None:
        door = self._doors[task]
        if self._away_until is not None and time.monotonic() < self._away_until:
            return
        try:
            self._send(door, arguments)
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

    def _send(self, door: Door, arguments: dict[str, str]) -> None:
        with self._app.producer_pool.acquire(block=True, timeout=5) as producer:
            if _waiting(producer, door.queue) < door.waiting:
                self._app.send_task(door.task, kwargs=arguments, queue=door.queue, producer=producer)


def _waiting(producer: Any, queue: str) -> int:
    """How many messages stand in the queue; the declaration is passive and costs one round trip."""
    return int(producer.channel._size(queue))  # noqa: SLF001  # queue_declare asks a second time whether it exists
