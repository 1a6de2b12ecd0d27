"""The change log as an iterator; called by `Mirror.changes`."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from changes import events, pointers
from changes.records import Id, Kind
from storage import history
from storage.engine import Database

__all__ = ["Change", "Kind", "Wanted", "read"]

#: Rows read at a time, so that the length of the log does not matter.
BATCH = 500
#: How long a follower waits before it looks again.
FOLLOW_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Change:
    """One difference that was found."""

    seq: int  #: ascending over all resources; what a follower remembers
    id: str  #: of its event, the same in every channel
    source: str
    resource: str
    parent_key: str  #: empty where there is no parent
    key: str
    version: int  #: 1, 2, … per record
    kind: Kind
    changed: tuple[str, ...]  #: JSON Pointers of the fields that differ
    previous: Mapping[str, Any]  #: JSON Pointer -> old value
    document: Any  #: the record afterwards; None for deleted, and where it was erased
    observed_after: datetime | None  #: when the old state was last seen; None: never
    observed_at: datetime  #: when the new one was; it changed between the two
    scan_id: str
    digest: str
    is_erased: bool = False  #: document and old values were erased; digests and times are those of then

    @property
    def subject(self) -> str:
        """`products/42`, `product_currencies/42/7`."""
        return events.subject(self.resource, Id(self.parent_key, self.key))

    @property
    def record(self) -> str:
        """The record over all sources: `backoffice/products/42`; an event's `partitionkey`."""
        return f"{self.source}/{self.subject}"

    def was(self, pointer: str) -> Any:
        """The field's value before; None where it was not there, has not changed, or was erased."""
        return self.previous.get(pointer)

    def became(self, pointer: str) -> Any:
        """The field's value afterwards; None where it is not there, or was erased."""
        try:
            return pointers.resolved(self.document, pointer)
        except (LookupError, TypeError, ValueError):
            return None


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which changes; None is all."""

    after: int = 0
    source: str | None = None
    resource: str | None = None
    key: str | None = None
    parent_key: str | None = None
    kinds: Collection[Kind] | None = None
    since: datetime | None = None
    until: datetime | None = None


def read(database: Database, wanted: Wanted, *, follow: bool, closed: threading.Event) -> Iterator[Change]:
    """The changes in the order of their numbers; with `follow` also those to come, until `closed` is set."""
    after = wanted.after
    while not closed.is_set():
        # The session is closed before a change is handed out: whoever takes long over one holds nothing open.
        with database.read() as session:
            rows = history.read(
                session,
                source=wanted.source,
                resource=wanted.resource,
                key=wanted.key,
                parent_key=wanted.parent_key,
                kinds=wanted.kinds,
                since=wanted.since,
                until=wanted.until,
                after_seq=after,
                limit=BATCH,
            )
        for row in rows:
            change = _change(row)
            after = change.seq
            yield change
        if not rows:
            if not follow:
                return
            closed.wait(FOLLOW_SECONDS)


def _change(row: history.Entry) -> Change:
    return Change(
        seq=row.seq,
        id=row.id,
        source=row.source,
        resource=row.resource,
        parent_key=row.parent_key,
        key=row.key,
        version=row.version,
        kind=Kind(row.kind),
        changed=tuple(row.changed),
        previous=row.previous,
        document=row.document,
        observed_after=row.observed_after,
        observed_at=row.observed_at,
        scan_id=row.scan_id,
        digest=row.digest,
        is_erased=row.salt is None,
    )
