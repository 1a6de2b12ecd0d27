"""Clock, housekeeping and workers in one thread, and a time that we let pass; used by the tests of the cadence."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update
from sqlmodel import col, select

from changes.cadence.terms import Budget
from storage import cadence
from storage.cadence import Stored
from storage.tables import CadenceRow, NoticeRow, ScanRow, SlotRow
from tasks import housekeeping, wakeups
from tasks.cadence import promises
from tasks.services import Services
from upstream.client import SourceClient
from worker import celery_app
from worker.clock import Clock

#: Which moments are slots follows from the time, so it is always the same.
START = datetime(2026, 11, 22, 10, 0, 0, tzinfo=UTC)


class PassingTime:
    """Of services with one source that matters."""

    def __init__(self, services: Services, source: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.moment = START
        self.source = source
        self.asked: list[tuple[str, datetime]] = []  #: (resource, when) of each request for a page
        self.woken: list[tuple[str, dict[str, str]]] = []
        self.answer_seconds = 0.0
        self.on_asked: Any = lambda _resource: None
        self.services = replace(services, wake=self._wake, now=lambda: self.moment)
        self.clock = Clock(lambda: self.services)
        self._tasks = celery_app.make("redis://nowhere").tasks
        monkeypatch.setattr("tasks.services.current", lambda: self.services)
        fetch = SourceClient.fetch_page

        def fetch_page(client: SourceClient, resource: Any, **arguments: Any) -> Any:
            self.asked.append((resource.name, self.moment))
            self.moment += timedelta(seconds=self.answer_seconds)
            self.on_asked(resource.name)
            return fetch(client, resource, **arguments)

        monkeypatch.setattr(SourceClient, "fetch_page", fetch_page)

    def _wake(self, task: str, **arguments: str) -> None:
        self.woken.append((task, arguments))

    def schedule(self, budget: Budget | None = None, **schedule: str) -> None:
        """Everything else is off."""
        source = self.services.sources[self.source]
        source = replace(source, schedule={"*": "off", **schedule}, plan_budget=budget or source.plan_budget)
        self.services = replace(self.services, sources={self.source: source})
        self.clock = Clock(lambda: self.services)

    def work_off(self) -> None:
        """What was woken is done."""
        while self.woken:
            task, arguments = self.woken.pop(0)
            if task == wakeups.SCAN:
                self._tasks["scan_resource"](**arguments)

    def pass_by(self, lasting: timedelta, *, step_seconds: float = 5) -> None:
        end = self.moment + lasting
        while self.moment < end:
            self.moment += timedelta(seconds=step_seconds)
            self.clock.tick()
            housekeeping._wake_scans(self.services, self.moment)  # what else it does would take most of the time
            promises.judge(self.services)
            self.work_off()

    def requests(self, since: datetime) -> Counter[str]:
        return Counter(resource for resource, at in self.asked if at >= since)

    def slots(self, resource: str, kind: str) -> list[datetime]:
        with self.services.database.read() as session:
            which = (col(SlotRow.resource) == resource, col(SlotRow.kind) == kind)
            return list(
                session.objects.execute(select(col(SlotRow.slot_at)).where(*which).order_by("slot_at")).scalars()
            )

    def scans(self, resource: str, kind: str = "full") -> list[ScanRow]:
        with self.services.database.read() as session:
            which = (col(ScanRow.resource) == resource, col(ScanRow.kind) == kind)
            return list(session.objects.execute(select(ScanRow).where(*which).order_by("id")).scalars())

    def spread(self, resource: str, *, seconds: float, promised_seconds: float = 7200.0) -> None:
        """As if the plan had it so, until it is made anew."""
        with self.services.database.write() as session:
            which = (col(CadenceRow.source) == self.source, col(CadenceRow.resource) == resource)
            session.sqlalchemy().execute(
                update(CadenceRow).where(*which).values(spread_seconds=seconds, updated_seconds=promised_seconds),
            )

    def notices(self) -> list[NoticeRow]:
        with self.services.database.read() as session:
            return list(session.objects.execute(select(NoticeRow).order_by("number")).scalars())

    def stored(self, resource: str) -> Stored:
        with self.services.database.read() as session:
            return cadence.read(session, [self.source])[self.source, resource]
