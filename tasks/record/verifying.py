"""Verifies the whole record by itself, once in `record.verify`: a thread beside everything else, of one process.

Begun by housekeeping. It works half of the time, so that what shares its process goes on, and it ends with the look
that it is at when the process is to stop. What it finds is logged, written down and shown; nothing is mended.
"""

from __future__ import annotations

import threading
from datetime import datetime, timedelta

from changes import clocks
from storage import leases, seals, verifications
from storage.errors import StorageError
from storage.verifications import How, Verification
from tasks import process_names
from tasks.log_lines import Logger
from tasks.record.checks import whole
from tasks.record.checks.looks import Looks, StoppedError
from tasks.record.checks.outcome import Outcome
from tasks.record.checks.whole import Record, Wanted
from tasks.services import Services

log = Logger("mirrorpoint.record")

#: Renewed while it goes on; after trouble nobody tries again before this is over.
LEASE_SECONDS = 300
RENEW_AFTER_SECONDS = 60
#: After each look it rests as long as that took, but no longer than this.
MOST_REST_SECONDS = 0.5
LEASE = "record/verify"


def begin_if_due(services: Services) -> threading.Thread | None:
    """Begin it where `record.verify` has passed since the last whole look, or else since the first checkpoint."""
    every, now = services.record.verify_every, services.now()
    if every is None or services.stopping.is_set():
        return None
    with services.database.read() as session:
        last = verifications.last_ended_at(session) or seals.first_sealed_at(session)
        if last is None or now - every < last <= clocks.latest(now):
            return None
        if leases.holder(session, LEASE, now=now) is not None:
            return None
    with services.database.write() as session:
        fence = leases.acquire(session, LEASE, holder=process_names.own(), now=now, seconds=LEASE_SECONDS)
    if fence is None:
        return None
    thread = threading.Thread(target=_go_through, args=(services, fence), name="verify", daemon=True)
    thread.start()
    return thread


def is_unaltered(services: Services) -> bool:
    """Look at the whole record now, and write down what came of it; False as well where the process is to stop."""
    try:
        return _verify(services, _Lease(services, None)).is_ok
    except StoppedError:
        return False


def row_of(outcome: Outcome, *, how: How, began: datetime, ended: datetime) -> Verification:
    """What is kept of it."""
    told = outcome.told()
    return Verification(
        started_at=began,
        ended_at=ended,
        how=how,
        is_ok=outcome.is_ok,
        changes=outcome.changes,
        checks=told["checks"],
        first_bad=told["first_bad"],
    )


class _Lease:
    """Rests and renews the lease between two looks, if there is one; StoppedError where another process has it."""

    def __init__(self, services: Services, fence: int | None) -> None:
        self._services, self._fence = services, fence
        self._renewed_at = services.now()

    def rest(self, seconds: float) -> None:
        """Called after each look, with the time that it took."""
        services, now = self._services, self._services.now()
        services.stopping.wait(min(seconds, MOST_REST_SECONDS))
        if self._fence is not None and now - self._renewed_at > timedelta(seconds=RENEW_AFTER_SECONDS):
            self._renewed_at = now
            with services.database.write() as session:
                if not leases.renew(session, LEASE, fence=self._fence, now=now, seconds=LEASE_SECONDS):
                    raise StoppedError


def _go_through(services: Services, fence: int) -> None:
    """In its own thread. After trouble the lease is kept, so that it is not tried again at once."""
    try:
        try:
            _verify(services, _Lease(services, fence))
        except StoppedError:
            log.info("verification_stopped")
        with services.database.write() as session:
            leases.release(session, LEASE, fence=fence)
    except StorageError as trouble:
        log.warning("verification_broke_off", error=trouble.message, hint=trouble.hint)
    except Exception:  # a thread has nobody else who would tell it
        log.exception("verification_failed")


def _verify(services: Services, lease: _Lease) -> Outcome:
    began = services.now()
    resources = {name: source.catalogue.resources for name, source in services.sources.items()}
    record = Record(resources, services.record.signer, services.record.keep, services.vault.seal)
    with services.database.kept_open() as look:
        looks = Looks(look, stopping=services.stopping, pause=lease.rest)
        outcome = whole.verify(looks, record, Wanted())
    with services.database.write() as session:
        found = row_of(outcome, how=How.BY_ITSELF, began=began, ended=services.now())
        verifications.add(session, found)
    _tell(outcome, seconds=(services.now() - began).total_seconds())
    return outcome


def _tell(outcome: Outcome, *, seconds: float) -> None:
    first = outcome.first_bad
    if first is None:
        log.info("record_verified", changes=outcome.changes, seconds=round(seconds, 1))
        return
    problems = len(outcome.problems) + sum(check.more for check in outcome.checks)
    log.error("record_altered", problem=first.what, problems=problems, hint="see `mirrorpoint verify`")
