"""One page, one transaction: what is new in a batch of records becomes mirror rows, changes and owed deliveries.

Called by the scan step for each page, and for records that a walk missed. Commits nothing itself.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from changes import events, routes
from changes.records import Batch, Change, Id, Kind, Known, Record
from storage import change_log, mirror, outbox, points, tally
from storage.session import Session
from tasks.scan import page_diff, put_back, whole_pages
from tasks.scan.observed_after import Earlier
from tasks.scan.page_diff import Findings
from tasks.scan.position import Position
from tasks.scan.scope import Scope
from tasks.services import Services


@dataclass(frozen=True, slots=True)
class Applied:
    """What a batch came to."""

    kinds: tuple[Kind, ...] = ()  #: of the changes, in the order of the log
    unconverted: int = 0  #: values that did not fit their column
    owed: int = 0  #: deliveries
    held: int = 0  #: deletions that wait for a person
    doubles: int = 0  #: rows whose key came again on another page


def write_rows(
    session: Session,
    scope: Scope,
    batch: Batch,
    *,
    now: datetime,
    position: Position | None = None,
    untold: Collection[Id] = (),
) -> Findings:
    """Bring the mirror to what the batch says. All unchanged records together cost one read.

    `position`: of the scan, if it has one. `untold`: records that this transaction has written, and whose changes it
    has not told yet. It takes no lock of storage/locks.py: who reads parents waits for their rows first, and for the
    log afterwards.
    """
    resource, source = scope.resource, scope.source
    ids = [record.id for record in batch.records]
    known = mirror.known(session, resource, source, ids)
    differing = not_as_known(batch.records, known)
    if not differing:
        return Findings()
    with whole_pages.own_writes(session, scope, position):
        if session.dialect == "postgresql":  # a scan of their children may have put rows back since these were read
            known = mirror.known(session, resource, source, [record.id for record in differing])
            differing = not_as_known(differing, known)
        told = [each for each in differing if each.id not in untold]
        wrong = put_back.before_telling(session, scope, position, told, known)
        if wrong:
            known = mirror.known(session, resource, source, [record.id for record in differing])
            differing = not_as_known(differing, known)
        stored = mirror.stored(session, resource, source, [each.id for each in differing if each.id in known])
        earlier = Earlier.read(session, scope, differing, known)
        columns_of = mirror.columns_of(resource, session.dialect)
        found = page_diff.find(
            scope, differing, columns_of=columns_of, now=now, known=known, stored=stored, earlier=earlier
        )
        found.put_back = wrong
        mirror.add(session, resource, source, found.added)
        mirror.put(session, resource, source, found.written)
        mirror.refresh(session, resource, source, found.refreshed)
    return found


def tell(session: Session, scope: Scope, written: Sequence[tuple[Batch, Findings]], *, now: datetime) -> Applied:
    """Once their rows are written: the changes of these batches, what is owed, and the records that are points."""
    kinds, wrong, unconverted, owed = list[Kind](), list[Id](), 0, 0
    for batch, found in written:
        if scope.are_points_anew:
            change_log.lock(session)  # points touch the outbox, whose lock comes after the log's
            _apply_points(session, scope, batch.records, now=now)
        canonical = {record.id: record.canonical for record in found.differing}
        owed += log_changes(session, scope.services, found.changes, canonical=canonical, now=now)
        if found.differing and scope.resource.points and not scope.are_points_anew:
            _apply_points(session, scope, found.differing, now=now)
        kinds += (change.kind for change in found.changes)
        unconverted += found.unconverted
        wrong += found.put_back
    put_back.note(session, scope, scope.resource, wrong, now=now)
    return Applied(tuple(kinds), unconverted, owed)


def log_changes(
    session: Session,
    services: Services,
    changes: Sequence[Change],
    *,
    now: datetime,
    canonical: Mapping[Id, bytes] | None = None,
) -> int:
    """Append to the change log, count and write the deliveries that are owed; returns how many they are."""
    if not changes:
        return 0
    seqs = change_log.append(session, changes, canonical=canonical)
    receivers, pulling = points.receiving(session) if services.routes else ({}, frozenset())
    owed = [
        outbox.Owed(seq, code, events.partition_key(source=change.source, resource=change.resource, id=change.id))
        for seq, change in zip(seqs, changes, strict=True)
        for code in routes.owed_to(services.routes, change, receivers, without=pulling)
    ]
    outbox.owe(session, owed, now=now)
    tally.add(session, tally.of_changes(changes), now=now)
    return len(owed)


def _apply_points(session: Session, scope: Scope, records: Sequence[Record], *, now: datetime) -> None:
    seen = [(record.id, record.point) for record in records if record.point]
    encrypt = scope.services.vault.encrypt
    points.apply_mirrored(session, scope.source, seen=seen, deleted=(), encrypt=encrypt, now=now)


def not_as_known(records: Sequence[Record], known: Mapping[Id, Known]) -> list[Record]:
    """Those that the mirror does not have, or not as they are here."""
    living = {id_: one.fingerprint for id_, one in known.items() if one.deleted_at is None}
    return [record for record in records if living.get(record.id) != record.fingerprint]
