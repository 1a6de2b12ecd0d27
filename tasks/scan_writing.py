"""Writes what a walk has read: a page with news by itself, pages without news together; used by the scan step.

Rows, changes, deliveries, seen ids and the position behind them are one transaction, so that whatever ends the process
leaves all of a page or nothing of it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime

from sqlmodel import Session

from changes import normalise
from storage import remembered, suspects
from tasks import scan_page
from tasks.scan_ahead import Ahead
from tasks.scan_lease import Progress, ScanLease
from tasks.scan_page import Applied
from tasks.scan_walk import Read, Reader

#: Lists of a nested resource are written together until one of these is reached; of pages without news, the second.
MOST_REQUESTS = 50
MOST_SECONDS = 1.0
#: Of pages without news, so many rows' ids are written together at the most.
MOST_ROWS = 10_000


class Writing:
    """The pages of one slice that are read and not written yet."""

    def __init__(self, lease: ScanLease, reader: Reader, ahead: Ahead, on_progress: Callable[[Progress], None]) -> None:
        self._lease, self._scope, self._position = lease, lease.scope, lease.position
        self._reader, self._ahead = reader, ahead
        self._on_progress = on_progress
        self._begin()

    def _begin(self) -> None:
        self._pending: list[Read] = []
        self._rows = 0
        self._has_news = False
        self._since = time.monotonic()

    def add(self, read: Read) -> None:
        self._pending.append(read)
        self._rows += len(read.batch.unchanged)
        self._has_news |= bool(read.batch.records or read.batch.skipped or read.remembered)

    @property
    def is_due(self) -> bool:
        """Whether what there is should be written before more is read."""
        if time.monotonic() - self._since > MOST_SECONDS:
            return True
        if self._scope.parent:
            return len(self._pending) >= MOST_REQUESTS
        return self._has_news or self._rows > MOST_ROWS

    def write(self) -> None:
        """One transaction. LeaseLostError: another process is at it, and nothing was written."""
        pending = self._pending
        batch = normalise.merge(read.batch for read in pending)
        if batch.skipped and not self._position.skipped:
            self._position.skipped = batch.skipped[0]
        self._lease.total = next((r.total for r in reversed(pending) if r.total is not None), self._lease.total)
        source, name = self._scope.source, self._scope.resource.name
        sheets = [read.remembered for read in pending if read.remembered]

        def write(session: Session, now: datetime) -> Applied:
            taken = scan_page.of_living_parents(session, self._scope, batch)
            applied = scan_page.apply_batch(session, self._scope, taken, now=now)
            suspects.note_seen(session, self._scope.scan_id, self._position.parts, taken.ids)
            remembered.keep(session, source, name, rule=self._reader.rule, pages=sheets)
            return applied

        pages = sum(read.is_page for read in pending)
        requests = self._reader.take_requests() + self._ahead.take_requests()
        self._on_progress(self._lease.commit(write, batch=batch, pages=pages, requests=requests))
        self._begin()
