"""Keeps heads outside the database: seals, has the record verified, and takes the newest checkpoints to each place.

Called by housekeeping every few seconds; a lease lets one process do it. A place is due when `keep_every` has passed
since something was kept there and its logs have grown. One that fails keeps no other from theirs, and is tried again
after hours; what was read and what is owed does not wait for it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from changes import clocks
from record import checkpoints, notes
from record.notes import NoteError
from storage import kept, leases, seals
from storage.errors import StorageError
from storage.kept import Standing
from storage.seals import Log, Seal
from storage.session import Session
from tasks import process_names
from tasks.log_lines import Logger
from tasks.record import places, sealing
from tasks.record.log_hashes import LogBrokenError
from tasks.record.places import Head
from tasks.services import Services
from tasks.signing import Signer
from webhooks.exchange import StoppedError

log = Logger("mirrorpoint.record")

#: No place is begun after this; the others have their turn at the next wake-up.
KEEP_SECONDS = 20
#: Who keeps heads has the record verified before, which takes longer than anything else here.
LEASE_SECONDS = 900
_LEASE = "record/keep"
UNSIGNED = "the record is not signed: it has no name or no signing key ([record]); `mirrorpoint init` writes a key"
ALTERED = "the record was altered, so nothing of it is kept: see `mirrorpoint verify`"


@dataclass(frozen=True, slots=True)
class _Due:
    """A place, and how those of its logs stand that have something to be kept."""

    target: str
    standings: dict[Log, Standing]
    sizes: dict[Log, int]  #: of the same logs


def begin_if_due(services: Services, *, verify: Callable[[], bool] | None = None) -> threading.Thread | None:
    """Keep what is due in a thread beside everything else: to verify a long record takes minutes."""
    if not services.record.keep or services.stopping.is_set():
        return None
    now = services.now()
    with services.database.read() as session:
        if not _due(session, services, now=now) or leases.holder(session, _LEASE, now=now) is not None:
            return None
    thread = threading.Thread(target=_go_through, args=(services, verify), name="keep", daemon=True)
    thread.start()
    return thread


def _go_through(services: Services, verify: Callable[[], bool] | None) -> None:
    """In its own thread, which has nobody else who would tell."""
    try:
        keep_due(services, verify=verify)
    except StorageError as trouble:
        log.warning("keeping_broke_off", error=trouble.message, hint=trouble.hint)
    except Exception:
        log.exception("keeping_failed")


def keep_due(services: Services, *, verify: Callable[[], bool] | None = None) -> None:
    """Keep what is due. `verify` says whether the record is as it was; it is asked once before something is kept."""
    if not services.record.keep:
        return
    now = services.now()
    with services.database.read() as session:
        if not _due(session, services, now=now):
            return
    with services.database.write() as session:
        holder = process_names.own()
        fence = leases.acquire(session, _LEASE, holder=holder, now=now, seconds=LEASE_SECONDS)
    if fence is None:
        return
    try:
        _keep(services, verify, fence)
    except StoppedError:
        pass
    finally:
        with services.database.write() as session:
            leases.release(session, _LEASE, fence=fence)


def _keep(services: Services, verify: Callable[[], bool] | None, fence: int) -> None:
    why = _sealed(services)
    if why is None and verify is not None and not verify():
        why = ALTERED
    if services.stopping.is_set():  # what was not looked at to its end says nothing
        return
    now = services.now()
    with services.database.write() as session:
        if not leases.renew(session, _LEASE, fence=fence, now=now, seconds=LEASE_SECONDS):
            return  # it took so long that another is at it
    with services.database.read() as session:
        due = _due(session, services, now=now)
        newest = {of_log: seals.last(session, of_log, signed=True) for of_log in Log}
    ends_at = time.monotonic() + KEEP_SECONDS
    for place in due:
        if services.stopping.is_set() or time.monotonic() > ends_at:
            return
        heads = []
        for of_log, standing in place.standings.items():
            seal, size = newest[of_log], place.sizes[of_log]
            wrong = why or _wrong(services.record.signer, of_log, seal, standing, size=size)
            if wrong is not None:
                places.refuse(services, place.target, of_log, size, why=wrong)
            elif seal is not None and seal.size > standing.size:
                heads.append(Head(of_log, seal, standing))
        if heads:
            places.keep(services, place.target, heads)


def _sealed(services: Services) -> str | None:
    """Seal what is there; why nothing can be kept, or None."""
    if services.record.signer is None:
        return UNSIGNED
    try:
        sealing.seal_all(services.database, services.record.signer, now=services.now(), stopping=services.stopping)
    except LogBrokenError as error:
        return f"{ALTERED} ({error})"
    return None


def _wrong(signer: Signer | None, of_log: Log, seal: Seal | None, standing: Standing, *, size: int) -> str | None:
    """What is seen without looking at any row: a log that is shorter than it was, a checkpoint that was edited."""
    if size < standing.size:
        return f"{kept.MISSING}: {standing.size:,} were kept here, {size:,} are in the log: see `mirrorpoint verify`"
    if seal is None or signer is None:
        return None
    try:
        note = notes.parse(seal.checkpoint or "")
        found = checkpoints.parse(note.text)
    except NoteError:
        return ALTERED
    claimed = {(each.name, each.key_id) for each in note.signatures}
    ours = [key for key in signer.verifiers(of_log) if (key.name, key.key_id) in claimed]
    is_sound = all(key.has_signed(note) for key in ours)  # one that an older key has signed is none of ours
    return None if is_sound and (found.size, found.root.hex()) == (seal.size, seal.root) else ALTERED


def _due(session: Session, services: Services, *, now: datetime) -> Sequence[_Due]:
    """A place at which something is due is given all that is new there, so that its logs are kept together."""
    policy, found = services.record, list[_Due]()
    sizes = {of_log: seals.size(session, of_log) for of_log in Log}
    for target in dict.fromkeys(policy.keep):
        standings = {of_log: kept.standing(session, target, of_log) for of_log in Log}
        new = {
            of_log: standing
            for of_log, standing in standings.items()
            if sizes[of_log] != standing.size and not _rests(standing, now)
        }
        # A log that is shorter than what was kept of it is told at once.
        if any(sizes[log] < of.size or _is_due(of, policy.keep_every, now) for log, of in new.items()):
            found.append(_Due(target, new, {of_log: sizes[of_log] for of_log in new}))
    return found


def _rests(standing: Standing, now: datetime) -> bool:
    again_at, longest = standing.next_try_at, timedelta(seconds=kept.RETRY_MOST_SECONDS)
    return again_at is not None and now < again_at <= clocks.latest(now, longest)


def _is_due(standing: Standing, every: timedelta, now: datetime) -> bool:
    """Where the last look has failed, too: `keep_every` had passed then."""
    kept_at = standing.kept_at
    return kept_at is None or standing.failures > 0 or not now - every < kept_at <= clocks.latest(now)
