"""Spreads the requests of a full scan over a time, as its plan says: some at a time, and a pause before the next ones.

A slice ends when it is ahead; the slots of its scan say when it goes on, and housekeeping wakes it then. A scan that is
late already, or that a person waits for, is not spread.
"""

from __future__ import annotations

import math
from datetime import datetime, timedelta

from changes import clocks
from storage import cadence, scans, slots
from storage.session import Session
from tasks.scan.lease import LeaseLostError, ScanLease
from tasks.scan.position import Position

#: So many requests are sent in one go: to take a scan up again costs more than a few requests.
AT_A_TIME = 20
#: A pause is at least so long: housekeeping would not notice a shorter one.
LEAST_SECONDS = 20.0
#: After its pause a scan is woken as if its wake-up had been lost for so long (`tasks/housekeeping.py`).
WAKE_AGAIN = timedelta(seconds=10)
#: So long before its time is over a scan hurries: it has to be woken, and may have to wait for room.
SPARE = timedelta(seconds=30)


class Pace:
    """Of one slice."""

    def __init__(self, lease: ScanLease, *, requests: float = 0.0, until: datetime | None = None) -> None:
        """So many are spread from the scan's start on; `until` None: they are sent as fast as the limits allow."""
        self._lease, self._services = lease, lease.scope.services
        self._started_at = lease.scope.started_at or self._services.now()
        self._seconds = max(1.0, (until - self._started_at).total_seconds()) if until else 0.0
        self.is_spread = until is not None
        self._is_ahead = False
        self._requests, self._done = max(1.0, requests), lease.pages
        at_a_time = self._requests / math.ceil(self._requests / AT_A_TIME)
        at_a_time = max(at_a_time, self._requests * LEAST_SECONDS / max(1.0, self._seconds))
        self._allowed = max(self._done, self._due()) + at_a_time

    def is_ahead(self, position: Position) -> bool:
        """Asked before each request. Within the list of one parent a scan goes on: it would have to be read anew."""
        is_within = position.parent is not None and position.done_parent != position.parent and position.walk.asks > 0
        if self.is_spread and not is_within and self._allowed <= self._done < self._requests:
            self._is_ahead = self._done > self._due()
        self._done += not self._is_ahead
        return self._is_ahead

    def pause(self) -> bool:
        """Where the slice was ahead: its scan goes on when as much time has gone by as requests were sent.

        LeaseLostError: another process has taken over.
        """
        if not self._is_ahead:
            return False
        scope, now = self._lease.scope, self._services.now()
        until = self._started_at + timedelta(seconds=self._seconds * self._done / self._requests)
        seconds = max(0.0, (until - now).total_seconds())
        with self._services.database.write() as session:
            if not scans.note_pause(session, scope.scan_id, fence=scope.fence, until=until, seconds=seconds):
                raise LeaseLostError
            slots.pause(session, scope.source, scope.resource.name, until=until, wake_again=WAKE_AGAIN)
        return True

    def _due(self) -> float:
        """How many requests should have been sent by now."""
        gone = (self._services.now() - self._started_at).total_seconds()
        return self._requests * gone / self._seconds if self.is_spread else 0.0


def of(session: Session, lease: ScanLease, *, waits: bool) -> Pace:
    """`waits`: a person does, so the scan is as quick as it can be."""
    scope, now = lease.scope, lease.scope.services.now()
    started_at, last = scope.started_at, scope.last_complete_started_at
    if waits or started_at is None or last is None:
        return Pace(lease)
    if max(started_at, last) > clocks.latest(now):  # of a clock that was ahead: a pause would last until that time
        return Pace(lease)
    spread = cadence.spread(session, scope.source, scope.resource.name)
    if spread is None or spread.seconds <= 0:
        return Pace(lease)
    until = started_at + timedelta(seconds=spread.seconds)
    if spread.updated_seconds is not None:
        until = min(until, last + timedelta(seconds=spread.updated_seconds))
    until -= SPARE
    return Pace(lease, requests=spread.requests, until=until) if now < until else Pace(lease)
