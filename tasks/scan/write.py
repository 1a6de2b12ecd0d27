"""Writes what a walk has read, some pages at a time; used by the scan step.

Rows, changes, deliveries, seen ids and the new position are one transaction, so whatever ends the process leaves all of
a page or nothing of it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from itertools import chain

from changes import normalise
from changes.records import Batch, Id
from storage import row_cache, seen_ids
from storage.session import Session
from tasks.scan import apply, parents
from tasks.scan.apply import Applied
from tasks.scan.lease import Progress, ScanLease, Write
from tasks.scan.page_diff import Findings
from tasks.scan.prefetch import Ahead
from tasks.scan.walk import Read, Reader

#: Lists of a nested resource are written together until one of these is reached; pages without news, until the second.
MOST_REQUESTS = 50
MOST_SECONDS = 1.0
#: The ids of at most so many rows are written together where pages have no news.
MOST_ROWS = 10_000
#: Pages with news are written together until one of these is reached: a transaction costs as much as a hundred rows.
NEWS_ROWS = 500
NEWS_SECONDS = 0.2


class Writing:
    """Holds the pages of one slice that are read and not written yet."""

    def __init__(self, lease: ScanLease, reader: Reader, ahead: Ahead, on_progress: Callable[[Progress], None]) -> None:
        self._lease, self._scope, self._position = lease, lease.scope, lease.position
        self._reader, self._ahead = reader, ahead
        self._on_progress = on_progress
        self._begin()

    def _begin(self) -> None:
        self._pending: list[Read] = []
        self._rows = self._news = 0
        self._since = time.monotonic()

    def add(self, read: Read) -> None:
        self._pending.append(read)
        self._rows += len(read.batch.unchanged) + read.batch.untouched
        self._news += len(read.batch.records) + len(read.batch.skipped) + _is_kept(read)

    @property
    def is_due(self) -> bool:
        """Whether these pages should be written before more is read."""
        if self._pending and self._pending[-1].is_turn:
            return True
        seconds = time.monotonic() - self._since
        if self._scope.parent:
            return len(self._pending) >= MOST_REQUESTS or seconds > MOST_SECONDS
        if self._news:
            return self._news >= NEWS_ROWS or seconds > NEWS_SECONDS
        return self._rows > MOST_ROWS or seconds > MOST_SECONDS

    def write(self, *, then: Write | None = None) -> None:
        """Write them in one transaction. LeaseLostError: another process holds the scan, and nothing was written.

        `then`: see `ScanLease.commit`.
        """
        pending = self._pending
        batches = [read.batch for read in pending]
        batch = normalise.merge(batches)
        if batch.skipped and not self._position.skipped:
            self._position.skipped = batch.skipped[0]
        self._lease.total = next((r.total for r in reversed(pending) if r.total is not None), self._lease.total)
        source, name = self._scope.source, self._scope.resource.name
        pages_taken = [read.recognised for read in pending if read.recognised]
        kept = [each.remembered for each in pages_taken if each.remembered]

        def write(session: Session, now: datetime) -> Applied:
            written, untold = list[tuple[Batch, Findings]](), set[Id]()
            parts = [parents.below_living(session, self._scope, part) for part in _disjoint(batches)]
            for part in parts:
                found = apply.write_rows(session, self._scope, part, now=now, position=self._position, untold=untold)
                written.append((part, found))
                untold.update(record.id for record in found.differing)
            applied = apply.tell(session, self._scope, written, now=now)
            seen = chain.from_iterable(part.ids for part in parts)
            hashes = seen_ids.packed(seen) + b"".join([each.hashes for each in pages_taken])
            names = b"".join([each.page for each in pages_taken])
            seen_ids.note_seen(session, self._scope.scan_id, self._position.parts, hashes, pages=names)
            if batch.gone:
                seen_ids.note_flagged(session, self._scope.scan_id, self._position.parts, batch.gone)
            row_cache.keep(session, source, name, rule=self._reader.rule, pages=kept)
            return applied

        pages = sum(read.is_page for read in pending)
        requests = self._reader.take_requests() + self._ahead.take_requests()
        progress = self._lease.commit(write, then=then, batch=batch, pages=pages, requests=requests)
        self._reader.note_written()
        self._begin()
        self._on_progress(progress)


def _is_kept(read: Read) -> bool:
    """Whether its page is to be remembered anew."""
    return read.recognised is not None and read.recognised.remembered is not None


def _disjoint(batches: Sequence[Batch]) -> Iterator[Batch]:
    """As few batches as possible, none with an id twice, in order: a row that came again is compared with the first."""
    part: list[Batch] = []
    ids = set[Id]()
    for batch in batches:
        new = {record.id for record in batch.records}
        if not ids.isdisjoint(new):
            yield normalise.merge(part)
            part, ids = [], set()
        part.append(batch)
        ids |= new
    if part:
        yield normalise.merge(part)
