"""Attempts what is due: leases it, sends it, writes the outcomes, and does all three at the same time.

A plain step, called by the Celery task of that name and by the command. `deliver_lanes.py` has the requests, in one
event loop; `deliver_turn.py` has the database, in a thread beside it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime

import structlog

from storage import deliveries, outbox
from storage.errors import DatabaseTrouble
from tasks.delivery.dispatcher import Lanes
from tasks.delivery.store import LEASE_SECONDS, Desk, Turn, Wish
from tasks.services import Services

log = structlog.get_logger("mirrorpoint.deliver")

#: A call that is given no end leaves what is left to the next one, so that a task stays short.
SLICE_SECONDS = 20.0
#: How long anything new may stay unseen while requests are under way, or while the next due time is waited for.
LOOK_SECONDS = 0.2
#: Deliveries leased by one process.
MOST_LEASED = 800
#: Requests under way get so much time when the process is to stop; a worker is given two seconds more.
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
    """One call: turns at the database, and when they end."""

    def __init__(self, services: Services, *, ends_at: float, wait: bool, on_progress: OnProgress | None) -> None:
        self.attempted = self.delivered = self.dead = 0
        self.is_cut = False  #: the time was over before the work was
        self._services = services
        self._ends_at = ends_at
        self._wait = wait
        self._on_progress = on_progress
        self._desk = Desk(services)
        self._stopping_since: float | None = None
        self._trouble_since: float | None = None

    async def run(self) -> None:
        lanes = Lanes(self._services)
        try:
            with ThreadPoolExecutor(1, "deliver-database") as database:
                while await self._once(lanes, database):
                    await lanes.wait(LOOK_SECONDS)
        finally:
            await lanes.close()

    async def _once(self, lanes: Lanes, database: ThreadPoolExecutor) -> bool:
        """A turn, and what follows from it; False when all is done."""
        may_lease = self._may_lease(lanes)
        if not may_lease:
            lanes.empty_queues()
        limit = max(MOST_LEASED - len(lanes.held), 0) if may_lease else 0
        wish = Wish(lanes.ended, lanes.returned, lanes.held, lanes.ahead, lanes.ahead_at_first, lanes.at_once, limit)
        lanes.ended, lanes.returned = [], []
        try:
            turn = await asyncio.get_running_loop().run_in_executor(database, self._desk.turn, wish)
        except DatabaseTrouble:
            lanes.ended, lanes.returned = [*wish.ended, *lanes.ended], [*wish.returned, *lanes.returned]
            if not self._can_bear(lanes):
                raise
            return True
        self._trouble_since = None
        self._count(turn.counted)
        lanes.held_until = self._desk.held_until
        lanes.drop(turn.lost)
        lanes.pause(turn.paused)
        lanes.put(turn.ready)
        return not lanes.is_empty or (may_lease and self._goes_on(turn)) or self._note_end(turn, may_lease=may_lease)

    def _goes_on(self, turn: Turn) -> bool:
        return turn.is_paced or (self._wait and turn.next_due_at is not None)

    def _note_end(self, turn: Turn, *, may_lease: bool) -> bool:
        is_due = turn.next_due_at is not None and turn.next_due_at <= self._services.now()
        self.is_cut = is_due and not may_lease and self._stopping_since is None
        return False

    def _may_lease(self, lanes: Lanes) -> bool:
        now = time.monotonic()
        if self._services.stopping.is_set():
            self._stopping_since = self._stopping_since or now
            if now - self._stopping_since > STOP_SECONDS:
                lanes.cancel()
            return False
        return now < self._ends_at

    def _can_bear(self, lanes: Lanes) -> bool:
        """While there is something to be written the database is waited for; when the leases are over it is in vain."""
        now = time.monotonic()
        self._trouble_since = self._trouble_since or now
        return not lanes.is_empty and now - self._trouble_since < LEASE_SECONDS

    def _count(self, counted: Sequence[outbox.Outcome]) -> None:
        self.attempted += sum(outcome.attempted_at is not None for outcome in counted)
        self.delivered += sum(outcome.state == "delivered" for outcome in counted)
        self.dead += sum(outcome.state == "dead" for outcome in counted)
        if counted and self._on_progress:
            self._on_progress(DeliverEnd(self.attempted, self.delivered, 0, self.dead))
