"""Compares records with what the mirror holds of them: gives changes, and rows to be written. Asks no database.

Called by apply.py, which writes what is found.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from changes import diff, normalise
from changes.records import Change, Id, Json, Known, Record, Stored
from storage.mirror import MirrorRow
from tasks.scan.scope import Scope


@dataclass(slots=True)
class Findings:
    """To be written in one transaction."""

    differing: Sequence[Record] = ()  #: all that are new, or not as the mirror has them
    changes: list[Change] = field(default_factory=list)
    added: list[MirrorRow] = field(default_factory=list)  #: records that the mirror has never had
    written: list[MirrorRow] = field(default_factory=list)  #: those that have changed
    refreshed: list[MirrorRow] = field(default_factory=list)  #: those that are stored anew, and mean the same
    unconverted: int = 0  #: values that did not fit their column


def find(
    scope: Scope,
    records: Sequence[Record],
    *,
    columns_of: normalise.Converter,
    now: datetime,
    known: Mapping[Id, Known],
    stored: Mapping[Id, Stored],
    seen_before: Mapping[Id, datetime | None],
) -> Findings:
    """`records` are all new or different. `stored` has the mirror's side of all that differ."""
    found = Findings(records)
    for record in records:
        before, document = stored.get(record.id), normalise.document_of(record)
        change = diff.compare(
            scope.resource,
            source=scope.source,
            known=known.get(record.id),
            stored=before,
            record=record,
            document=document,
            is_first=not scope.has_baseline,
            observed_after=observed_after(scope, before, seen_before, document=document),
            observed_at=now,
            scan_id=scope.scan_id,
        )
        columns, lost = columns_of(document)
        found.unconverted += len(lost)
        row = MirrorRow(
            id=record.id,
            canonical=record.canonical,
            fingerprint=record.fingerprint,
            version=change.version if change else before.version if before else 1,
            columns=columns,
            first_seen_at=before.first_seen_at if before else now,
            changed_at=now if change or not before else before.changed_at,
        )
        if change:
            found.changes.append(change)
            (found.written if record.id in known else found.added).append(row)
        else:
            found.refreshed.append(row)
    return found


def observed_after(
    scope: Scope, before: Stored | None, seen_before: Mapping[Id, datetime | None], *, document: Json = None
) -> datetime | None:
    """The last moment at which the old state is known to have been there (docs/events.md)."""
    last = scope.last_complete_started_at
    if before is None:
        head = scope.last_head
        if last and head and head.did_not_have(scope.resource, document):
            last = max(last, head.started_at)
        return last if scope.has_baseline else None
    if before.deleted_at is not None:
        return max(before.deleted_at, last) if last else before.deleted_at
    if before.id in seen_before:  # the last complete scan did not have it: the one before that did
        last = seen_before[before.id]
    return max(before.changed_at, last) if last else before.changed_at
