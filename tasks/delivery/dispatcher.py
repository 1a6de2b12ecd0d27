"""The network's half of the delivery step: for each point a queue of what waits, and what is under way.

`deliver.py` fills and empties it; all of it belongs to one event loop.
"""

from __future__ import annotations

import asyncio
import resource
import time
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from storage import outbox, point_backoff
from storage.states import DeliveryState
from tasks.delivery.store import Prepared
from tasks.log_lines import Logger
from tasks.services import Services
from webhooks import address_guard, retry, sender

log = Logger("mirrorpoint.deliver")

#: Most requests under way in one process, if it may open so many files and some others.
MOST_UNDER_WAY, OTHER_FILES = 400, 100
#: Requests to a point that has not answered yet; each answer doubles the number, so points that hang hold few.
FIRST_UNDER_WAY = 2
#: Deliveries leased for each request that a point may have under way: transactions cost less in bulk.
AHEAD = 8
#: An outcome waits so long for others to be written with it, unless nothing is left to begin.
PACE_SECONDS = 0.02
#: What could not be attempted because this machine lacks something is due again after this.
LACK_SECONDS = 5.0


@dataclass(slots=True)
class _PointQueue:
    room: int  #: requests that may be under way
    waiting: deque[Prepared] = field(default_factory=deque)
    under_way: int = 0
    has_rate: bool = False
    timer: asyncio.TimerHandle | None = None  #: the next start of a point with a rate


class Dispatcher:
    """What one process has leased."""

    def __init__(self, services: Services) -> None:
        policy = services.delivery
        self.at_once = min(policy.concurrency, sender.MOST_CONNECTIONS)
        self.ended: list[outbox.Outcome] = []
        self.returned: list[outbox.Leased] = []
        self.held_until = float("inf")  #: `time.monotonic()`: after it another process may take what waits here
        self._services = services
        self._most = most_under_way()
        self._sender = sender.Sender(
            timeout_seconds=policy.timeout_seconds,
            allow=address_guard.networks(policy.allow_networks),
            now=services.now,
        )
        self._queues: dict[str, _PointQueue] = {}
        self._held: dict[int, outbox.Leased] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()
        self._pace: asyncio.TimerHandle | None = None
        self._lacks: str | None = None  #: what this machine has too little of at the moment

    @property
    def is_empty(self) -> bool:
        """Whether nothing is under way, waits, or is still to be written."""
        return not (self._held or self.ended or self.returned)

    @property
    def held(self) -> list[outbox.Leased]:
        """What waits and what is under way."""
        return list(self._held.values())

    @property
    def ahead(self) -> dict[str, int]:
        """Point -> how many deliveries may be leased for it; a point that does not answer is not worth a queue.

        At a point with a rate each delivery has its time to begin, so none may have to wait for room.
        """
        return {
            point: queue.room if queue.has_rate or queue.room == 1 < self.at_once else queue.room * AHEAD
            for point, queue in self._queues.items()
        }

    @property
    def ahead_at_first(self) -> int:
        """The same for a point that has had no delivery yet."""
        return self._first_room * AHEAD

    def put(self, batch: Iterable[Prepared]) -> None:
        """Take over what was leased, and begin what may begin."""
        for prepared in batch:
            self._held[prepared.leased.id] = prepared.leased
            queue = self._queues.setdefault(prepared.leased.point, _PointQueue(self._first_room))
            queue.waiting.append(prepared)
            queue.has_rate = prepared.leased.start_at is not None
        for queue in self._queues.values():
            self._begin(queue)

    def drop(self, lost: Iterable[outbox.Leased]) -> None:
        """Drop what another process has taken; what is under way goes on, since it cannot be taken back."""
        ids = {item.id for item in lost}
        for queue in self._queues.values():
            for prepared in [prepared for prepared in queue.waiting if prepared.leased.id in ids]:
                queue.waiting.remove(prepared)
                del self._held[prepared.leased.id]

    def pause(self, points: Iterable[str]) -> None:
        """Begin nothing more at these points; what waits for them is to be given back."""
        for point in points:
            if point in self._queues:
                self._return_queue(self._queues[point])

    def empty_queues(self) -> None:
        """Begin nothing more; what waits is to be given back."""
        for queue in self._queues.values():
            self._return_queue(queue)

    def cancel(self) -> None:
        """Give up what is under way; each ends as an attempt that failed."""
        for task in self._tasks:
            task.cancel()

    async def wait(self, seconds: float) -> None:
        """Wait until there is enough to write, or so many seconds are over."""
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            pass
        self._wake.clear()
        if self._pace:
            self._pace.cancel()
            self._pace = None

    async def close(self) -> None:
        """Give up everything at once."""
        self.cancel()
        await self._sender.aclose()

    @property
    def _first_room(self) -> int:
        return min(FIRST_UNDER_WAY, self.at_once)

    def _begin(self, queue: _PointQueue) -> None:
        is_ours = time.monotonic() < self.held_until
        while queue.waiting and queue.under_way < queue.room and is_ours and len(self._tasks) < self._most:
            if queue.has_rate and not self._is_time(queue):
                break
            queue.under_way += 1
            task = asyncio.create_task(self._attempt(queue, queue.waiting.popleft()))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _is_time(self, queue: _PointQueue) -> bool:
        """Whether the first that waits may begin; those that have missed their time are given back for another one."""
        now = self._services.now()
        while queue.waiting:
            start_at = queue.waiting[0].leased.start_at or now
            if now < start_at:
                if queue.timer is None:
                    delay_seconds = (start_at - now).total_seconds()
                    queue.timer = asyncio.get_running_loop().call_later(delay_seconds, self._resume, queue)
                return False
            if now <= start_at + point_backoff.LATE:
                return True
            late = queue.waiting.popleft()
            self.returned.append(late.leased)
            del self._held[late.leased.id]
        return False

    def _resume(self, queue: _PointQueue) -> None:
        queue.timer = None
        self._begin(queue)

    def _return_queue(self, queue: _PointQueue) -> None:
        for prepared in queue.waiting:
            self.returned.append(prepared.leased)
            del self._held[prepared.leased.id]
        queue.waiting.clear()

    async def _attempt(self, queue: _PointQueue, prepared: Prepared) -> None:
        started_at, started = self._services.now(), time.monotonic()
        attempt: retry.Attempt | None = None
        try:
            if prepared.target is None:
                error = prepared.problem or "it could not be sent"
            else:
                attempt = await self._sender.send(prepared.target, event_id=prepared.event_id, body=prepared.body)
        except asyncio.CancelledError:
            error = "the process was stopped before the answer came"
        except Exception as surprise:  # one delivery must not stop all others; it is tried again and told
            log.exception("attempt_broke", point=prepared.leased.point, delivery=prepared.leased.id)
            error = f"it could not be sent: {type(surprise).__name__}"
        if attempt is None:
            duration_ms = round((time.monotonic() - started) * 1000)
            attempt = retry.Attempt(started_at=started_at, duration_ms=duration_ms, error=error)
        self._end(queue, prepared, attempt)

    def _end(self, queue: _PointQueue, prepared: Prepared, attempt: retry.Attempt) -> None:
        outcome = self._without(prepared, attempt) if attempt.is_ours else self._decide(prepared, attempt)
        self._tell(prepared, outcome, lacks=attempt.error if attempt.is_ours else None)
        del self._held[prepared.leased.id]
        self.ended.append(outcome)
        queue.under_way -= 1
        queue.room = _room_after(attempt, queue.room, self.at_once)
        if attempt.status == retry.GONE:
            self._return_queue(queue)
        self._begin(queue)
        if len(self._held) <= len(self._tasks):
            self._wake.set()
        elif self._pace is None:
            self._pace = asyncio.get_running_loop().call_later(PACE_SECONDS, self._wake.set)

    def _without(self, prepared: Prepared, attempt: retry.Attempt) -> outbox.Outcome:
        """The outcome without an attempt: there was none, and nothing was learned of the point."""
        now = self._services.now()
        due_at = now + timedelta(seconds=LACK_SECONDS)
        return outbox.Outcome(prepared.leased, DeliveryState.DUE, settled_at=now, due_at=due_at, error=attempt.error)

    def _decide(self, prepared: Prepared, attempt: retry.Attempt) -> outbox.Outcome:
        now, made = self._services.now(), prepared.leased.attempts + 1
        decision = retry.decide(attempt, attempts_made=made, policy=prepared.policy, rng=self._services.rng, now=now)
        return outbox.Outcome(
            prepared.leased,
            state=_STATES[type(decision)],
            settled_at=now,
            due_at=decision.due_at if isinstance(decision, retry.Again) else None,
            attempted_at=attempt.started_at,
            duration_ms=attempt.duration_ms,
            status=attempt.status,
            error=decision.reason if isinstance(decision, retry.Dead | retry.PointGone) else attempt.error,
            answer=attempt.answer,
        )

    def _tell(self, prepared: Prepared, outcome: outbox.Outcome, *, lacks: str | None) -> None:
        if lacks is None and outcome.state != DeliveryState.DELIVERED:
            _tell(prepared, outcome)
        elif lacks is not None and self._lacks is None:  # once: it is the same for all
            log.warning("attempts_lack", error=lacks, again_in_seconds=LACK_SECONDS)
        self._lacks = lacks


def most_under_way() -> int:
    """As many requests as this process may open files for."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST_UNDER_WAY if files == resource.RLIM_INFINITY else max(1, min(MOST_UNDER_WAY, files - OTHER_FILES))


def _room_after(attempt: retry.Attempt, room: int, most: int) -> int:
    """Fewer requests at a time to a point in trouble: little more is attempted than is needed to see its trouble."""
    if attempt.status is None:
        return 1
    return max(room // 2, 1) if retry.is_failure(attempt.status) else min(room * 2, most)


_STATES: Mapping[type[retry.Decision], DeliveryState] = {
    retry.Delivered: DeliveryState.DELIVERED,
    retry.Again: DeliveryState.DUE,
    retry.Dead: DeliveryState.DEAD,
    retry.PointGone: DeliveryState.SKIPPED,
}


def _tell(prepared: Prepared, outcome: outbox.Outcome) -> None:
    log.warning(
        "attempt_failed",
        point=prepared.leased.point,
        delivery=prepared.leased.id,
        event_id=prepared.event_id,
        attempt=prepared.leased.attempts + 1,
        status=outcome.status,
        error=outcome.error,
        duration_ms=outcome.duration_ms,
        state=outcome.state,
    )
