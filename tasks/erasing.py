"""Erases the content of one record: out of its row in the mirror, out of all its versions, out of what is owed of it.

The row stays as it is otherwise, and no change is written: whether the record is still there is for the next scan to
say. If the source has it, it is `restored` with its next version; if not, it is `deleted`. Called by the command
`erase`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from changes.records import Id
from changes.resources import Resource
from storage import change_log, erased_sqlite, erasures, leases, point_records, row_cache, scans
from storage.engine import Database
from storage.erasures import Extent
from tasks import process_names
from tasks.scan.lease import LEASE_SECONDS

#: Tables that hold content, beside the resource's own.
TABLES = ("mirrorpoint_change", "mirrorpoint_attempt", "mirrorpoint_page", "mirrorpoint_point")


class NewVersionError(Exception):
    """The record has changed since it was looked at; nothing was erased."""


@dataclass(frozen=True, slots=True)
class Erased:
    """What came of it."""

    versions: int  #: whose content is gone
    skipped: int  #: deliveries


def erase(
    database: Database,
    resource: Resource,
    source: str,
    id: Id,  # noqa: A002
    *,
    seen: Extent,
    now: datetime,
) -> Erased:
    """In one transaction; NewVersionError where the log has more of the record by now than was `seen`."""
    with database.write() as session:
        erased_sqlite.overwrite(session)
        # The mirror's row first, then the lock of the log: so does who writes changes.
        erasures.empty(session, resource.name, source, [id])
        change_log.lock(session)
        now_there = erasures.extent(session, source, resource.name, id)
        if now_there.last_seq != seen.last_seq:
            raise NewVersionError
        skipped = erasures.skip_owed(session, now_there.seqs, now=now)
        versions = erasures.erase(session, now_there.seqs)
        # A page that is remembered has the fingerprints of its rows, by which a small document could be guessed.
        row_cache.forget_all(session, source, resource.name)
        if resource.points:
            point_records.empty(session, source, id)
    return Erased(versions, skipped)


@contextmanager
def kept_still(
    database: Database, source: str, resource: Resource, *, now: Callable[[], datetime], wait: Callable[[], None]
) -> Iterator[None]:
    """Meanwhile nobody scans the resource: a page that was read before must not be written afterwards.

    `wait` is called as long as somebody scans it.
    """
    name = leases.of_scan(source, resource.name)
    while (fence := _taken(database, source, resource, name, now())) is None:
        wait()
    try:
        yield
    finally:
        with database.write() as session:
            leases.release(session, name, fence=fence)


def _taken(database: Database, source: str, resource: Resource, name: str, now: datetime) -> int | None:
    with database.write() as session:
        fence = leases.acquire(session, name, holder=process_names.own(), now=now, seconds=LEASE_SECONDS)
        scan = None if fence is None else scans.running(session, source, resource.name)
        if fence is not None and scan is not None:  # a process that was only slow can write no more
            scans.take_over(session, scan.id, fence=fence, now=now)
        return fence
