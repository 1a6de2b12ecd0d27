"""Writing to a resource's scan as long as it is ours, and ending it; used by the scan step. `taking.py` begins it.

Every transaction of a scan goes through `ScanLease.commit` and is fenced: once another process has taken over, one that
was only slow cannot write any more.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from changes.records import Batch, Kind
from storage import backoff, former_rules, generations, leases, mirror, scans, slots, suspects
from storage.session import Session
from storage.states import ScanState
from tasks.scan import follow_up, read_as, source_trouble
from tasks.scan.apply import Applied
from tasks.scan.holding import Holding
from tasks.scan.learned import Learned
from tasks.scan.position import Phase, Position
from tasks.scan.read_as import ReadAs
from tasks.scan.scope import Scope
from upstream.errors import GiveUp, StopSource, TryLater, UpstreamError

#: A lease that is not renewed for so long may be taken by another process.
LEASE_SECONDS = 60
RENEW_AFTER_SECONDS = 15
#: The first scan of a list of so many rows has changed the sizes of tables so much that PostgreSQL must be told.
MANY_ROWS = 1000

#: What is counted of the rows that come, whatever they are to the mirror.
_OF_A_WALK = ("rows", "skipped", "doubles", "repaired")
#: Changes that tell of a record that was not in the mirror.
_BEFORE_SUSPECTS = (Phase.COMPARE, Phase.WALK)
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


class ScanLease:
    """One running scan in our hands: what it is about, where it stands, and the only way to write to it."""

    def __init__(
        self,
        scope: Scope,
        scan: scans.Scan,
        learned: Learned,
        holding: Holding,
        *,
        crashes: int = 0,
        read_as: ReadAs | None = None,
    ) -> None:
        self.scope = scope
        self.ended: scans.Scan | None = None  #: its row once it has ended
        self._holding = holding
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

    def commit(
        self, write: Write, *, then: Write | None = None, batch: Batch | None = None, pages: int = 0, requests: int = 0
    ) -> Progress:
        """One transaction: what `write` and `then` do, and the position behind it. LeaseLostError: nothing was written.

        `batch` is what `write` writes. If that has brought changes or written points, `then` is left out: the log or
        the outbox is locked, and others wait for it. If nothing is left to be done, the scan ends in this transaction.
        """
        services = self.scope.services
        self.position.parts += 1
        now = services.now()
        with services.database.write() as session:
            counters, applied = self._counted(session, write, batch or Batch(()), now)
            if then is not None and not applied.kinds and self.scope.resource.points is None:
                counters.update(self._counted(session, then, Batch(()), now)[0])
            counters.update({"pages": pages, "requests": requests})
            if self.position.phase is Phase.OVER:
                self._close(session, ScanState.COMPLETE, self.position.told(), counters=counters, now=now)
            else:
                self._advance(session, counters, now)
        if self.ended is not None:
            self._holding.note_free()
        self.pages += pages
        if applied.owed:
            services.wake("deliver")
        return Progress(self.rows, self.pages, self.total, is_confirming=self.position.phase not in _BEFORE_SUSPECTS)

    def _counted(self, session: Session, write: Write, batch: Batch, now: datetime) -> tuple[Counter[str], Applied]:
        """Do it; also what the scan's counters grow by."""
        applied = write(session, now)
        follow_up.follow(session, self.scope, applied.kinds, now=now)
        self.position.news += sum(kind in _NEWS for kind in applied.kinds)
        counters = _counters(applied, batch)
        if self._is_counted_anew:
            counters.subtract({name: self.counted[name] for name in _OF_A_WALK})
            self.rows, self._is_counted_anew = 0, False
        if self._different is not None:
            counters["rows"] += self._different + self.counted["skipped"] - self.counted["rows"]
            self._different = None
        self.rows += len(batch.ids) + batch.untouched + len(batch.gone)
        self.counted.update({name: counters[name] for name in _OF_A_WALK})
        return counters, applied

    def _advance(self, session: Session, counters: Counter[str], now: datetime) -> None:
        fence, position = self.scope.fence, self.position.to_json()
        if time.monotonic() - self._renewed_at > RENEW_AFTER_SECONDS:
            leases.renew(session, self._holding.name, fence=fence, now=now, seconds=LEASE_SECONDS)
            self._renewed_at = time.monotonic()
        if not scans.advance(
            session,
            self.scope.scan_id,
            fence=fence,
            position=position,
            counters=counters,
            total=self.total,
            now=now,
        ):
            raise LeaseLostError
        self._keep_learned(session)

    def count_anew(self) -> None:
        """The list is read once more from its start, where the same odd rows come again: they are counted once."""
        self._is_counted_anew = True

    def count_different(self, rows: int) -> None:
        """So many different rows came, however often their lists were read."""
        self._different = rows

    def begin_anew(self) -> None:
        """Read from the very start, as if nothing were known: what is known belongs to another list."""
        self.learned = self._kept = Learned()
        position = self.position
        self.position = Position(walk=self.learned.begin(), parts=position.parts, strange=position.strange)
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
        is_surprise: bool = False,
    ) -> None:
        """Close the scan, and give back what it holds.

        `is_given_up`: it was not even tried, so the count of its crashes stays. `is_for_person`: a person has to
        decide, and nothing was wrong with the source, so it need not rest. `is_surprise`: nobody knows why, or
        somebody else has been at the table; the next scan begins with a look at all of its rows.
        """
        scope, now = self.scope, self.scope.services.now()
        source, resource = scope.source, scope.resource.name
        with scope.services.database.write() as session:
            if state != ScanState.COMPLETE:  # it proves no record absent, but the records that it saw are there
                suspects.clear_seen_suspects(session, source, resource, scan_id=scope.scan_id)
            self._close(session, state, reason, counters={}, now=now)
            if is_surprise:
                generations.note_doubtful(session, source, resource)
            if state != ScanState.COMPLETE:
                if not is_given_up:
                    backoff.forget_crashes(session, source, resource)
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
        self._holding.note_free()

    def _close(
        self, session: Session, state: ScanState, reason: str, *, counters: Mapping[str, int], now: datetime
    ) -> None:
        """The scan has ended. Its slots are done if it is complete, else they wait until the resource has rested."""
        scope, source, resource = self.scope, self.scope.source, self.scope.resource.name
        self._holding.free(session)
        self.ended = scans.finish(
            session,
            scope.scan_id,
            fence=scope.fence,
            state=state,
            reason=reason or None,
            counters=counters,
            total=self.total,
            has_all=self._has_seen_all,
            now=now,
        )
        if self.ended is None:
            raise LeaseLostError
        self.learned = replace(self.learned, failing=tuple(self.position.failing))
        if state == ScanState.COMPLETE:
            page_size = scope.resource.page_size or scope.services.sources[source].page_size
            self.learned = self.learned.of_pages(page_size, started_at=scope.started_at)
        self._keep_learned(session)
        if state != ScanState.COMPLETE:
            return
        if not scope.has_baseline and self.rows >= MANY_ROWS:
            mirror.note_size(session, scope.resource)
        backoff.note_answered(session, source)
        slots.finish_slots(session, source, resource, scan_id=scope.scan_id, now=now)
        if scope.are_points_anew:
            kept = read_as.of(scope.resource, scope.services.sources[source].base_url)
            former_rules.note(session, source, resource, now=kept, at=now)
            scans.note_read_as(session, source, resource, read_as=kept)

    @property
    def _has_seen_all(self) -> bool:
        """Whether the scan, where it is complete, has seen each living record in a list, or noted that it was absent.

        It has not seen those below a parent that is gone, nor compared those that only their own paths had.
        """
        position = self.position
        return position.has_seen_all and not position.gone and not position.missed

    def _keep_learned(self, session: Session) -> None:
        if self.learned != self._kept:
            scans.note_learned(session, self.scope.source, self.scope.resource.name, learned=self.learned.to_json())
            self._kept = self.learned

    def give_back(self) -> None:
        """Free the lease and the permit, for the next slice; nothing happens if the scan's end has freed them."""
        self._holding.give_back(self.scope.services.database)


def _counters(applied: Applied, batch: Batch) -> Counter[str]:
    kinds = Counter(applied.kinds)
    numbers = {
        "rows": sum(map(len, (batch.records, batch.unchanged, batch.skipped, batch.gone))) + batch.untouched,
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
    return Counter(numbers)
