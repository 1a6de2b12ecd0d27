"""Marks records deleted whose absence is confirmed, or that are retired; called by those steps, which have decided it.

Commits nothing itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from changes import diff
from changes.records import Change, Id
from changes.resources import Resource, child_parent_key
from storage import generations, mirror, points, scans, suspects
from storage.session import Session
from tasks.scan import put_back
from tasks.scan.apply import Applied, log_changes
from tasks.scan.observed_after import last_seen
from tasks.scan.scope import Scope

#: A record and all below it are deleted in one transaction, however many they are.
ALL = 2**31 - 1


def delete_records(session: Session, scope: Scope, ids: Sequence[Id], *, now: datetime) -> Applied:
    """Mark records deleted whose absence is confirmed, and with them all below them; only the former are counted."""
    changes, wrong = _deletions(session, scope, scope.resource, ids, now=now)
    kinds, were_wrong = tuple(change.kind for change in changes), [(scope.resource, wrong)]
    for descendant in scope.descendants:
        for id_ in ids:
            parent_key = child_parent_key(id_.parent_key, id_.key)
            children = mirror.descendants(session, descendant, scope.source, parent_key=parent_key, limit=ALL)
            further, wrong = _deletions(session, scope, descendant, children, now=now)
            changes += further
            were_wrong.append((descendant, wrong))
    owed = log_changes(session, scope.services, changes, now=now)
    delete_points(session, scope, ids, now=now)
    for resource, some in were_wrong:
        put_back.note(session, scope, resource, some, now=now)
    return Applied(kinds, owed=owed)


def mark(
    session: Session,
    scope: Scope,
    resource: Resource,
    ids: Sequence[Id],
    *,
    seen_before: Mapping[Id, datetime | None],
    scan_id: str,
    now: datetime,
) -> list[Change]:
    """Mark the living ones among the ids deleted in the mirror; the changes that tell so."""
    stored = mirror.stored(session, resource, scope.source, ids)
    all_read_at = scope.all_read_at
    if resource.name != scope.resource.name:
        all_read_at = scans.resource_state(session, scope.source, resource.name).all_read_at
    changes = [
        diff.deletion(
            row,
            source=scope.source,
            resource=resource,
            observed_after=last_seen(row, seen_before, all_read_at=all_read_at),
            observed_at=now,
            scan_id=scan_id,
        )
        for row in (stored[id_] for id_ in ids if id_ in stored)
        if row.deleted_at is None
    ]
    mirror.mark_deleted(session, resource, scope.source, changes)
    return changes


def delete_points(session: Session, scope: Scope, ids: Sequence[Id], *, now: datetime) -> None:
    """Where the records are points, they receive no more."""
    if scope.resource.points:
        encrypt = scope.services.vault.encrypt
        points.apply_mirrored(session, scope.source, seen=(), deleted=ids, encrypt=encrypt, now=now)


def _deletions(
    session: Session, scope: Scope, resource: Resource, ids: Sequence[Id], *, now: datetime
) -> tuple[list[Change], Sequence[Id]]:
    """The changes, and the records whose rows were wrong: they may be deleted already, or never have been."""
    seen_before = suspects.last_seen(session, scope.source, resource.name, ids)
    with generations.own(session, scope.source, resource.name):
        wrong = put_back.of_ids(session, scope, resource, ids)
        changes = mark(session, scope, resource, ids, seen_before=seen_before, scan_id=scope.scan_id, now=now)
    suspects.clear_suspects(session, scope.source, resource.name, ids)
    return changes, wrong
