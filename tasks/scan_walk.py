"""Walks through a resource's lists and says what each request brought; called by the scan step.

A flat resource is one list. A nested one has a list per living parent of the mirror, walked in key order. Nothing is
written here: what a `Read` moved in the position is committed by the caller together with the records it brought.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from changes import normalise
from changes.records import Batch, Id, Json
from changes.resources import Resource, Shape, child_parent_key
from changes.slices import Slices
from storage import mirror, remembered, suspects
from tasks.position import Position
from tasks.row_identity import identify
from tasks.scan_ahead import Ahead, Wanted
from tasks.scan_repeats import Repeats
from tasks.scan_rows import Recogniser
from tasks.scan_scope import Scope
from tasks.services import Services, Source
from upstream import paging
from upstream.errors import GiveUp, NotAvailable, TryLater, UpstreamError
from upstream.paging import OVERLAP, End, Identify, Proof, Walk

#: Parents whose lists fail one after the other until the rest is left for the next scan.
FAILING_PARENTS = 5
#: Parents read from the mirror at a time.
PARENTS_AT_A_TIME = 200


@dataclass(frozen=True, slots=True)
class Read:
    """What one request brought."""

    batch: Batch
    is_last: bool  #: every list has been read
    is_page: bool = True  #: False: a parent's list could not be read, or is gone
    total: int | None = None
    remembered: remembered.Page | None = None  #: to be kept with what the batch brings


class Reader:
    """Walks through the lists from where the position stands, and moves it."""

    def __init__(self, services: Services, source: Source, scope: Scope, position: Position, ahead: Ahead) -> None:
        self.position = position
        self._requests = 0
        self._services = services
        self._source = source
        self._resource = scope.resource
        self._ahead = ahead
        self._identify = identify(scope.resource)
        self._recogniser: Recogniser | None = None
        if is_sliced(scope.resource):
            seal, is_first = services.vault.seal, not scope.has_baseline
            self._recogniser = Recogniser(
                source.name, scope.resource, identify=self._identify, seal=seal, is_first=is_first
            )
        self._page_size = scope.resource.page_size or source.page_size
        self._page_rows = self._page_size  #: as many as a page brings that is not the last one
        self._parents: deque[Id] = deque()
        self._is_last_of_parents = False
        self._failing = 0
        self._repeats = Repeats()

    @property
    def rule(self) -> str:
        """By which rows are recognised; empty where they are not."""
        return self._recogniser.rule if self._recogniser else ""

    def note_written(self) -> None:
        """All that was read is in the database: what comes next is compared with that."""
        if self._recogniser is not None:
            self._recogniser.note_written()

    def take_requests(self) -> int:
        """Requests sent since the last call beside those for pages."""
        made, self._requests = self._requests, 0
        return made

    def read(self) -> Read | None:
        """The next page's records; None where there is no further list. Raises UpstreamError for a flat list."""
        if self._resource.parent is None:
            return self._read_page("")
        parent = self._next_parent()
        if parent is None:
            return None
        try:
            read = self._read_page(child_parent_key(parent.parent_key, parent.key))
        except (GiveUp, TryLater) as error:
            return self._leave_out(parent, error)
        self._failing = 0
        if read.is_last:
            self._leave(parent)
        return replace(read, is_last=False, total=None)

    def _read_page(self, parent_key: str) -> Read:
        """`is_last`: of this list."""
        asked = paging.ask(self.position.walk, limit=self._page_size)
        page = self._ahead.page(Wanted(parent_key, asked), self._following(parent_key, asked))
        if self._recogniser is not None and page.slices is not None:
            return self._recognise(self._recogniser, asked, page.slices)
        step = self._step(asked, page.rows, page.total, self._identify)
        self._move(parent_key, step)
        rows, places = page.rows[step.fresh :], range(asked.offset + step.fresh + 1, asked.offset + len(page.rows) + 1)
        batch = normalise.read(
            self._resource, rows, parent_key=parent_key, seal=self._services.vault.seal, places=places
        )
        return Read(batch, step.end is not None, total=step.walk.total)

    def _recognise(self, recogniser: Recogniser, asked: paging.Ask, slices: Slices) -> Read:
        with self._services.database.read() as session:
            sheet = recogniser.sheet(session, slices, place=asked.offset)
            step = self._step(asked, sheet.identities, slices.total, _itself)
            batch, kept = recogniser.take(session, sheet, fresh=step.fresh)
        self._move("", step)
        return Read(batch, step.end is not None, total=step.walk.total, remembered=kept)

    def _step(self, asked: paging.Ask, rows: Sequence[Json], total: int | None, identify: Identify) -> paging.Step:
        """`rows` as they came, or whatever `identify` tells them apart by."""
        resource, position = self._resource, self.position
        if not resource.paged or resource.shape is not Shape.LIST:
            return paging.Step(Walk(rows=len(rows), total=total), 0, End(Proof.COMPLETE))
        step = paging.accept(
            position.walk, asked, rows, identify=identify, total=total, is_verified=position.is_verified
        )
        if resource.parent is not None:
            step = self._repeats.weigh(step, [identify(row) for row in rows[step.fresh :]])
        if step.end is None and len(rows) > OVERLAP and asked.offset + len(rows) < (total or 0):
            self._page_rows = len(rows)  # a server may cap its pages
        return step

    def _move(self, parent_key: str, step: paging.Step) -> None:
        self.position.walk = step.walk
        if step.end:
            reason = f"{self._resource.name}/{parent_key}: {step.end.reason}" if parent_key else step.end.reason
            self.position.note(step.end.proof, reason if step.end.reason else "")
            if step.end.proof is Proof.COMPLETE and step.walk.total == step.walk.rows > 0:
                self.position.is_verified = True

    def _following(self, parent_key: str, asked: paging.Ask) -> Iterator[Wanted]:
        """What is most likely asked for next, as far as it follows from the total and from the parents at hand."""
        if self._resource.paged:
            walk, is_verified = self.position.walk, self.position.is_verified
            for ask in paging.following(walk, asked, page_rows=self._page_rows, is_verified=is_verified):
                yield Wanted(parent_key, ask)
        first = paging.ask(Walk(), limit=self._page_size)
        yield from (
            Wanted(child_parent_key(parent.parent_key, parent.key), first) for parent in islice(self._parents, 1, None)
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
        if resource.item_path is None:  # its own list may have missed it before, else it is asked
            with self._services.database.read() as session:
                if parent in suspects.last_seen(session, self._source.name, resource.name, [parent]):
                    return True
        self._requests += 1
        try:
            if resource.item_path is None:
                return self._ahead.run(lambda: self._is_unlisted(resource, parent))
            return self._ahead.run(lambda: self._source.client.fetch_record(resource, parent)) is None
        except (GiveUp, TryLater):
            return False

    def _is_unlisted(self, resource: Resource, parent: Id) -> bool:
        """Whether a list of one page has others, and not this one."""
        limit = resource.page_size or self._source.page_size
        page = self._source.client.fetch_page(resource, parent_key=parent.parent_key, limit=limit)
        is_whole = 0 < len(page.rows) < limit and (page.total is None or page.total <= len(page.rows))
        seal = self._services.vault.seal
        found = normalise.read(resource, page.rows, parent_key=parent.parent_key, seal=seal)
        return is_whole and not found.skipped and all(record.id != parent for record in found.records)


def is_sliced(resource: Resource) -> bool:
    """Whether its rows are recognised by their bytes: those of a flat list of which nothing else is wanted."""
    return resource.parent is None and resource.shape is Shape.LIST and resource.points is None


def _itself(identity: str) -> str:
    return identity
