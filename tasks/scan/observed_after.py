"""The earlier of the two looks between which a change happened (docs/events.md): when was the old state last seen?

Used where changes of records are found, and where their deletions are told.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from changes.records import Id, Json, Known, Record, Stored
from changes.resources import parent_id
from storage import arrivals, suspects
from storage.arrivals import Arrival
from storage.session import Session
from tasks.scan.scope import Scope


@dataclass(frozen=True, slots=True)
class Earlier:
    """What is known of earlier looks at some records that differ from the mirror."""

    scope: Scope
    seen: Mapping[Id, datetime | None] = field(default_factory=dict)  #: of those under suspicion: when they were last
    parents: Mapping[Id, Arrival] = field(default_factory=dict)  #: of those that have come: when their parents came

    @classmethod
    def read(cls, session: Session, scope: Scope, records: Sequence[Record], known: Mapping[Id, Known]) -> Earlier:
        """`known`: those of the records that the mirror has."""
        stored = [each.id for each in records if each.id in known]
        seen = suspects.last_seen(session, scope.source, scope.resource.name, stored)
        if scope.parent is None or not scope.has_baseline:
            return cls(scope, seen)
        came = {parent_id(each.id) for each in records if each.id not in known or known[each.id].deleted_at is not None}
        return cls(scope, seen, arrivals.of_ids(session, scope.source, scope.parent.name, came) if came else {})

    def without(self, id_: Id, document: Json) -> datetime | None:
        """The last moment at which a record that is new is known not to have been there."""
        last, head = self._last_scan_without(id_), self.scope.last_head
        if not self.scope.has_baseline or last is None:
            return None
        return max(last, head.started_at) if head and head.did_not_have(self.scope.resource, document) else last

    def of(self, before: Stored) -> datetime | None:
        """The last moment at which the old state is known to have been there."""
        if before.deleted_at is None:
            return last_seen(before, self.seen, all_read_at=self.scope.all_read_at)
        last = self._last_scan_without(before.id)
        return max(before.deleted_at, last) if last else before.deleted_at

    def _last_scan_without(self, id_: Id) -> datetime | None:
        """The start of the last complete scan that did not have the record.

        One that did not know its parent yet has not asked for it: it was not there before its parent was.
        """
        last = self.scope.last_complete_started_at
        parent = self.parents.get(parent_id(id_)) if self.parents else None
        return last if last is None or parent is None or parent.at <= last else parent.after


def last_seen(before: Stored, seen: Mapping[Id, datetime | None], *, all_read_at: datetime | None) -> datetime | None:
    """When a record that exists was seen last; `seen`: see `Earlier`, `all_read_at`: see `Scope`."""
    last = seen.get(before.id, all_read_at)
    return max(before.changed_at, last) if last else before.changed_at
