"""The Celery tasks, a few lines each; registered by worker/celery_app.py."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from storage.errors import DatabaseTrouble
from tasks.log_lines import Logger
from tasks.rests import Rests

if TYPE_CHECKING:
    from celery import Celery

    from tasks.services import Services

log = Logger("mirrorpoint.wake")


def register(app: Celery) -> None:
    """Give the app its tasks. A step is imported when the first task of its kind arrives.

    `shared=False`, since Celery would else give the tasks to every other app of this process as well.
    """

    rests = Rests()

    @app.task(name="scan_resource", shared=False)  # type: ignore[untyped-decorator]
    def scan(source: str, resource: str) -> None:
        from tasks import services
        from tasks.scan import log as scan_log
        from tasks.scan import scan_resource, waiting_line

        with _database_trouble_told("scan_resource"):
            kinds = _wanted_kinds(services.current(), source, resource)
            if kinds:
                end = scan_resource.scan_resource(services.current(), source, resource, kinds=kinds)
                scan_log.tell(source, resource, end)
            else:  # whoever sent this wake-up has made room: a scan that waits for room can use it
                waiting_line.wake_next(services.current(), source)

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
            housekeeping.housekeep(services.current(), rests)


@contextmanager
def _database_trouble_told(task: str) -> Iterator[None]:
    """Log it in one line: it is expected to happen now and then, and housekeeping wakes again what was not done."""
    try:
        yield
    except DatabaseTrouble as trouble:
        log.warning("database_trouble", task=task, error=trouble.message, hint=trouble.hint)


def _wanted_kinds(current: Services, source: str, resource: str) -> set[str]:
    """Which scans a slot waits for: none while the source rests after failures, no full one while the resource does.

    A wake-up that comes a second time finds its slot done. While the first one stands in a long queue, housekeeping
    sends more of them: without this look each would be a whole scan more. What rests is woken when that is over.
    """
    from storage import backoff
    from tasks.scan import waiting_line

    with current.database.read() as session:
        turns = backoff.turns(session, source, resource, now=current.now())
    if any(turns.values()):
        waiting_line.leave(current, source, resource)
    return {kind for kind, rests in turns.items() if not rests}
