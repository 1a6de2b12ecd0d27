"""A head scan: reads the newest records of a list, or the lists below parents that have changed, and tells what is new.

It finds creations within seconds. It deletes nothing, completes nothing and clears no suspect. What it finds, and its
own row, are one transaction; if it is cut off it has left nothing behind. Called for wake-ups (`scan_resource.py`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from changes.records import Batch, Id, Kind, Known
from changes.resources import Resource, child_parent_key
from storage import backoff, head_scans, leases, mirror, scans, slots, touched
from storage.errors import DatabaseTrouble
from storage.session import Session
from storage.states import ScanState
from tasks import process_names
from tasks.scan import apply, damaged, follow_up, lease, parents, read_as, source_trouble, taking
from tasks.scan import log as scan_log
from tasks.scan.apply import Applied
from tasks.scan.follow_up import MOST_PARENTS
from tasks.scan.head_pages import HeadPages, HeadReader, NoOrderError
from tasks.scan.head_state import HeadState
from tasks.scan.holding import Holding
from tasks.scan.lease import LeaseLostError
from tasks.scan.scope import Scope
from tasks.services import Services, Source
from upstream import heads
from upstream.errors import GiveUp, Overloaded, StopSource, TryLater, UpstreamError
from upstream.heads import Way
from upstream.throttle import NoPermit, Permit, Stopped

#: A parent that changed longer ago is left to the full scan.
CHANGED_WITHIN = timedelta(minutes=10)


class HeadEnd(StrEnum):
    """What became of a head scan."""

    HELD = "held"  #: a slice of the resource's full scan is at work
    CROWDED = "crowded"  #: its source has enough requests under way
    NOT_NOW = "not now"  #: it rests, or its records are to be read as a whole first
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class _Taken:
    """A head scan in our hands."""

    scope: Scope
    state: HeadState
    baseline_at: datetime | None
    parents: Sequence[Id]  #: whose lists are to be read, of a nested resource
    holding: Holding


def scan_head(services: Services, source_name: str, resource_name: str) -> HeadEnd:
    """Look at the newest records once. Raises what the database raises; what the source answers is written down."""
    source = services.sources[source_name]
    resource = source.catalogue.resources[resource_name]
    permit = source.budget.new_permit()
    try:
        with services.database.write() as session:
            permit.acquire(wait_seconds=0, limits=source.budget.limits.within(session))
            taken = _take(session, services, source, resource, permit)
        if not isinstance(taken, _Taken):
            return taken
        with source.budget.lent(permit):
            try:
                _Look(source, taken).go()
            finally:
                taken.holding.give_back(services.database)
    except NoPermit:
        return HeadEnd.CROWDED
    except (LeaseLostError, Stopped):
        return HeadEnd.HELD
    finally:
        permit.release()  # if no lease was taken with it
    return HeadEnd.ENDED


def _take(session: Session, services: Services, source: Source, resource: Resource, permit: Permit) -> _Taken | HeadEnd:
    """The resource's lease, which its full scan needs as well: so what one of them reads, the other has not changed."""
    now, at = services.now(), (source.name, resource.name)
    name = leases.of_scan(*at)
    state = scans.resource_state(session, *at)
    head = HeadState.from_json(state.head)
    is_known = state.read_as == read_as.of(resource, source.base_url) and not state.is_held
    has_parents = all(taking.are_records_known(session, source, each) for each in resource.ancestors)
    if not is_known or not head.may_run(now) or not has_parents:
        slots.drop_heads(session, *at, now=now)
        return HeadEnd.NOT_NOW
    left_behind = leases.left_behind(session, name, now=now, seconds=lease.LEASE_SECONDS)
    fence = leases.acquire(session, name, holder=process_names.own(), now=now, seconds=lease.LEASE_SECONDS)
    if fence is None:
        return HeadEnd.HELD
    if left_behind == fence - 1:
        _note_left_behind(session, *at, head, now)
        leases.release(session, name, fence=fence)
        return HeadEnd.NOT_NOW
    parents = _changed_parents(session, source.name, resource, head, now) if resource.parent else ()
    scope = Scope(
        services,
        source.name,
        resource,
        scans.new_scan_id(now, services.rng),
        fence,
        has_baseline=state.baseline_at is not None,
        last_complete_started_at=state.last_complete_started_at,
        all_read_at=state.all_read_at,
        started_at=now,
        last_head=head.last(now),
    )
    return _Taken(scope, head, state.baseline_at, parents, Holding(source, resource.name, permit, fence=fence))


def _note_left_behind(session: Session, source: str, resource: str, head: HeadState, now: datetime) -> None:
    """Whoever had the lease has ended at work. If that was a head scan, it must not end one process after another."""
    taking.note_crash(session, source, resource)
    failed = head.failed("the process that was at work on the list has ended", now=now)
    head_scans.note(session, source, resource, head=failed.to_json())
    _answer(session, source, resource, failed, now)


def _answer(session: Session, source: str, resource: str, after: HeadState, now: datetime) -> None:
    """Its turns that have come are over; one that failed has another when its rest is over."""
    slots.drop_heads(session, source, resource, now=now)
    if after.rests_until is not None:
        slots.try_head_again(session, source, resource, at=after.rests_until)


def _changed_parents(session: Session, source: str, resource: Resource, head: HeadState, now: datetime) -> Sequence[Id]:
    """The parents that came or changed since the last look, the latest first; those that are gone have no list."""
    since = now - CHANGED_WITHIN
    if head.started_at is not None and head.started_at <= now:
        since = max(since, head.started_at)
    kinds = (Kind.CREATED, Kind.UPDATED, Kind.RESTORED)
    return touched.lately(session, source, resource.ancestors[-1], kinds=kinds, since=since, limit=MOST_PARENTS)


class _Look:
    """One head scan at work."""

    def __init__(self, source: Source, taken: _Taken) -> None:
        self._source, self._taken = source, taken
        self._scope, self._services = taken.scope, taken.scope.services
        self._is_order_known = taken.state.is_order_known(taken.scope.resource)
        self._reader = HeadReader(taken.scope, source, lookup=self._known, is_order_known=self._is_order_known)

    def go(self) -> None:
        state = self._taken.state
        try:
            pages = self._below_parents() if self._scope.parent else self._newest()
            self._end(pages, self._after(pages))
        except NoOrderError as refused:
            # Where an order was only assumed, it is no failure that there is none.
            end = ScanState.FAILED if self._is_order_known else ScanState.COMPLETE
            self._end(None, state.refused(str(refused), now=self._services.now()), end, f"no head scans: {refused}")
        except UpstreamError as error:
            # The source is not blamed for what it was only assumed to be able to.
            if isinstance(error, (Overloaded, StopSource)) or (isinstance(error, TryLater) and self._is_order_known):
                with self._services.database.write() as session:
                    told = source_trouble.of(error)
                    backoff.note_source_failure(session, self._scope.source, **told, now=self._services.now())
            failed = state.failed(str(error), is_sources=isinstance(error, Overloaded), now=self._services.now())
            self._end(None, failed, ScanState.FAILED, str(error))
        except (DatabaseTrouble, LeaseLostError, Stopped):
            raise
        except Exception as surprise:
            # Else its slot would stay, and every wake-up would break at the same place.
            damage = damaged.told(self._scope, surprise)
            problem = damage or f"unexpected {type(surprise).__name__}"
            with suppress(LeaseLostError):  # it was written before that, or another process has taken over
                self._end(None, state.failed(problem, now=self._services.now()), ScanState.FAILED, problem)
            if not damage:
                raise

    def _newest(self) -> HeadPages:
        state = self._taken.state
        way = state.way or heads.first_way(self._source.catalogue, self._scope.resource)
        if way is Way.NONE:  # it is tried again
            way = heads.first_way(self._source.catalogue, self._scope.resource)
        if way is Way.NONE:
            raise NoOrderError("the catalogue names nothing by which its newest rows could be found")
        return self._reader.read(way, total=state.total)

    def _below_parents(self) -> HeadPages:
        found = HeadPages(Way.NONE)
        for parent in self._taken.parents:
            try:
                pages = self._reader.below(child_parent_key(parent.parent_key, parent.key))
            except GiveUp:  # a list that is not there, or may not be read: the full scan judges that
                continue
            found.batches += pages.batches
            found.requests += pages.requests
            found.row_count += pages.row_count
        return found

    def _known(self, ids: list[Id]) -> dict[Id, Known]:
        with self._services.database.read() as session:
            return mirror.known(session, self._scope.resource, self._scope.source, ids)

    def _after(self, pages: HeadPages) -> HeadState:
        """What the next head scan may build upon."""
        resource, state = self._scope.resource, self._taken.state
        seconds = (self._services.now() - _started(self._scope)).total_seconds()
        newest = None
        if pages.way is Way.NEWEST and pages.is_proof and heads.is_by_creation(resource):
            stamps = (heads.created_at(resource, row) for row in pages.rows)
            newest = max((each for each in (state.newest, *stamps) if each is not None), default=None)
        return replace(
            state.ended(max(0.0, seconds)),
            way=pages.way if resource.parent is None and pages.is_order_seen else None,
            why="",
            tried_at=state.tried_at or self._scope.started_at,
            started_at=self._scope.started_at,
            before_at=state.started_at,
            newest=newest,
            total=pages.total,
        )

    def _end(
        self, pages: HeadPages | None, state: HeadState, end: ScanState = ScanState.COMPLETE, reason: str = ""
    ) -> None:
        """Everything in one transaction. LeaseLostError: another process has taken over, and nothing was written."""
        scope, services = self._scope, self._services
        at, now = (scope.source, scope.resource.name), services.now()
        batch = pages.batch() if pages else Batch(())
        needs_full = pages is not None and pages.is_cut_off and scope.resource.parent is None
        with services.database.write() as session:
            if not self._taken.holding.free(session):
                raise LeaseLostError
            applied = self._write(session, batch, now)
            follow_up.follow(session, scope, applied.kinds, now=now)
            if pages is not None:
                backoff.note_answered(session, scope.source)
            ended = self._row(pages, batch, applied, end, reason)
            head_scans.add(session, ended, head=state.to_json(), baseline_at=self._taken.baseline_at)
            _answer(session, *at, state, now)
            if needs_full:
                slots.open_slots(session, [slots.Slot(*at, slots.FULL, now)], now=now)
        self._taken.holding.note_free()
        if applied.owed:
            services.wake("deliver")
        if needs_full:
            services.wake("scan", source=scope.source, resource=scope.resource.name)
        scan_log.tell_head(ended)

    def _write(self, session: Session, batch: Batch, now: datetime) -> Applied:
        """As a page of a full scan is written; nothing where nothing differs."""
        batch = parents.below_living(session, self._scope, batch)
        if not batch.records:
            return Applied()
        written = [(batch, apply.write_rows(session, self._scope, batch, now=now))]
        return apply.tell(session, self._scope, written, now=now)

    def _row(self, pages: HeadPages | None, batch: Batch, applied: Applied, end: ScanState, reason: str) -> scans.Scan:
        scope, kinds, now = self._scope, Counter(applied.kinds), self._services.now()
        if pages is not None and pages.is_cut_off:
            reason = f"{pages.requests} pages held new records: the full scan is brought forward"
        return scans.Scan(
            id=scope.scan_id,
            source=scope.source,
            resource=scope.resource.name,
            kind=slots.HEAD,
            state=end,
            reason=reason or None,
            started_at=_started(scope),
            ended_at=now,
            pages=pages.requests if pages else 0,
            requests=self._reader.requests,
            rows=pages.row_count if pages else 0,
            created=kinds[Kind.CREATED],
            updated=kinds[Kind.UPDATED],
            deleted=0,
            restored=kinds[Kind.RESTORED],
            skipped=len(batch.skipped),
            held=0,
            doubles=batch.doubles,
            repaired=batch.repaired,
            unconverted=applied.unconverted,
            total=pages.total if pages else None,
            position=None,
            fence=scope.fence,
            heartbeat_at=now,
        )


def _started(scope: Scope) -> datetime:
    assert scope.started_at is not None  # noqa: S101  # `_take` has set it
    return scope.started_at
