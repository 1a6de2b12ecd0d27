"""What makes lost time good: lost wake-ups, deliveries that are due, tables that were dropped; the record; retention.

A wake-up of its own, sent by the clock every few seconds; doing it twice, or at the same time, does no harm.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence, Set
from datetime import datetime, timedelta

from storage import backoff, leases, mending, outbox, processes, retention, slots, tally
from tasks import dead_holders, wakeups
from tasks.cadence import promises
from tasks.log_lines import Logger
from tasks.mirror_checks import rules
from tasks.record import keeping, sealing, verifying
from tasks.record import retention as record_retention
from tasks.record.log_hashes import LogBrokenError
from tasks.rests import Rests
from tasks.services import Services

log = Logger("mirrorpoint.housekeeping")

#: A slot that is not done and was not woken for this long is woken again, unless somebody is at it.
WAKE_AGAIN_SECONDS = 10
#: The same where its wake-up may stand in the queue, as far as can be seen from how many there are.
QUEUED_AGAIN_SECONDS = 300
#: Done slots are kept this long for people; the clock needs only the latest, and takes the last scan for it.
SLOTS_KEPT = timedelta(days=2)
#: Scans that found nothing, but for the last of each resource: those that were complete, and the others.
EMPTY_SCANS_KEPT, INCOMPLETE_SCANS_KEPT = timedelta(days=7), timedelta(days=30)
#: Attempts of deliveries that have arrived.
ATTEMPTS_KEPT = timedelta(days=30)
#: What is known of processes that ended without saying so.
PROCESSES_KEPT = timedelta(days=1)
#: How long what was found not to be due is left alone, for another such look would find the same.
DUE_REST_SECONDS = 30
SWEEP_REST_SECONDS = VERIFY_REST_SECONDS = 60
TABLES_REST_SECONDS, UNMENDED_REST_SECONDS = 10, 60
_SWEEP_LEASE = "housekeeping/sweep"
_SWEEP_SECONDS = 3600


def housekeep(services: Services, rests: Rests | None = None) -> None:
    """Everything once. `rests` are those of this process, if it is at it every few seconds."""
    rests = Rests() if rests is None else rests
    dead_holders.free(services.database, now=services.now())
    now = services.now()
    if rests.is_over("tables"):
        rests.begin("tables", TABLES_REST_SECONDS if _mend_tables(services) else UNMENDED_REST_SECONDS)
    _wake_scans(services, now)
    if rests.is_over("deliveries") and not _wake_deliveries(services, now):  # the clock looks for them each second
        rests.begin("deliveries", DUE_REST_SECONDS)
    if rests.is_over("promises"):
        rests.begin("promises", promises.judge(services))
    _seal(services, now)
    if rests.is_over("sweep"):
        _forget(services, now)
        rests.begin("sweep", SWEEP_REST_SECONDS)
    every = services.record.verify_every
    if every is not None and rests.is_over("verify"):
        verifying.begin_if_due(services)
        rests.begin("verify", min(VERIFY_REST_SECONDS, every.total_seconds() / 10))
    keeping.begin_if_due(services, verify=lambda: verifying.is_unaltered(services))


def _mend_tables(services: Services) -> bool:
    """Whether all mirrored tables are whole again: else scans of dropped or damaged ones would fail until a start."""
    resources = {name: list(source.catalogue.resources.values()) for name, source in services.sources.items()}
    mended = mending.mend(services.database, resources, stamps=rules.stamps(services.vault.seal))
    for table, records in mended.made.items():
        log.warning("table_made_anew", table=table, records=records)
    for table in mended.completed:
        log.warning("table_completed", table=table)
    for table, reason in mended.left.items():
        log.warning("table_not_mended", table=table, reason=reason)
    return not mended.left


def _wake_scans(services: Services, now: datetime) -> None:
    """Slots whose wake-up was lost or not sent yet, whose worker died, or whose parent was not scanned when they came.

    As many as the queue has room for.
    """
    woken_before = now - timedelta(seconds=WAKE_AGAIN_SECONDS)
    with services.database.read() as session:
        waiting = slots.waiting(session, now=now, woken_before=woken_before)
        if not waiting:
            return
    queued = services.queued(wakeups.SCAN)
    if queued is None:
        return
    with services.database.read() as session:
        if queued:
            certainly = now - timedelta(seconds=QUEUED_AGAIN_SECONDS)
            passed = slots.oldest_queued(session, now=now, queued=queued) or certainly
            queued_before = max(certainly, min(passed, woken_before))
            waiting = slots.waiting(session, now=now, woken_before=woken_before, queued_before=queued_before)
        waiting = backoff.awake(session, waiting, now=now)
        held = leases.held_names(session, leases.OF_SCANS, now=now)
        left_behind = leases.left_behind_names(session, leases.OF_SCANS, now=now)
        lost = [
            (source, resource)
            for source, resource in waiting
            if _is_mirrored(services, source, resource) and leases.of_scan(source, resource) not in held
        ]
        crowd = _crowd(services, slots.handed_back(session, now=now), among=set(lost), held=held)
    lost = [each for each in lost if each not in crowd][: max(0, wakeups.SCANS_AT_A_TIME - queued)]
    if not lost:
        return
    with services.database.write() as session:
        slots.note_woken(session, lost, now=now)
    for source, resource in lost:
        services.wake(wakeups.SCAN, source=source, resource=resource)
    # Most of them only wait in a long queue, or for their parent. Really lost is what a process has left behind.
    dead = sum(leases.of_scan(*each) in left_behind for each in lost)
    (log.info if dead else log.debug)("scans_woken_again", scans=dead, waiting=len(lost) - dead)


def _crowd(
    services: Services, line: Sequence[tuple[str, str]], *, among: Set[tuple[str, str]], held: Set[str]
) -> set[tuple[str, str]]:
    """Those in line for which their source has no room now: whoever makes room wakes them."""
    lines: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for each in line:
        if each in among:
            lines[each[0]].append(each)
    return {each for source, its in lines.items() for each in its[_room(services, source, held) :]}


def _is_mirrored(services: Services, source: str, resource: str) -> bool:
    """Not so where the configuration or the catalogue has lost it since the slot was opened."""
    return source in services.sources and resource in services.sources[source].catalogue.resources


def _room(services: Services, source: str, held: Set[str]) -> int:
    """How many more scans of this source could be under way, as far as can be seen from here."""
    at_work = sum(name.startswith(leases.of_scan(source, "")) for name in held)
    return max(0, services.sources[source].budget.concurrency - at_work)


def _wake_deliveries(services: Services, now: datetime) -> bool:
    """Whether any are due."""
    with services.database.read() as session:
        due_at = outbox.next_due_at(session)
    is_due = due_at is not None and due_at <= now
    if is_due:
        services.wake(wakeups.DELIVER)
    return is_due


def _seal(services: Services, now: datetime) -> None:
    try:
        sealing.seal_all(services.database, services.record.signer, now=now, stopping=services.stopping)
    except LogBrokenError as error:
        log.warning("record_altered", problem=str(error))


def _forget(services: Services, now: datetime) -> None:
    """Once an hour over all processes: a lease that is never given back lets nobody else in before."""
    with services.database.write() as session:
        mine = leases.acquire(session, _SWEEP_LEASE, holder="housekeeping", now=now, seconds=_SWEEP_SECONDS)
        if mine is None:
            return
        slots.forget_slots(session, before=now - SLOTS_KEPT)
        processes.forget_silent(session, before=now - PROCESSES_KEPT)
        tally.forget_hours(session, now=now)
    scan_id: str | None = ""
    while scan_id is not None and not services.stopping.is_set():
        with services.database.write() as session:
            scan_id = retention.forget_scans(
                session,
                before=now - EMPTY_SCANS_KEPT,
                incomplete_before=now - INCOMPLETE_SCANS_KEPT,
                after_id=scan_id,
            )
    attempt_id: int | None = 0
    while attempt_id is not None and not services.stopping.is_set():
        with services.database.write() as session:
            attempt_id = retention.forget_attempts(session, before=now - ATTEMPTS_KEPT, after_id=attempt_id)
    if services.record.retention is not None:
        erased = record_retention.sweep(
            services.database, services.record.retention, now=services.now, stopping=services.stopping
        )
        if erased:
            log.info("content_erased", versions=erased)
