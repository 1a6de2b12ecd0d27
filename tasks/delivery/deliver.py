"""Attempts what is due: leases it, sends it and writes the outcomes, all three at the same time.

A plain step, called by the Celery task of that name and by the command. `dispatcher.py` has the requests, in one
event loop; `store.py` has the database, in a thread beside it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime

from storage import deliveries, outbox
from storage.errors import DatabaseTrouble
from storage.states import DeliveryState
from tasks.delivery.dispatcher import Dispatcher
from tasks.delivery.store import LEASE_SECONDS, BatchRequest, BatchResult, DeliveryStore
from tasks.log_lines import Logger
from tasks.services import Services

log = Logger("mirrorpoint.deliver")

#: A call without `until` ends after this and leaves the rest to the next one, so that a task stays short.
SLICE_SECONDS = 20.0
#: How long anything new may stay unseen, while requests are under way or the next due time has not come.
LOOK_SECONDS = 0.2
#: How many deliveries one process leases at most.
MOST_LEASED = 800
#: How much time requests under way get when the process is to stop; a worker gets two seconds more.
STOP_SECONDS = 26.0


@dataclass(frozen=True, slots=True)
class DeliverEnd:
    """What a call has done, and what is left."""

    attempted: int = 0
    delivered: int = 0
    due: int = 0  #: still owed, to all points together
    dead: int = 0  #: given up in this call


OnProgress = Callable[[DeliverEnd], None]


def deliver(
    services: Services, *, until: datetime | None = None, wait: bool = False, on_progress: OnProgress | None = None
) -> DeliverEnd:
    """Attempt all that is due; with `wait` go on until nothing is owed. Nothing is begun after `until`.

    `on_progress` is given the figures so far, without `due`, whenever they change.
    """
    seconds = SLICE_SECONDS if until is None else (until - services.now()).total_seconds()
    run = _Run(services, ends_at=time.monotonic() + seconds, wait=wait, on_progress=on_progress)
    asyncio.run(run.run())
    with services.database.read() as session:
        due = sum(counts.due for counts in deliveries.counts(session).values())
    if run.is_cut:
        services.wake("deliver")
    if run.attempted:
        log.info("deliveries_attempted", attempted=run.attempted, delivered=run.delivered, dead=run.dead, due=due)
    return DeliverEnd(run.attempted, run.delivered, due, run.dead)


class _Run:
    """One call: its rounds with the database, and when they end."""

    def __init__(self, services: Services, *, ends_at: float, wait: bool, on_progress: OnProgress | None) -> None:
        self.attempted = self.delivered = self.dead = 0
        self.is_cut = False  #: the time was over before the work was
        self._services = services
        self._ends_at = ends_at
        self._wait = wait
        self._on_progress = on_progress
        self._store = DeliveryStore(services)
        self._stopping_since: float | None = None
        self._trouble_since: float | None = None

    async def run(self) -> None:
        dispatcher = Dispatcher(self._services)
        try:
            with ThreadPoolExecutor(1, "deliver-database") as database:
                while await self._once(dispatcher, database):
                    await dispatcher.wait(LOOK_SECONDS)
        finally:
            await dispatcher.close()

    async def _once(self, dispatcher: Dispatcher, database: ThreadPoolExecutor) -> bool:
        """A round, and what follows from it; False when all is done."""
        may_lease = self._may_lease(dispatcher)
        if not may_lease:
            dispatcher.empty_queues()
        limit = max(MOST_LEASED - len(dispatcher.held), 0) if may_lease else 0
        request = BatchRequest(
            ended=dispatcher.ended,
            returned=dispatcher.returned,
            held=dispatcher.held,
            ahead=dispatcher.ahead,
            ahead_at_first=dispatcher.ahead_at_first,
            at_once=dispatcher.at_once,
            limit=limit,
        )
        dispatcher.ended, dispatcher.returned = [], []
        try:
            result = await asyncio.get_running_loop().run_in_executor(database, self._store.settle_and_lease, request)
        except DatabaseTrouble:
            dispatcher.ended = [*request.ended, *dispatcher.ended]
            dispatcher.returned = [*request.returned, *dispatcher.returned]
            if not self._can_bear(dispatcher):
                raise
            return True
        self._trouble_since = None
        self._count(result.counted)
        dispatcher.held_until = self._store.held_until
        dispatcher.drop(result.lost)
        dispatcher.pause(result.paused)
        dispatcher.put(result.ready)
        if not dispatcher.is_empty or (may_lease and self._goes_on(result)):
            return True
        return self._note_end(result, may_lease=may_lease)

    def _goes_on(self, result: BatchResult) -> bool:
        return result.is_paced or (self._wait and result.next_due_at is not None)

    def _note_end(self, result: BatchResult, *, may_lease: bool) -> bool:
        is_due = result.next_due_at is not None and result.next_due_at <= self._services.now()
        self.is_cut = is_due and not may_lease and self._stopping_since is None
        return False

    def _may_lease(self, dispatcher: Dispatcher) -> bool:
        now = time.monotonic()
        if self._services.stopping.is_set():
            self._stopping_since = self._stopping_since or now
            if now - self._stopping_since > STOP_SECONDS:
                dispatcher.cancel()
            return False
        return now < self._ends_at

    def _can_bear(self, dispatcher: Dispatcher) -> bool:
        """Whether to wait for the database: if there is something to write, and until the leases are over."""
        now = time.monotonic()
        self._trouble_since = self._trouble_since or now
        return not dispatcher.is_empty and now - self._trouble_since < LEASE_SECONDS

    def _count(self, counted: Sequence[outbox.Outcome]) -> None:
        self.attempted += sum(outcome.attempted_at is not None for outcome in counted)
        self.delivered += sum(outcome.state == DeliveryState.DELIVERED for outcome in counted)
        self.dead += sum(outcome.state == DeliveryState.DEAD for outcome in counted)
        if counted and self._on_progress:
            self._on_progress(DeliverEnd(self.attempted, self.delivered, 0, self.dead))
