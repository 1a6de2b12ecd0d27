"""A slice of a scan: pages until its time is over, then another slice goes on; the last one finishes the scan.

Called for each wake-up (`scan_resource.py`), and by `mirrorpoint sync` in the foreground.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from functools import partial

from storage import generations, row_cache, seen_ids, slots
from storage.errors import DatabaseTrouble
from storage.session import Session
from storage.states import ScanState
from tasks.scan import (
    absence,
    against_log,
    catalogue_changes,
    damaged,
    flagged,
    judgement,
    pacing,
    taking,
    waiting_line,
    whole_pages,
)
from tasks.scan.apply import Applied
from tasks.scan.catalogue_changes import CatalogueChangedError
from tasks.scan.lease import LeaseLostError, Progress, ScanLease, Write
from tasks.scan.pacing import Pace
from tasks.scan.position import Phase
from tasks.scan.prefetch import Ahead, Wanted
from tasks.scan.slice_end import Outcome, SliceEnd
from tasks.scan.taking import ParentUnknownError
from tasks.scan.walk import Reader
from tasks.scan.write import Writing
from tasks.services import Services, Source
from upstream.errors import StopSource, UpstreamError
from upstream.evidence import Outcome as Verdict
from upstream.raw_page import RawPage
from upstream.throttle import NoPermit, Stopped

#: A slice ends at the next page after this, well below a third of the broker's visibility timeout.
SLICE_SECONDS = 20.0
#: A scan whose process has ended so often at the same place is given up: most likely the scan ends the process, and
#: other scans and deliveries would suffer from it again and again.
CRASHES = 3


def scan_slice(
    services: Services,
    source: str,
    resource: str,
    *,
    seconds: float = SLICE_SECONDS,
    waits: bool = True,
    on_progress: Callable[[Progress], None] | None = None,
) -> SliceEnd:
    """Begin or continue the scan of one resource, and work on it for about `seconds`.

    `waits` (a person waits): take a permit as soon as there is one, and try a scan that was given up.
    """
    place = services.sources[source]
    deadline = time.monotonic() + seconds
    permit = place.budget.new_permit()
    try:
        if waits:
            permit.acquire()
        with services.database.write() as session:
            if not waits:
                if slots.is_paused(session, source, resource, now=services.now()):
                    return SliceEnd(Outcome.PAUSED)
                permit.acquire(wait_seconds=0, limits=place.budget.limits.within(session))
            lease = taking.take(session, services, place, place.catalogue.resources[resource], permit)
            if lease is None:
                return SliceEnd(Outcome.HELD)
            pace = pacing.of(session, lease, waits=waits)
        with place.budget.lent(permit):
            try:
                if lease.crashes >= CRASHES and not waits:
                    return _give_up(lease)
                return _Slice(place, lease, deadline, on_progress or (lambda _: None), pace).go()
            finally:
                lease.give_back()
    except NoPermit:
        return SliceEnd(Outcome.CROWDED)
    except ParentUnknownError:
        return SliceEnd(Outcome.WAITING)
    except LeaseLostError:
        return SliceEnd(Outcome.HELD)
    except Stopped:
        return SliceEnd(Outcome.AGAIN)
    finally:
        permit.release()  # if no lease was taken with it


def _give_up(lease: ScanLease) -> SliceEnd:
    reason = f"its process has ended {lease.crashes} times at the same place (killed, or out of memory?)"
    reason += f"; `mirrorpoint sync {lease.scope.resource.name}` tries it at once"
    lease.end(ScanState.FAILED, reason, is_given_up=True)
    return _ended(lease)


def _ended(
    lease: ScanLease, error: UpstreamError | None = None, *, is_baseline: bool = False, is_settled: bool = False
) -> SliceEnd:
    return SliceEnd(Outcome.ENDED, lease.scope.scan_id, error, is_baseline, is_settled, lease.ended)


class _Slice:
    """One slice at work: walk, settle, delete, each from where the position stands."""

    def __init__(
        self,
        source: Source,
        lease: ScanLease,
        deadline: float,
        on_progress: Callable[[Progress], None],
        pace: Pace,
    ) -> None:
        self._source, self._lease = source, lease
        self._scope, self._position = lease.scope, lease.position
        self._deadline = deadline
        self._on_progress = on_progress
        self._pace = pace
        self._is_settled = self._is_weighed = False
        self._heads = waiting_line.WaitingHeads(lease.scope)

    def go(self) -> SliceEnd:
        try:
            if not (self._compare() and self._walk() and self._settle() and self._delete()):
                outcome = Outcome.PAUSED if self._pace.pause() else Outcome.AGAIN
                return SliceEnd(outcome, self._scope.scan_id, is_settled=self._is_settled)
        except CatalogueChangedError as change:
            self._lease.end(ScanState.FAILED, str(change), is_for_person=True)
            return _ended(self._lease)
        except UpstreamError as error:
            is_failed = not self._lease.pages or isinstance(error, StopSource)
            self._lease.end(ScanState.FAILED if is_failed else ScanState.PARTIAL, str(error), error=error)
            return _ended(self._lease, error, is_settled=self._is_settled)
        except (DatabaseTrouble, LeaseLostError, Stopped):
            raise
        except Exception as surprise:
            # If the scan were left running, every slice would break at the same place, and nobody would be told.
            damage = damaged.told(self._scope, surprise)
            hint = f"`mirrorpoint --debug sync {self._scope.resource.name}` shows where"
            reason = damage or f"unexpected {type(surprise).__name__}; {hint}"
            self._lease.end(ScanState.FAILED, reason, is_surprise=True)
            if damage:
                return _ended(self._lease)
            raise
        if self._position.phase is Phase.OVER:  # with its last page, or its evidence
            return _ended(self._lease, is_settled=self._is_settled)
        is_failed = (self._position.unread > 0 and not self._lease.pages) or self._lease.has_only_skipped
        state = ScanState.FAILED if is_failed else ScanState(self._position.outcome)
        self._lease.end(state, self._position.told())
        is_baseline = state == ScanState.COMPLETE and not self._scope.has_baseline
        return _ended(self._lease, is_baseline=is_baseline, is_settled=self._is_settled)

    def _compare(self) -> bool:
        """Have the mirror as the log has it, and as the catalogue is now; False if the slice's time was over first."""
        # In this order: what the catalogue means now is judged by the records that are there.
        if not against_log.compare(self._scope, self._position, self._commit, is_over=self._is_over):
            return False
        self._is_settled = catalogue_changes.settle(self._lease, self._source)
        self._position = self._lease.position
        return True

    def _walk(self) -> bool:
        """Read every list, and again where its evidence does not agree; False if the slice's time was over first."""
        while self._position.phase is Phase.WALK:
            if self._position.end is not None:  # the process that has read it came no further
                self._commit(self._weigh)
            elif not self._read_lists():
                return False
        return True

    def _read_lists(self) -> bool:
        """Read them to the end of the last one, and have that weighed."""
        lease, services, name = self._lease, self._scope.services, self._source.name
        ahead = Ahead(
            self._fetch,
            self._source.budget,
            is_wanted=partial(waiting_line.is_waited_for, services, name),
            on_room=partial(waiting_line.wake_next, services, name),
            is_unhurried=self._pace.is_spread,
        )
        reader = Reader(self._source, self._scope, self._position, ahead, lease.learned)
        writing = Writing(self._lease, reader, ahead, self._on_progress)
        with closing(ahead):
            is_last = False
            while not is_last:
                if self._is_over() or self._pace.is_ahead(self._position):
                    writing.write()
                    return False
                try:
                    read = reader.read()
                except (UpstreamError, Stopped):
                    writing.write()  # what came before is worth keeping
                    raise
                is_last = read is None or read.is_last
                lease.learned = reader.learned
                if read:
                    writing.add(read)
                if writing.is_due and not is_last:
                    writing.write()
        self._is_weighed = False
        writing.write(then=self._weigh)
        if not self._is_weighed:  # what was written had news
            self._commit(self._weigh)
        return True

    def _fetch(self, wanted: Wanted) -> RawPage:
        resource, ask = self._scope.resource, wanted.ask
        return self._source.client.fetch_page(
            resource,
            parent_key=wanted.parent_key,
            offset=ask.offset,
            limit=ask.limit,
            cursor=ask.cursor,
            in_slices=self._scope.is_sliced,
        )

    def _weigh(self, session: Session, _now: datetime) -> Applied:
        """Have the walk judged: then go on to the absent records, walk once more, or end."""
        position, scope, doubles = self._position, self._scope, 0
        self._is_weighed = True
        seen = seen_ids.Seen(session, scope.scan_id, known=whole_pages.known(scope))
        live_rows, strange = generations.live_count(session, scope.resource, scope.source)
        if scope.parent is None:
            first = position.first_part
            walked = seen if first == 1 else seen_ids.Seen(session, scope.scan_id, first_part=first)
            verdict, self._lease.learned, doubles = judgement.weigh_flat(
                scope, position, self._lease.learned, walked, live_rows=live_rows
            )
            if verdict.outcome is Verdict.AGAIN:
                position.begin_walk(position.again(), first_part=position.parts + 1)
                self._lease.count_anew()
                return Applied()
            position.note(verdict.outcome, verdict.reason)
            if position.outcome is Verdict.COMPLETE:
                whole_pages.keep(session, scope, position, walked)
            row_cache.forget(session, scope.source, scope.resource.name, after=position.walk.rows)
        else:
            self._lease.count_different(seen.count)
        if self._lease.has_only_skipped:
            position.note(Verdict.PARTIAL, f"no row could be taken: {position.skipped}")
        position.phase = Phase.CONFIRM
        if position.outcome is Verdict.COMPLETE:
            self._lease.learned = replace(self._lease.learned, reuses_keys=seen.reused > 0)
            is_anybody = absence.find_absent(session, scope, position, seen, live_rows=live_rows, strange=strange)
            if not is_anybody and scope.has_baseline:  # else an own path is still to be proven
                self._lease.learned = replace(self._lease.learned, asked_after=None)
                position.phase = Phase.OVER
        elif scope.resource.deleted and not self._lease.learned.reuses_keys:  # such rows prove it themselves
            flagged.find(session, scope, position, seen, live_rows=live_rows)
        return Applied(doubles=doubles)

    def _settle(self) -> bool:
        """Ask for the suspects; False if the slice's time was over first."""
        is_complete = self._position.outcome is Verdict.COMPLETE
        if self._position.phase is not Phase.CONFIRM or not (is_complete or self._scope.resource.deleted):
            return True
        learned = self._lease.learned
        confirmer = absence.Confirmer(
            self._scope, self._source, self._position, listed_rows=self._lease.rows, start=learned.asked_after
        )
        if is_complete and confirmer.prove_path():
            self._commit(confirmer.note_path, requests=confirmer.take_requests())
        while found := confirmer.next_suspects():
            if self._is_over():
                return False
            self._commit(confirmer.settle(found), requests=confirmer.take_requests())
        is_cut_off = self._position.missed > absence.MISSED_ROWS
        self._lease.learned = replace(learned, asked_after=self._position.asked_after if is_cut_off else None)
        self._position.phase = Phase.DELETE
        if is_complete or confirmer.must_be_held:
            self._commit(confirmer.hold)
        return True

    def _delete(self) -> bool:
        """Delete what is confirmed; False if the slice's time was over first."""
        if self._position.phase is not Phase.DELETE:
            return True
        while ids := absence.confirmed_ids(self._scope):
            if self._is_over():
                return False
            self._commit(absence.deletion_of(self._scope, ids))
        return True

    def _commit(self, write: Write, *, requests: int = 0) -> None:
        self._on_progress(self._lease.commit(write, requests=requests))

    def _is_over(self) -> bool:
        is_late = time.monotonic() >= self._deadline or self._scope.services.stopping.is_set()
        return is_late or self._heads.are_waiting()
