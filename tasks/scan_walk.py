"""Reads a resource's lists one request after the other and says what each brought; called by the scan step.

A flat resource is one list. A nested one has a list per living parent of the mirror, walked in key order. Nothing is
written here: what a `Read` moved in the position is committed by the caller together with the records it brought.
"""

from __future__ import annotations

import hashlib
from collections import deque
from dataclasses import dataclass

from changes import fingerprint, normalise
from changes.records import Batch, Id, Json
from changes.resources import Resource, Shape, child_parent_key
from storage import mirror, suspects
from tasks.position import Position
from tasks.scan_repeats import Repeats
from tasks.services import Services, Source
from upstream import paging
from upstream.client import RawPage
from upstream.errors import GiveUp, NotAvailable, TryLater, UpstreamError
from upstream.paging import End, Identify, Proof, Walk

#: Parents whose lists fail one after the other until the rest is left for the next scan.
FAILING_PARENTS = 5
#: Parents read from the mirror at a time.
PARENTS_AT_A_TIME = 200
#: Longer identities are hashed: a position holds some of them and is written with each page.
LONGEST_IDENTITY = 600


@dataclass(frozen=True, slots=True)
class Read:
    """What one request brought."""

    batch: Batch
    is_last: bool  #: every list has been read
    is_page: bool = True  #: False: a parent's list could not be read, or is gone
    total: int | None = None


class Reader:
    """Walks through the lists from where the position stands, and moves it."""

    def __init__(self, services: Services, source: Source, resource: Resource, position: Position) -> None:
        self.position = position
        self.requests = 0
        self._services = services
        self._source = source
        self._resource = resource
        self._identify = identify(resource)
        self._parents: deque[Id] = deque()
        self._is_last_of_parents = False
        self._failing = 0
        self._repeats = Repeats()

    def read(self) -> Read | None:
        """The next page's records; None where there is no further list. Raises UpstreamError for a flat list."""
        if self._resource.parent is None:
            batch, end = self._read_page("")
            return Read(batch, end is not None, total=self.position.walk.total)
        parent = self._next_parent()
        if parent is None:
            return None
        try:
            batch, end = self._read_page(child_parent_key(parent.parent_key, parent.key))
        except (GiveUp, TryLater) as error:
            return self._leave_out(parent, error)
        self._failing = 0
        if end:
            self._leave(parent)
        return Read(batch, is_last=False)

    def _read_page(self, parent_key: str) -> tuple[Batch, End | None]:
        walk, resource = self.position.walk, self._resource
        asked = paging.ask(walk, limit=self._source.page_size)
        page = self._fetch(parent_key, asked)
        if not resource.paged or resource.shape is not Shape.LIST:
            step = paging.Step(Walk(rows=len(page.rows), total=page.total), 0, End(Proof.COMPLETE))
        else:
            step = paging.accept(
                walk,
                asked,
                page.rows,
                identify=self._identify,
                total=page.total,
                is_verified=self.position.is_verified,
            )
        rows, first = page.rows[step.fresh :], asked.offset + step.fresh + 1
        if resource.parent is not None and resource.paged:
            step = self._repeats.weigh(step, [self._identify(row) for row in rows])
        self.position.walk = step.walk
        if step.end:
            reason = f"{resource.name}/{parent_key}: {step.end.reason}" if parent_key else step.end.reason
            self.position.note(step.end.proof, reason if step.end.reason else "")
            if step.end.proof is Proof.COMPLETE and step.walk.total == step.walk.rows > 0:
                self.position.is_verified = True
        seal = self._services.vault.seal
        return normalise.read(resource, rows, parent_key=parent_key, seal=seal, first=first), step.end

    def _fetch(self, parent_key: str, asked: paging.Ask) -> RawPage:
        self.requests += 1
        return self._source.client.fetch_page(
            self._resource, parent_key=parent_key, offset=asked.offset, limit=asked.limit
        )

    def _next_parent(self) -> Id | None:
        """The parent whose list is being read, or the next one; None after the last."""
        if not self._parents and not self._is_last_of_parents:
            with self._services.database.read() as session:
                found = mirror.live_ids(
                    session,
                    self._parent_resource,
                    self._source.name,
                    after=self.position.done_parent,
                    limit=PARENTS_AT_A_TIME,
                )
            self._parents.extend(found)
            self._is_last_of_parents = len(found) < PARENTS_AT_A_TIME
        parent = self._parents[0] if self._parents else None
        if parent != self.position.parent:  # also when a scan goes on and its parent has vanished meanwhile
            self.position.parent, self.position.walk = parent, Walk()
            self._repeats.begin()
        return parent

    @property
    def _parent_resource(self) -> Resource:
        return self._source.catalogue.resources[self._resource.ancestors[-1]]

    def _leave(self, parent: Id) -> None:
        self._parents.popleft()
        self.position.done_parent = parent

    def _leave_out(self, parent: Id, error: UpstreamError) -> Read | None:
        """Go on with the next parent. One that is gone itself is no failure: its own scan will find that out."""
        parent_key = child_parent_key(parent.parent_key, parent.key)
        if isinstance(error, NotAvailable) and self._is_gone(parent):
            self.position.gone.append(parent_key)
            self._failing = 0
        else:
            self.position.unread += 1
            self.position.has_trouble |= isinstance(error, TryLater)
            self.position.note(Proof.PARTIAL, str(error))
            self._failing += 1
        self._leave(parent)
        if self._failing >= FAILING_PARENTS:
            return None
        return Read(Batch(()), is_last=False, is_page=False)

    def _is_gone(self, parent: Id) -> bool:
        resource = self._parent_resource
        if resource.item_path is None:  # nobody to ask, but its own list may have missed it before
            with self._services.database.read() as session:
                return parent in suspects.last_seen(session, self._source.name, resource.name, [parent])
        self.requests += 1
        try:
            return self._source.client.fetch_record(resource, parent) is None
        except (GiveUp, TryLater):
            return False


def identify(resource: Resource) -> Identify:
    """What tells two rows of a list apart before they are normalised: the key's member, else the whole row."""
    members = tuple(name for name in resource.key if name not in ("$", "#"))

    def of_row(row: Json) -> str:
        if isinstance(row, str):
            return _short(row)
        if isinstance(row, dict):
            for member in members:
                value = row.get(member)
                if isinstance(value, (str, int, float)):
                    return _short(f"{member}={value}")
        return _hash(row)

    return of_row


def _short(text: str) -> str:
    """What goes to the position and comes back from the database as it was."""
    return fingerprint.repaired(text) if len(text) <= LONGEST_IDENTITY else _hash(text)


def _hash(row: Json) -> str:
    try:
        form = fingerprint.canonical(row)
    except ValueError:
        form = _rough(row)
    return hashlib.blake2b(form, digest_size=16).hexdigest()


def _rough(row: Json) -> bytes:
    """The same for the same row, also where that has no canonical form: numbers beyond all bounds, nested too deep.

    What is deeper than a document may be is left out: how much of it could be read depends on the rows beside it.
    """
    parts: list[str] = []
    rest = [(row, 1)]
    while rest:
        value, level = rest.pop()
        if level > fingerprint.DEEPEST_DOCUMENT:
            continue
        if isinstance(value, dict):
            parts.append(f"{{{len(value)}")
            for name in sorted(value):
                rest += ((value[name], level + 1), (name, level))
        elif isinstance(value, list):
            parts.append(f"[{len(value)}")
            rest += ((element, level + 1) for element in value)
        else:
            parts.append(value.reason if isinstance(value, fingerprint.Unholdable) else repr(value))
    return "\0".join(parts).encode("utf-8", "surrogatepass")
