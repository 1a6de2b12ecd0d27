"""Retires the records of a resource: they are deleted in the mirror and in the log, and no receiver is told.

Used for what is no longer configured, and for a resource that begins anew; called by commands and the scan step.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from changes.records import Id
from changes.resources import Resource
from storage import (
    change_log,
    former_rules,
    generations,
    history,
    leases,
    mirror,
    row_cache,
    scans,
    slots,
    suspects,
    tally,
)
from storage.session import Session
from storage.states import ScanState
from tasks import process_names
from tasks.scan import against_log, deletions, put_back
from tasks.scan.apply import Applied
from tasks.scan.lease import LEASE_SECONDS, RENEW_AFTER_SECONDS, LeaseLostError, Write
from tasks.scan.scope import Scope
from tasks.services import Services

#: Records retired in one transaction.
AT_A_TIME = 500


def retire_all(scope: Scope, commit: Callable[[Write], object]) -> int:
    """Retire all living records of the scope's resource, one part for each `commit`; how many they were.

    Which are living, the log says: their rows are put back before.
    """
    against_log.put_all_back(scope, commit)
    count, after = 0, None
    while True:
        with scope.services.database.read() as session:
            ids = mirror.live_ids(session, scope.resource, scope.source, limit=AT_A_TIME, after=after)
        if not ids:
            return count
        commit(_retirement(scope, ids))
        count, after = count + len(ids), ids[-1]


def _retirement(scope: Scope, ids: list[Id]) -> Write:
    def write(session: Session, now: datetime) -> Applied:
        with generations.own(session, scope.source, scope.resource.name):
            wrong = put_back.of_ids(session, scope, scope.resource, ids)
            changes = deletions.mark(
                session, scope, scope.resource, ids, seen_before={}, scan_id=history.RETIRED, now=now
            )
        if changes:
            change_log.append(session, changes)
            tally.add(session, tally.of_changes(changes), now=now)
        deletions.delete_points(session, scope, ids, now=now)
        put_back.note(session, scope, scope.resource, wrong, now=now)
        return Applied()

    return write


@dataclass(slots=True)
class _Renewal:
    """Holds and renews the lease of a resource while its records are retired."""

    services: Services
    name: str
    fence: int
    renewed_at: float

    def commit(self, write: Write) -> None:
        now = self.services.now()
        with self.services.database.write() as session:
            write(session, now)
            if time.monotonic() - self.renewed_at > RENEW_AFTER_SECONDS:
                self.renewed_at = time.monotonic()
                if not leases.renew(session, self.name, fence=self.fence, now=now, seconds=LEASE_SECONDS):
                    raise LeaseLostError


def retire(services: Services, source: str, resource: Resource, *, read_as: Mapping[str, Any]) -> int | None:
    """Retire all records of a resource, and forget what its scans have found out; None if it is being scanned.

    `read_as`: the settings with which its next records are compared. If this breaks off, call it again to finish.
    """
    name = leases.of_scan(source, resource.name)
    with services.database.write() as session:
        fence = leases.acquire(session, name, holder=process_names.own(), now=services.now(), seconds=LEASE_SECONDS)
        if fence is None:
            return None
        state = scans.resource_state(session, source, resource.name)
        scan = scans.running(session, source, resource.name)
        if scan is not None:
            scans.take_over(session, scan.id, fence=fence, now=services.now())
            reason = "its records were retired"
            scans.finish(session, scan.id, fence=fence, state=ScanState.FAILED, reason=reason, now=services.now())
    scope = Scope(
        services,
        source,
        resource,
        history.RETIRED,
        fence,
        has_baseline=state.baseline_at is not None,
        last_complete_started_at=state.last_complete_started_at,
        all_read_at=state.all_read_at,
    )
    hold = _Renewal(services, name, fence, time.monotonic())
    try:
        count = retire_all(scope, hold.commit)
        with services.database.write() as session:
            suspects.forget(session, source, resource.name)
            row_cache.forget_all(session, source, resource.name)
            slots.forget_waiting(session, source, resource.name)
            former_rules.note(session, source, resource.name, now=read_as, at=services.now())
            scans.begin_anew(session, source, resource.name, read_as=read_as)
    finally:
        with services.database.write() as session:
            leases.release(session, name, fence=fence)
    return count
