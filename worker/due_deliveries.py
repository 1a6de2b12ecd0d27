"""Wakes deliveries that are due; used by the clock, each second.

A new delivery is woken by whoever owes it. This is for those that are tried again, and for wake-ups that were lost.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from storage import outbox
from storage.commits import Commits
from tasks import wakeups
from tasks.services import Services

#: The database is asked anew after this, whether anybody seems to have written or not.
LOOK_SECONDS = 10


class DueDeliveries:
    """Of one clock."""

    def __init__(self) -> None:
        self._commits: Commits | None = None
        self._looked_at: datetime | None = None
        self._due_at: datetime | None = None

    def wake(self, services: Services, now: datetime) -> None:
        """Wake the deliver step where one is due."""
        if self._is_to_look(services, now):
            with services.database.read() as session:
                self._due_at = outbox.next_due_at(session)
            self._looked_at = now
        if self._due_at is not None and self._due_at <= services.now():
            services.wake(wakeups.DELIVER)

    def _is_to_look(self, services: Services, now: datetime) -> bool:
        """As long as nobody has written, what was read before is so; and it is asked before it is read."""
        if self._commits is None or self._commits.database is not services.database:
            self._commits, self._looked_at = Commits(services.database), None
        looked_at, has_come = self._looked_at, self._commits.have_come()
        self._looked_at = None  # until it was read
        if has_come or looked_at is None or not looked_at <= now < looked_at + timedelta(seconds=LOOK_SECONDS):
            return True
        self._looked_at = looked_at
        return False
