"""Compares records with what the mirror holds of them: gives changes, and rows to be written. Asks no database.

Called by apply.py, which writes what is found.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from changes import diff, normalise
from changes.records import Change, Id, Known, Record, Stored
from storage.mirror import MirrorRow
from tasks.scan.observed_after import Earlier
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
    earlier: Earlier,
) -> Findings:
    """`records` are all new or different. `stored` has the mirror's side of all that differ."""
    found, is_first, scan_id = Findings(records), not scope.has_baseline, scope.scan_id
    first = diff.firsts(scope.resource, scope.source, is_first=is_first, observed_at=now, scan_id=scan_id)
    for record in records:
        document, own = normalise.document_of(record), (record.id, record.canonical, record.fingerprint)
        columns, lost = columns_of(document)
        found.unconverted += len(lost)
        if record.id not in known:
            found.changes.append(first(record.id, document, earlier.without(record.id, document)))
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
            observed_after=earlier.of(before),
            observed_at=now,
            scan_id=scan_id,
        )
        if change:
            found.changes.append(change)
            found.written.append(MirrorRow(*own, change.version, columns, before.first_seen_at, now))
        else:
            found.refreshed.append(MirrorRow(*own, before.version, columns, before.first_seen_at, before.changed_at))
    return found
