"""Attempts what is due: leases it, sends it, writes the outcomes, and does all three at the same time.

A plain step, called by the Celery task of that name and by the command. One event loop has the requests to all points
under way; `deliver_turn.py` has the database, in a thread beside it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime

import structlog

from storage import deliveries, outbox
from storage.errors import DatabaseTrouble
from tasks import deliver_turn
from tasks.services import Services
from webhooks import address_guard, retry, sender

log = structlog.get_logger("mirrorpoint.deliver")

#: A call that is given no end leaves what is left to the next one, so that a task stays short.
SLICE_SECONDS = 20.0
#: How long anything new may stay unseen while requests are under way, or while the next due time is waited for.
LOOK_SECONDS = 0.2
#: Requests under way in one process; systems allow it more open files than that.
MOST_IN_FLIGHT = 400
#: Requests to a point that has not answered yet; each answer doubles them, so that points that hang hold few of them.
FIRST_IN_FLIGHT = 2
#: Requests under way get so much time when the process is to stop.
STOP_SECONDS = 5.0
#: So long the outcomes wait for a database that is out of reach; longer, and their leases are over anyway.
TROUBLE_SECONDS = 30.0


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
    log.info("deliveries_attempted", attempted=run.attempted, delivered=run.delivered, dead=run.dead, due=due)
    return DeliverEnd(run.attempted, run.delivered, due, run.dead)


class _Run:
    """One call's state; all of it belongs to the event loop."""

    def __init__(self, services: Services, *, ends_at: float, wait: bool, on_progress: OnProgress | None) -> None:
        self.attempted = self.delivered = self.dead = 0
        self.is_cut = False  #: the time was over before the work was
        self._services = services
        self._ends_at = ends_at
        self._wait = wait
        self._on_progress = on_progress
        self._desk = deliver_turn.Desk(services)
        self._policy = retry.Policy(services.delivery.retries_seconds)
        self._most_per_point = min(services.delivery.concurrency, sender.MOST_CONNECTIONS)
        self._room: dict[str, int] = {}  #: point -> requests that it may have under way
        self._in_flight: set[asyncio.Task[None]] = set()
        self._ended: list[outbox.Outcome] = []
        self._one_ended = asyncio.Event()
        self._stopping_since: float | None = None
        self._trouble_since: float | None = None

    async def run(self) -> None:
        policy = self._services.delivery
        self._sender = sender.Sender(
            timeout_seconds=policy.timeout_seconds,
            allow=address_guard.networks(policy.allow_networks),
            now=self._services.now,
        )
        try:
            with ThreadPoolExecutor(1, "deliver-database") as database:
                while await self._once(database):
                    pass
        finally:
            for task in self._in_flight:
                task.cancel()
            await self._sender.aclose()

    async def _once(self, database: ThreadPoolExecutor) -> bool:
        """A turn at the database, the requests that it gives, a short wait; False when all is done."""
        limit = MOST_IN_FLIGHT - len(self._in_flight) if self._may_lease() else 0
        self._one_ended.clear()
        ended, self._ended = self._ended, []
        try:
            turn = await asyncio.get_running_loop().run_in_executor(database, self._turn, ended, limit)
        except DatabaseTrouble as trouble:
            self._ended = ended + self._ended
            await self._bear(trouble)
            return True
        self._trouble_since = None
        self._count(turn.counted)
        for ready in turn.ready:
            task = asyncio.create_task(self._attempt(ready))
            self._in_flight.add(task)
            task.add_done_callback(self._in_flight.discard)
        if not self._in_flight and not self._ended:
            is_due = turn.next_due_at is not None and turn.next_due_at <= self._services.now()
            if not limit:
                self.is_cut = is_due and not self._services.stopping.is_set()
            if not limit or turn.next_due_at is None or not self._wait:
                return False
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                await self._one_ended.wait()
        except TimeoutError:
            pass
        return True

    def _turn(self, ended: list[outbox.Outcome], limit: int) -> deliver_turn.Turn:
        first_room = min(FIRST_IN_FLIGHT, self._most_per_point)
        return self._desk.turn(ended, room=self._room.copy(), first_room=first_room, limit=limit)

    def _may_lease(self) -> bool:
        now = time.monotonic()
        if self._services.stopping.is_set():
            self._stopping_since = self._stopping_since or now
            if now - self._stopping_since > STOP_SECONDS:
                for task in self._in_flight:
                    task.cancel()
            return False
        return now < self._ends_at

    async def _bear(self, trouble: DatabaseTrouble) -> None:
        """Wait for the database as long as there is something that it must be told."""
        now = time.monotonic()
        self._trouble_since = self._trouble_since or now
        if not (self._ended or self._in_flight) or now - self._trouble_since > TROUBLE_SECONDS:
            raise trouble
        await asyncio.sleep(LOOK_SECONDS)

    async def _attempt(self, ready: deliver_turn.Ready) -> None:
        started_at, started = self._services.now(), time.monotonic()
        attempt: retry.Attempt | None = None
        try:
            if ready.target is None:
                error = ready.problem or "it could not be sent"
            else:
                attempt = await self._sender.send(ready.target, event_id=ready.event_id, body=ready.body)
        except asyncio.CancelledError:
            error = "the process was stopped before the answer came"
        except Exception as surprise:  # one delivery must not stop all others; it is tried again and told
            log.exception("attempt_broke", point=ready.leased.point, delivery=ready.leased.id)
            error = f"it could not be sent: {type(surprise).__name__}"
        if attempt is None:
            duration_ms = round((time.monotonic() - started) * 1000)
            attempt = retry.Attempt(started_at=started_at, duration_ms=duration_ms, error=error)
        self._note(ready, attempt)

    def _note(self, ready: deliver_turn.Ready, attempt: retry.Attempt) -> None:
        leased, now = ready.leased, self._services.now()
        has_answered = attempt.status is not None
        room = self._room.get(leased.point, FIRST_IN_FLIGHT)
        self._room[leased.point] = min(room * 2, self._most_per_point) if has_answered else 1
        decision = retry.decide(
            attempt, attempts_made=leased.attempts + 1, policy=self._policy, rng=self._services.rng, now=now
        )
        outcome = outbox.Outcome(
            leased,
            state=_STATES[type(decision)],
            settled_at=now,
            due_at=decision.due_at if isinstance(decision, retry.Again) else None,
            attempted_at=attempt.started_at,
            duration_ms=attempt.duration_ms,
            status=attempt.status,
            error=decision.reason if isinstance(decision, retry.Dead | retry.PointGone) else attempt.error,
        )
        if outcome.state != "delivered":
            log.warning(
                "attempt_failed",
                point=leased.point,
                delivery=leased.id,
                event_id=ready.event_id,
                attempt=leased.attempts + 1,
                status=outcome.status,
                error=outcome.error,
                duration_ms=outcome.duration_ms,
                state=outcome.state,
            )
        self._ended.append(outcome)
        self._one_ended.set()

    def _count(self, counted: list[outbox.Outcome]) -> None:
        self.attempted += len(counted)
        self.delivered += sum(outcome.state == "delivered" for outcome in counted)
        self.dead += sum(outcome.state == "dead" for outcome in counted)
        if counted and self._on_progress:
            self._on_progress(DeliverEnd(self.attempted, self.delivered, 0, self.dead))


_STATES = {retry.Delivered: "delivered", retry.Again: "due", retry.Dead: "dead", retry.PointGone: "skipped"}
