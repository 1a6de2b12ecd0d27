"""Taking a resource's scan, writing to it as long as it is ours, and giving it back; used by the scan step.

Every transaction of a scan goes through `ScanLease.commit` and is fenced: once another process has taken over, one that
was only slow cannot write any more.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from changes.records import Batch, Kind
from changes.resources import Resource
from storage import backoff, former_rules, leases, mirror, scans, slots, suspects
from storage.session import Session
from storage.states import ScanState
from tasks import process_names
from tasks.scan import follow_up, read_as, source_trouble
from tasks.scan.apply import Applied
from tasks.scan.learned import Learned
from tasks.scan.position import Phase, Position
from tasks.scan.read_as import ReadAs
from tasks.scan.scope import Scope
from tasks.services import Services, Source
from upstream.errors import GiveUp, StopSource, TryLater, UpstreamError

#: A lease that is not renewed for so long may be taken by another process.
LEASE_SECONDS = 60
RENEW_AFTER_SECONDS = 15
#: The first scan of a list of so many rows has changed the sizes of tables so much that PostgreSQL must be told.
MANY_ROWS = 1000

#: What is counted of the rows that come, whatever they are to the mirror.
_OF_A_WALK = ("rows", "skipped", "doubles", "repaired")
#: Changes that tell of a record that was not in the mirror.
_NEWS = frozenset({Kind.SNAPSHOT, Kind.CREATED, Kind.RESTORED})

Write = Callable[[Session, datetime], Applied]


@dataclass(frozen=True, slots=True)
class Progress:
    """Told after each transaction, for a progress bar."""

    rows: int
    pages: int
    total: int | None
    is_confirming: bool = False


class LeaseLostError(Exception):
    """Another process has taken the scan over; nothing of this transaction was written."""


class ParentUnknownError(Exception):
    """The parent has had no complete scan yet, or its records may be others now: its children cannot be walked."""


class ScanLease:
    """One running scan in our hands: what it is about, where it stands, and the only way to write to it."""

    def __init__(
        self, scope: Scope, scan: scans.Scan, learned: Learned, *, crashes: int = 0, read_as: ReadAs | None = None
    ) -> None:
        self.scope = scope
        self.read_as = read_as  #: the settings by which the mirror's records were read
        self.crashes = crashes  #: how often in a row a process has ended at the place where this scan stands
        self.learned = self._kept = learned
        self.position = Position.from_json(scan.position)
        if scan.position is None:
            self.position.walk = learned.begin()
        self.rows, self.pages, self.total = scan.rows - scan.skipped, scan.pages, scan.total
        self.counted = Counter({name: getattr(scan, name) for name in _OF_A_WALK})
        self._is_counted_anew = False
        self._different: int | None = None
        self._renewed_at = time.monotonic()

    def commit(self, write: Write, *, batch: Batch | None = None, pages: int = 0, requests: int = 0) -> Progress:
        """One transaction: what `write` does, and the position behind it. LeaseLostError: nothing was written."""
        batch, services = batch or Batch(()), self.scope.services
        self.position.parts += 1
        now = services.now()
        with services.database.write() as session:
            applied = write(session, now)
            follow_up.follow(session, self.scope, applied.kinds, now=now)
            self.position.news += sum(kind in _NEWS for kind in applied.kinds)
            self._keep_learned(session)
            counters = _counters(applied, batch) | {"pages": pages, "requests": requests}
            if self._is_counted_anew:
                counters |= {name: counters[name] - self.counted[name] for name in _OF_A_WALK}
                self.rows, self._is_counted_anew = 0, False
            if self._different is not None:
                counters["rows"] += self._different + self.counted["skipped"] - self.counted["rows"]
                self._different = None
            position = self.position.to_json()
            if not scans.advance(
                session,
                self.scope.scan_id,
                fence=self.scope.fence,
                position=position,
                counters=counters,
                total=self.total,
                now=now,
            ):
                raise LeaseLostError
            if time.monotonic() - self._renewed_at > RENEW_AFTER_SECONDS:
                leases.renew(session, self._name, fence=self.scope.fence, now=now, seconds=LEASE_SECONDS)
                self._renewed_at = time.monotonic()
        self.rows += len(batch.ids) + len(batch.gone)
        self.counted.update({name: counters[name] for name in _OF_A_WALK})
        self.pages += pages
        if applied.owed:
            services.wake("deliver")
        return Progress(self.rows, self.pages, self.total, is_confirming=self.position.phase is not Phase.WALK)

    def count_anew(self) -> None:
        """The list is read once more from its start, where the same odd rows come again: they are counted once."""
        self._is_counted_anew = True

    def count_different(self, rows: int) -> None:
        """So many different rows came, however often their lists were read."""
        self._different = rows

    def begin_anew(self) -> None:
        """Read from the very start, as if nothing were known: what is known belongs to another list."""
        self.learned = self._kept = Learned()
        self.position = Position(walk=self.learned.begin(), parts=self.position.parts)
        self.position.first_part = self.position.parts + 1
        self.count_anew()

    @property
    def has_only_skipped(self) -> bool:
        """Whether rows came and none of them could be taken: that proves nobody absent."""
        return 0 < self.counted["skipped"] == self.counted["rows"]

    def end(
        self,
        state: ScanState,
        reason: str,
        *,
        error: UpstreamError | None = None,
        is_given_up: bool = False,
        is_for_person: bool = False,
    ) -> None:
        """Close the scan. Its slots are done if it is complete, else they wait until the resource has rested.

        `is_given_up`: it was not even tried, so the count of its crashes stays. `is_for_person`: a person has to
        decide, and nothing was wrong with the source, so it need not rest.
        """
        scope, now = self.scope, self.scope.services.now()
        source, resource = scope.source, scope.resource.name
        with scope.services.database.write() as session:
            self.learned = replace(self.learned, failing=tuple(self.position.failing))
            self._keep_learned(session)
            if state != ScanState.COMPLETE:  # it proves no record absent, but the records that it saw are there
                suspects.clear_seen_suspects(session, source, resource, scan_id=scope.scan_id)
            if not scans.finish(session, scope.scan_id, fence=scope.fence, state=state, reason=reason or None, now=now):
                raise LeaseLostError
            if not is_given_up:
                backoff.forget_crashes(session, source, resource)
            if state == ScanState.COMPLETE and not scope.has_baseline and self.rows >= MANY_ROWS:
                mirror.note_size(session, scope.resource)
            if state == ScanState.COMPLETE:
                backoff.note_success(session, source, resource)
                slots.finish_slots(session, source, resource, scan_id=scope.scan_id, now=now)
                if scope.are_points_anew:
                    kept = read_as.of(scope.resource, scope.services.sources[source].base_url)
                    former_rules.note(session, source, resource, now=kept, at=now)
                    scans.note_read_as(session, source, resource, read_as=kept)
            else:
                is_sources = isinstance(error, (TryLater, StopSource))
                # A list that would not stand still, or whose parent went, costs no more than others: no longer rest.
                is_readable = error is None and state != ScanState.FAILED and not self.position.has_trouble
                is_readable = is_readable or is_for_person
                backoff.note_failure(
                    session,
                    source,
                    resource,
                    is_sources=is_sources,
                    is_until_next_turn=is_readable,
                    is_at_odds=self.position.is_at_odds,
                    has_answered=isinstance(error, GiveUp),
                    **source_trouble.of(error),
                    now=now,
                )

    def _keep_learned(self, session: Session) -> None:
        if self.learned != self._kept:
            scans.note_learned(session, self.scope.source, self.scope.resource.name, learned=self.learned.to_json())
            self._kept = self.learned

    def give_back(self) -> None:
        """Free the lease, for the next slice or the next scan."""
        with self.scope.services.database.write() as session:
            leases.release(session, self._name, fence=self.scope.fence)

    @property
    def _name(self) -> str:
        return leases.of_scan(self.scope.source, self.scope.resource.name)


def take(services: Services, source: Source, resource: Resource) -> ScanLease | None:
    """The resource's running scan, or a new one; None if another process holds it."""
    now = services.now()
    with services.database.write() as session:
        _check_parents(session, source, resource)
        name, crashes = leases.of_scan(source.name, resource.name), 0
        left_behind = leases.left_behind(session, name, now=now, seconds=LEASE_SECONDS)
        holder = process_names.own()
        fence = leases.acquire(session, name, holder=holder, now=now, seconds=LEASE_SECONDS)
        if fence is None:
            return None
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
            scans.take_over(session, scan.id, fence=fence, now=now)
        slots.take_slots(session, source.name, resource.name, scan_id=scan.id, now=now)
        state = scans.resource_state(session, source.name, resource.name)
        kept_by, now_read_as = state.read_as, read_as.of(resource, source.base_url)
        is_anew = kept_by is None or read_as.is_retired(kept_by)
        if kept_by is None or is_anew:
            kept_by = {**now_read_as, "points": None}  # so that all points are looked at anew
        former_rules.note(session, source.name, resource.name, now=kept_by, at=now)
        if is_anew:
            scans.note_read_as(session, source.name, resource.name, read_as=kept_by)
    scope = Scope(
        services,
        source.name,
        resource,
        scan.id,
        fence,
        has_baseline=state.baseline_at is not None,
        last_complete_started_at=state.last_complete_started_at,
        started_at=scan.started_at,
        are_points_anew=resource.points is not None and kept_by.get("points") != now_read_as["points"],
    )
    return ScanLease(scope, scan, Learned.from_json(state.learned), crashes=crashes, read_as=kept_by)


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


def _counters(applied: Applied, batch: Batch) -> dict[str, int]:
    kinds = Counter(applied.kinds)
    return {
        "rows": len(batch.records) + len(batch.unchanged) + len(batch.skipped) + len(batch.gone),
        "created": kinds[Kind.CREATED],
        "updated": kinds[Kind.UPDATED],
        "deleted": kinds[Kind.DELETED],
        "restored": kinds[Kind.RESTORED],
        "skipped": len(batch.skipped),
        "doubles": batch.doubles + applied.doubles,
        "repaired": batch.repaired,
        "unconverted": applied.unconverted,
        "held": applied.held,
    }
