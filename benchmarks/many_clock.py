"""`python -m benchmarks.many_clock SOURCES`: a clock and its housekeeping in a folder with so many sources; tells JSON.

Nobody scans: what is woken is counted as scanned at once. Called by benchmarks/many.py.
"""

from __future__ import annotations

import json
import logging
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import structlog

from storage import slots
from tasks import housekeeping, wakeups
from tasks.services import Services
from worker import bootstrap, settings
from worker.clock import Clock

#: Longer than the schedule of the lists, so that all of them are due.
LATER = timedelta(minutes=6)
IDLE_TICKS = 60


class Round:
    """The services, a time of its own, and the queue of wake-ups."""

    def __init__(self) -> None:
        self.queue: list[tuple[str, str]] = []
        self.statements = 0
        built = bootstrap.build(
            settings.load(), wake=self._wake, queued=lambda task: len(self.queue) if task == wakeups.SCAN else 0
        )
        self.moment = built.now()
        self.services: Services = replace(built, now=lambda: self.moment)
        built.database.watchers.append(self._count)

    def _wake(self, task: str, **arguments: str) -> None:
        if task == wakeups.SCAN:
            self.queue.append((arguments["source"], arguments["resource"]))

    def _count(self, *_: object) -> None:
        self.statements += 1

    def measured(self, work: Callable[[], object]) -> dict[str, float]:
        """How long it takes, and how many statements."""
        self.statements, began = 0, time.perf_counter()
        work()
        return {"seconds": time.perf_counter() - began, "statements": self.statements}

    def scan(self) -> None:
        """All that was woken."""
        taken, self.queue = self.queue, []
        with self.services.database.write() as session:
            for source, name in taken:
                slots.take_slots(session, source, name, scan_id="1", now=self.moment)
                slots.finish_slots(session, source, name, scan_id="1", now=self.moment)

    def scan_all(self) -> dict[str, float]:
        """Until nothing is due; the housekeeping of one round on the way."""
        told: dict[str, float] = {}
        while self.queue:
            self.scan()
            self.moment += timedelta(seconds=5)
            told = told or self.measured(lambda: housekeeping.housekeep(self.services))
            if not self.queue:
                housekeeping.housekeep(self.services)
        return told


def main() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    here = Round()
    told: dict[str, Any] = {"planning": here.measured(Clock(lambda: here.services).tick)}
    here.scan_all()
    here.moment += LATER
    clock = Clock(lambda: here.services)
    told["tick"] = here.measured(clock.tick)
    told["housekeeping"] = here.scan_all()

    def idle() -> None:
        for _ in range(IDLE_TICKS):
            clock.tick()

    told["idle"] = here.measured(idle)
    told["bytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    sys.stdout.write(json.dumps(told))


if __name__ == "__main__":
    main()
