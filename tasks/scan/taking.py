"""Who may scan a resource: takes its lease, and its running scan or a new one; used by full scans and by head scans."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from changes.resources import Resource
from storage import backoff, former_rules, generations, history, leases, mirror, row_cache, scans, slots
from storage.generations import Counted
from storage.scans import Scan
from storage.session import Session
from tasks import process_names
from tasks.scan import against_log, lease, read_as
from tasks.scan.holding import Holding
from tasks.scan.learned import Learned
from tasks.scan.lease import ScanLease
from tasks.scan.position import Phase, Position
from tasks.scan.scope import Scope
from tasks.services import Services, Source
from upstream.throttle import Permit

#: A scan that was not worked on for longer has not waited for room: nothing ran.
MOST_WAITING_SECONDS = 600


class ParentUnknownError(Exception):
    """The parent has had no complete scan yet, or its records may be others now: its children cannot be walked."""


def take(
    session: Session, services: Services, source: Source, resource: Resource, permit: Permit | None = None
) -> ScanLease | None:
    """The resource's running scan, or a new one; None if another process holds it.

    `permit`: under which it sends its requests; it is given back with the lease.
    """
    now = services.now()
    _check_parents(session, source, resource)
    name, crashes = leases.of_scan(source.name, resource.name), 0
    left_behind = leases.left_behind(session, name, now=now, seconds=lease.LEASE_SECONDS)
    fence = leases.acquire(session, name, holder=process_names.own(), now=now, seconds=lease.LEASE_SECONDS)
    if fence is None:
        return None
    now = services.now()  # the one before may have ended only just now
    scan = scans.running(session, source.name, resource.name)
    if left_behind == fence - 1:
        crashes = note_crash(session, source.name, resource.name)
    if scan is None:
        scan = scans.begin(
            session,
            source=source.name,
            resource=resource.name,
            kind="full",
            fence=fence,
            now=now,
            id=scans.new_scan_id(now, services.rng),
        )
    else:
        scans.take_over(session, scan.id, fence=fence, now=now, lain_seconds=_lain_seconds(session, scan, now))
    state = scans.resource_state(session, source.name, resource.name, keeps=True)
    slots.take_slots(session, source.name, resource.name, scan_id=scan.id, now=now)
    kept_by, now_read_as = state.read_as, read_as.of(resource, source.base_url)
    is_anew = kept_by is None or read_as.is_retired(kept_by)
    if kept_by is None or is_anew:
        kept_by = {**now_read_as, "points": None}  # so that all points are looked at anew
    former_rules.note(session, source.name, resource.name, now=kept_by, at=now, state=state)
    if is_anew:
        scans.note_read_as(session, source.name, resource.name, read_as=kept_by)
    counted = generations.begin(session, source.name, resource.name)
    scope = Scope(
        services,
        source.name,
        resource,
        scan.id,
        fence,
        has_baseline=state.baseline_at is not None,
        last_complete_started_at=state.last_complete_started_at,
        all_read_at=state.all_read_at,
        started_at=scan.started_at,
        is_log_empty=state.baseline_at is None and _is_log_empty(session, scan, counted),
        are_points_anew=resource.points is not None and kept_by.get("points") != now_read_as["points"],
    )
    if scope.is_sliced:
        scope = replace(scope, compared=row_cache.last_compared(session, source.name, resource.name))
    holding = Holding(source, resource.name, permit, fence=fence)
    taken = ScanLease(scope, scan, Learned.from_json(state.learned), holding, crashes=crashes, read_as=kept_by)
    if scan.position is None:
        _begin(session, scope, taken.position, counted, now)
    if not (scope.has_baseline or scope.is_log_empty) and taken.rows >= lease.MANY_ROWS:
        mirror.note_size(session, resource)  # each page is looked up in a log of which PostgreSQL knows no size yet
    return taken


def _is_log_empty(session: Session, scan: Scan, counted: Counted) -> bool:
    """Whether it is, but for what this scan has written; then nobody else has been at the mirror since."""
    if scan.position is not None and scan.position.get("began_empty"):
        return bool(scan.position.get("strange") == counted.strange)
    return not history.has_any(session, scan.source, scan.resource)


def _begin(session: Session, scope: Scope, position: Position, counted: Counted, now: datetime) -> None:
    """What is known of the mirror when the scan begins."""
    position.generation, position.strange = counted.generation, counted.strange
    position.began_empty = scope.is_log_empty
    if scope.is_log_empty:
        generations.note_settled(session, scope.source, scope.resource.name, strange=counted.strange, at=now)
    elif against_log.is_due(counted, now):
        position.phase = Phase.COMPARE


def _lain_seconds(session: Session, scan: Scan, now: datetime) -> float:
    """How long nobody was at work on it, after a `sync` that was stopped, or while nothing ran; 0 for shorter times.

    A scan that waits for room has a slot. It is no more than minutes that it waits.
    """
    if scan.heartbeat_at is None:
        return 0.0
    seconds = (now - scan.heartbeat_at).total_seconds()
    waits = slots.is_taken(session, scan.source, scan.resource, scan_id=scan.id)
    return seconds if seconds > (MOST_WAITING_SECONDS if waits else lease.LEASE_SECONDS) else 0.0


def note_crash(session: Session, source: str, resource: str) -> int:
    """The process at work on it has ended; how often in a row at the place where its full scan stands. 0: none runs."""
    scan = scans.running(session, source, resource)
    if scan is None:
        return 0
    return backoff.note_crash(session, source, resource, part=Position.from_json(scan.position).parts)


def _check_parents(session: Session, source: Source, resource: Resource) -> None:
    """ParentUnknownError if the records to which these lists belong are not known for certain."""
    for ancestor in reversed(resource.ancestors):
        if not are_records_known(session, source, ancestor):
            raise ParentUnknownError(ancestor)


def are_records_known(session: Session, source: Source, resource: str) -> bool:
    """Whether the resource has had a complete scan, and the catalogue still means the records of that scan."""
    state = scans.resource_state(session, source.name, resource)
    now = read_as.of(source.catalogue.resources[resource], source.base_url)
    return state.baseline_at is not None and not read_as.may_be_others(state.read_as, now)
