"""The line of scans for which their source has no room: whoever makes room wakes the scan that has waited longest."""

from __future__ import annotations

import time

from storage import backoff, slots
from tasks import wakeups
from tasks.scan.scope import Scope
from tasks.services import Services

#: How often a slice looks whether head scans wait for it.
LOOK_SECONDS = 1.0


def hand_back(services: Services, source: str, resource: str) -> None:
    """Go to the end of the line: the slot stays open, and the scan holds neither a thread nor a permit meanwhile."""
    with services.database.write() as session:
        slots.note_handed_back(session, source, resource, now=services.now())


def leave(services: Services, source: str, resource: str) -> None:
    """It cannot be scanned now, and nobody who makes room could wake it: housekeeping does, as soon as it can be."""
    with services.database.write() as session:
        slots.note_unanswered(session, source, resource, now=services.now())


def is_waited_for(services: Services, source: str) -> bool:
    """Whether somebody waits for room: for a permit at this moment, or in the line."""
    if services.sources[source].budget.limits.is_waited_for(source):
        return True
    with services.database.read() as session:
        return bool(slots.handed_back(session, source=source, now=services.now()))


def is_anybody(services: Services, source: str, resource: str) -> bool:
    """Whether a scan waits for room, or a head scan of the resource for its lease: mostly nobody does."""
    with services.database.read() as session:
        return slots.is_anybody_waiting(session, source, resource, now=services.now())


def wake_next(services: Services, source: str) -> bool:
    """There is room again: wake the first in line; False if no scan of this source waits, or none can be woken."""
    now = services.now()
    with services.database.read() as session:
        line = slots.handed_back(session, source=source, now=now)
        if line:
            line = backoff.awake(session, line, now=now)
    if not line or services.queued(wakeups.SCAN) is None:  # while the broker is away it keeps its place
        return False
    with services.database.write() as session:
        slots.note_woken(session, line[:1], now=now)
    services.wake(wakeups.SCAN, source=source, resource=line[0][1])
    return True


class WaitingHeads:
    """Looked at by a slice between its pages: a head scan takes a moment, and is to come within seconds."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._looked_at = time.monotonic()

    def are_waiting(self) -> bool:
        """Whether the slice should end for them: they need its lease, or room at its source."""
        if time.monotonic() - self._looked_at < LOOK_SECONDS:
            return False
        self._looked_at = time.monotonic()
        services, source, resource = self._scope.services, self._scope.source, self._scope.resource.name
        with services.database.read() as session:
            return slots.is_head_waiting(session, source, resource, now=services.now())
