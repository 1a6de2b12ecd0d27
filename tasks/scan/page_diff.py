"""Compares records with what the mirror holds of them: gives changes, and rows to be written. Asks no database.

Called by apply.py, which writes what is found.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from changes import diff, normalise
from changes.records import Change, Id, Json, Known, Record, Stored
from changes.resources import parent_id
from storage.arrivals import Arrival
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
    put_back: Sequence[Id] = ()  #: records whose rows were wrong
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
    parents: Mapping[Id, Arrival],
) -> Findings:
    """`records` are all new or different. `stored` has the mirror's side of all that differ.

    `parents`: when those of the nested records came that are new or there again.
    """
    found, is_first, scan_id = Findings(records), not scope.has_baseline, scope.scan_id
    first = diff.firsts(scope.resource, scope.source, is_first=is_first, observed_at=now, scan_id=scan_id)
    for record in records:
        document, own = normalise.document_of(record), (record.id, record.canonical, record.fingerprint)
        columns, lost = columns_of(document)
        found.unconverted += len(lost)
        if record.id not in known:
            found.changes.append(first(record.id, document, _first_observed_after(scope, record.id, document, parents)))
            found.added.append(MirrorRow(*own, 1, columns, now, now))
            continue
        before = stored[record.id]
        change = diff.compare(
            scope.resource,
            source=scope.source,
            known=known[record.id],
            stored=before,
            record=record,
            document=document,
            is_first=is_first,
            observed_after=observed_after(scope, before, seen_before, parents),
            observed_at=now,
            scan_id=scan_id,
        )
        if change:
            found.changes.append(change)
            found.written.append(MirrorRow(*own, change.version, columns, before.first_seen_at, now))
        else:
            found.refreshed.append(MirrorRow(*own, before.version, columns, before.first_seen_at, before.changed_at))
    return found


def _first_observed_after(scope: Scope, id_: Id, document: Json, parents: Mapping[Id, Arrival]) -> datetime | None:
    """The last moment at which a record that is new is known not to have been there."""
    last, head = _last_without(scope, id_, parents), scope.last_head
    if not scope.has_baseline or last is None:
        return None
    return max(last, head.started_at) if head and head.did_not_have(scope.resource, document) else last


def _last_without(scope: Scope, id_: Id, parents: Mapping[Id, Arrival]) -> datetime | None:
    """The start of the last complete scan that did not have the record.

    One that did not know its parent yet has not asked for it: it was not there before its parent was.
    """
    last = scope.last_complete_started_at
    parent = parents.get(parent_id(id_)) if parents else None
    return last if last is None or parent is None or parent.at <= last else parent.after


def observed_after(
    scope: Scope, before: Stored, seen_before: Mapping[Id, datetime | None], parents: Mapping[Id, Arrival]
) -> datetime | None:
    """The last moment at which the old state is known to have been there (docs/events.md)."""
    if before.deleted_at is not None:
        last = _last_without(scope, before.id, parents)
        return max(before.deleted_at, last) if last else before.deleted_at
    return last_seen(before, seen_before, all_read_at=scope.all_read_at)


def last_seen(
    before: Stored, seen_before: Mapping[Id, datetime | None], *, all_read_at: datetime | None
) -> datetime | None:
    """The same of a record that exists; `all_read_at`: see `Scope`."""
    last = seen_before.get(before.id, all_read_at)
    return max(before.changed_at, last) if last else before.changed_at
