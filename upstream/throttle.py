"""The budget of a source: when a request may start, and how many may be under way; used by the client and by scans.

The figures are kept in a store that all processes share. Start times are reserved from it in batches, since a
transaction for each request would cost more than the request.
"""

from __future__ import annotations

import os
import random
import socket
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from upstream.limit_store import LimitStore, LocalLimitStore

__all__ = ["Budget", "LimitStore", "LocalLimitStore", "NoPermit", "Paused", "Permit", "Stopped"]

#: Start times are this much further apart than the rate asks for, because a request never starts at its time exactly.
#: With starts at most LATE_SECONDS behind their time, no span of a second holds more than `requests_per_second`.
SLACK = 1.06
#: A start time that lies further back is thrown away.
LATE_SECONDS = 0.03
#: A batch covers at most this time. With more, one process would keep starts that others wait for, and more starts that
#: are given out already would still be used when another process is asked for a pause.
BATCH_SECONDS = 0.25
#: This share of the rate may start so much later all the same: even ten processes together do not fill what SLACK
#: leaves free. So where the rate is high and requests are few, the store need not be asked for each of them.
LEISURE_SHARE, LEISURE_SECONDS = 1 / 400, BATCH_SECONDS
#: If the store answers more slowly than this, larger batches do not make up for it.
SLOWEST_STORE_SECONDS = 2.0
#: Nobody waits for a pause that ends later than this: the caller has better things to do.
LONGEST_WAIT_SECONDS = 20.0

Sleep = Callable[[float], None]


class Stopped(Exception):  # noqa: N818  not an error: the process has been asked to end
    """Waiting was ended because the process is stopping."""


class Paused(Exception):  # noqa: N818  the client turns it into Overloaded, which knows the resource
    """The source asked for a longer pause than a caller waits for."""

    def __init__(self, source: str, seconds: float) -> None:
        super().__init__(source, seconds)
        self.source = source
        self.seconds = seconds


class NoPermit(Exception):  # noqa: N818  an expected outcome of waiting for a bounded time
    """As many requests as allowed are under way, and none has ended in the time given."""

    def __init__(self, source: str, waited_seconds: float) -> None:
        super().__init__(source, waited_seconds)
        self.source = source
        self.waited_seconds = waited_seconds


class Permit:
    """The right to have one request under way, held for the life of a slice."""

    def __init__(self, budget: Budget, holder: str) -> None:
        self._budget = budget
        self._holder = holder
        self._number: int | None = None
        self._half_over_at = 0.0

    def acquire(self, *, wait_seconds: float | None = None, limits: LimitStore | None = None) -> None:
        """Wait until one is free; NoPermit after `wait_seconds`. Those who wait come before those who ask with 0.

        `limits`: those within a transaction, in which nobody waits.
        """
        budget, waited, pause = self._budget, 0.0, 0.05
        while True:
            now = budget.clock()
            self._number = (limits or budget.limits).acquire_permit(
                budget.source,
                self._holder,
                limit=budget.concurrency,
                lease_seconds=budget.lease_seconds,
                waits=wait_seconds != 0,
            )
            if self._number is not None:
                self._half_over_at = now + budget.lease_seconds / 2
                return
            if wait_seconds is not None and waited >= wait_seconds:
                raise NoPermit(budget.source, waited)
            pause = min(pause * 1.5, 1.0)
            step = pause * budget.rng.uniform(0.5, 1.5)  # so that those who wait do not all ask at the same moment
            budget.wait(step)
            waited += step

    def keep_alive(self) -> None:
        """Renew the lease once half of it is over; if it was lost, wait for another."""
        budget = self._budget
        now = budget.clock()
        if now < self._half_over_at:
            return
        if self._number is not None and budget.limits.renew_permit(
            budget.source, self._number, self._holder, lease_seconds=budget.lease_seconds
        ):
            self._half_over_at = now + budget.lease_seconds / 2
        else:
            self.acquire()

    def release(self) -> None:
        """Nothing happens if it was given back already."""
        self.release_within(self._budget.limits)
        self.forget()

    def release_within(self, limits: LimitStore) -> None:
        """Free for others once the transaction of these limits is committed; then `forget` it."""
        if self._number is not None:
            limits.release_permit(self._budget.source, self._number, self._holder)

    def forget(self) -> None:
        """It was given back."""
        self._number = None


class Budget:
    """What a source allows; one per process and source, shared by its threads."""

    def __init__(
        self,
        source: str,
        limits: LimitStore,
        *,
        requests_per_second: float,
        concurrency: int,
        lease_seconds: float = 60.0,
        clock: Callable[[], float] = time.time,
        sleep: Sleep | None = None,
        stopping: threading.Event | None = None,
        rng: random.Random | None = None,
    ) -> None:
        """`lease_seconds` of a permit: at least twice what one request may take, or it could be lost meanwhile."""
        if requests_per_second <= 0 or concurrency < 1:
            raise ValueError(
                f"the limits of {source} leave no request: requests_per_second and concurrency must be > 0"
            )
        self.source = source
        self.limits = limits
        self.concurrency = concurrency
        self.lease_seconds = lease_seconds
        self.clock = clock
        self.stopping = stopping if stopping is not None else threading.Event()
        self.rng = rng if rng is not None else random.Random()  # noqa: S311  jitter
        self._sleep = sleep
        self._spacing_seconds = SLACK / requests_per_second
        self._largest_batch = max(1, int(BATCH_SECONDS / self._spacing_seconds))
        self._leisure = int(requests_per_second * LEISURE_SHARE)  #: starts that may be so late
        self._batch = 1
        self._store_seconds = 0.0  #: how long the store took the last time
        self._starts: deque[float] = deque()
        self._paused_until = 0.0
        self._looked_at = 0.0
        self._lock = threading.Lock()
        self._held = threading.local()

    def wait(self, seconds: float) -> None:
        """Sleep, unless the process is stopping: raises Stopped then."""
        if self._sleep is not None:
            self._sleep(max(0.0, seconds))
        else:
            self.stopping.wait(max(0.0, seconds))
        if self.stopping.is_set():
            raise Stopped

    @contextmanager
    def request(self) -> Iterator[None]:
        """Wait for a start time. Raises Paused if the source asked for a longer pause than a caller waits for."""
        while True:
            self.keep_alive()
            start = self._take()
            now = self.clock()
            if start > now:
                self.wait(start - now)
                now = self.clock()
            if now - start <= LATE_SECONDS and now >= self._paused_until:
                break
        yield

    def pause(self, seconds: float) -> None:
        """The source asked for a pause: no process starts a request for that long."""
        until = self.clock() + seconds
        self.limits.pause(self.source, until)
        with self._lock:
            self._paused_until = max(self._paused_until, until)
            self._starts.clear()

    def new_permit(self) -> Permit:
        """One that is to be acquired; then this thread sends under it where it is `lent`."""
        return Permit(self, f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:12]}")

    @contextmanager
    def permit(self, *, wait_seconds: float | None = None) -> Iterator[Permit]:
        """The right to one of the source's concurrent requests; NoPermit if none is free within `wait_seconds`."""
        permit = self.new_permit()
        permit.acquire(wait_seconds=wait_seconds)
        try:
            with self.lent(permit):
                yield permit
        finally:
            permit.release()

    @contextmanager
    def lent(self, permit: Permit | None) -> Iterator[None]:
        """This thread uses the permit of another thread, which sends nothing meanwhile."""
        outer, self._held.permit = self.held_permit(), permit
        try:
            yield
        finally:
            self._held.permit = outer

    def held_permit(self) -> Permit | None:
        """The permit under which this thread sends."""
        permit: Permit | None = getattr(self._held, "permit", None)
        return permit

    def keep_alive(self) -> None:
        """Renew the permit that this thread holds, if any: every request does so, also when it is tried again."""
        permit = self.held_permit()
        if permit is not None:
            permit.keep_alive()

    def _take(self) -> float:
        """The next start time that has not passed; reserves a batch if none is left."""
        with self._lock:
            if self.clock() < self._looked_at - LONGEST_WAIT_SECONDS:  # put back: the start times lie too far ahead
                self._starts.clear()
                self._paused_until = 0.0
            self._looked_at = self.clock()
            wasted = False
            while self._starts:
                start = self._starts.popleft()
                late_seconds = self.clock() - start
                if late_seconds <= LATE_SECONDS:
                    return start
                if late_seconds <= LEISURE_SECONDS and len(self._starts) < self._leisure:
                    return self.clock()
                wasted = True
            # As many as were used the last time, and one more: whoever uses few must not keep what others could use.
            self._batch = max(1, self._batch // 2) if wasted else min(self._batch + 1, self._largest_batch)
            self._batch = max(self._batch, self._leisure)
            while True:
                self._refuse_long_pause()
                asked_at = self.clock()
                lost = int(self._store_seconds / self._spacing_seconds)  # these will have passed when the store answers
                starts = self.limits.reserve(self.source, n=self._batch + lost, spacing_seconds=self._spacing_seconds)
                now = self.clock()
                self._store_seconds = min(max(now - asked_at, 0.0), SLOWEST_STORE_SECONDS)
                if starts[0] - now > LONGEST_WAIT_SECONDS:
                    self._paused_until = max(self._paused_until, self.limits.paused_until(self.source))
                    self._refuse_long_pause()
                self._starts = deque(start for start in starts if now - start <= LATE_SECONDS)
                if self._starts:
                    return self._starts.popleft()

    def _refuse_long_pause(self) -> None:
        seconds = self._paused_until - self.clock()
        if seconds > LONGEST_WAIT_SECONDS:
            raise Paused(self.source, seconds)
