"""Walks through a resource's lists and says what each request brought; called by the scan step.

A flat resource is one list. A nested one has a list for each living parent in the mirror, walked in key order. Nothing
is written here: the caller commits the moved position together with the records that a `Read` brought.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from changes import normalise
from changes.raw_rows import Slices
from changes.records import Batch, Id
from changes.resources import Shape, child_parent_key
from storage import mirror
from tasks.scan import judgement, refused
from tasks.scan.came import Came
from tasks.scan.learned import Learned
from tasks.scan.left_out import LeftOut
from tasks.scan.parents import Parents
from tasks.scan.position import Position
from tasks.scan.prefetch import Ahead, Wanted
from tasks.scan.row_identity import identify
from tasks.scan.scope import Scope
from tasks.scan.unchanged import Recogniser, Taken
from tasks.services import Source
from upstream import paging, styles
from upstream.errors import GiveUp, TryLater, UpstreamError
from upstream.evidence import Outcome
from upstream.paging import OVERLAP, Ask, End, Ending, Step, Walk
from upstream.raw_page import RawPage

#: If a slice begins in the middle of a nested list and no more than this is read, it is read anew: all is at hand then.
READ_ANEW_ROWS = 5_000


@dataclass(frozen=True, slots=True)
class Read:
    """What one request brought."""

    batch: Batch
    is_last: bool  #: every list has been read
    is_page: bool = True  #: False: a parent's list could not be read, or is gone
    total: int | None = None
    recognised: Taken | None = None  #: of a flat list: the page, and what is to be kept of it
    is_turn: bool = False  #: after it the list is begun anew: it must be written before more is read


class Reader:
    """Walks through the lists from where the position stands, and moves it."""

    def __init__(self, source: Source, scope: Scope, position: Position, ahead: Ahead, learned: Learned) -> None:
        self.position = position
        self.learned = learned  #: grows with each list that is read to its end
        self._source = source
        self._scope = scope
        self._resource = scope.resource
        self._ahead = ahead
        self._identify = identify(scope.resource)
        self._recogniser: Recogniser | None = None
        if scope.is_sliced:
            twice = bool(learned.twice)
            self._recogniser = Recogniser(scope, position, identify=self._identify, comes_twice=twice)
        self._page_size = scope.resource.page_size or source.page_size
        self._page_rows = self._page_size  #: rows of a page that is not the last one
        parent = scope.parent
        self._parents = None if parent is None else Parents(scope, parent, position, failing=learned.failing)
        self._left_out = LeftOut(source, scope, position, ahead)
        fitting = self._fitting(position.walk)
        is_other = fitting is not position.walk and position.walk.asks > 0  # its catalogue has changed meanwhile
        if not position.walk.asks:
            position.walk = fitting
        self._came = Came() if position.walk.rows == 0 else None  #: of a nested list: its records; None: not known
        if is_other or (self._parents is not None and 0 < position.walk.rows <= READ_ANEW_ROWS):
            self._begin_walk()

    @property
    def rule(self) -> str:
        """The rule by which rows are recognised; empty if they are not."""
        return self._recogniser.rule if self._recogniser else ""

    def note_written(self) -> None:
        """All that was read is in the database: what comes next is compared with that."""
        if self._recogniser is not None:
            self._recogniser.note_written()

    def take_requests(self) -> int:
        """Requests since the last call that were not for pages."""
        return self._left_out.take_requests()

    def read(self) -> Read | None:
        """The next page's records; None if there is no further list. Raises UpstreamError for a flat list."""
        if self._parents is None:
            return self._read_page("")
        parent = self._next_parent(self._parents)
        if parent is None:
            self._left_out.weigh_denied()
            return None
        try:
            read = self._read_page(child_parent_key(parent.parent_key, parent.key))
        except (GiveUp, TryLater) as error:
            is_going_on = self._left_out.leave_out(parent, error)
            self._parents.leave()
            return Read(Batch(()), is_last=False, is_page=False) if is_going_on else None
        self._left_out.note_read(parent)
        if read.is_last:
            self._parents.leave()
            self.position.read += 1
        return replace(read, is_last=False, total=None)

    def _read_page(self, parent_key: str) -> Read:
        """`is_last`: of this list."""
        asked = styles.ask(self.position.walk, limit=self._page_size)
        try:
            page = self._ahead.page(Wanted(parent_key, asked), self._following(parent_key, asked))
        except UpstreamError as error:
            step = refused.step(self._scope, self.position.walk, asked, error)
            if step is None:
                raise
            return self._taken(parent_key, step, Batch(()))
        if self._recogniser is not None and page.slices is not None:
            return self._recognise(self._recogniser, asked, page, page.slices)
        step = self._step(asked, page)
        rows, places = page.rows[step.fresh :], range(asked.offset + step.fresh + 1, asked.offset + len(page.rows) + 1)
        batch = normalise.read(
            self._resource, rows, parent_key=parent_key, seal=self._scope.services.vault.seal, places=places
        )
        return self._taken(parent_key, step, batch)

    def _recognise(self, recogniser: Recogniser, asked: Ask, page: RawPage, slices: Slices) -> Read:
        with self._scope.services.database.read() as session:
            sheet = recogniser.sheet(session, slices, place=asked.offset)
            step = self._accept(asked, sheet.identities, page)
            taken = recogniser.take(session, sheet, fresh=step.fresh)
        return replace(self._taken("", step, taken.batch), recognised=taken)

    def _step(self, asked: Ask, page: RawPage) -> Step:
        if not self._resource.paged or self._resource.shape is not Shape.LIST:
            size = len(page.rows)
            step = Step(Walk(rows=size, page=size, asks=1, total=page.total), 0, End(Ending.WHOLE))
            return step if self._resource.shape is Shape.OBJECT else styles.ended(self.position.walk, step, page)
        return self._accept(asked, [self._identify(row) for row in page.rows], page)

    def _accept(self, asked: Ask, identities: Sequence[str], page: RawPage) -> Step:
        walk, is_verified = self.position.walk, self._is_verified
        step = styles.accept(walk, asked, identities, next_=page.next, total=page.total, is_verified=is_verified)
        if step.end is None and len(identities) > OVERLAP and asked.offset + len(identities) < (page.total or 0):
            self._page_rows = len(identities)  # a server may cap its pages
        return styles.ended(walk, step, page)

    @property
    def _is_verified(self) -> bool:
        """Whether a short page with a fitting total ends a list; not if records come twice: it counts both places."""
        return self.learned.is_verified and not self.position.before and not self.learned.twice

    def _taken(self, parent_key: str, step: Step, batch: Batch) -> Read:
        """Move the position past what came."""
        position, is_turn = self.position, step.walk.restarts > self.position.walk.restarts
        if is_turn:
            self._begin_walk(step.walk)
        else:
            position.walk = step.walk
            position.keyless += len(batch.skipped) - len(batch.unread)
            batch = judgement.without_early(batch, position, self.learned)
        if self._parents is not None and self._came is not None:
            self._came.add(batch)
        if step.end is None:
            return Read(batch, is_last=False, total=step.walk.total, is_turn=is_turn)
        if self._parents is None:
            position.end = step.end
            return Read(batch, is_last=True, total=step.walk.total)
        is_last = self._weigh_list(parent_key, step.end)
        return Read(batch, is_last, is_turn=not is_last)

    def _weigh_list(self, parent_key: str, end: End) -> bool:
        """Whether the list below a parent needs no further walk."""
        now = judgement.of_nested(self.position, end, self._came)
        is_known = now.is_aligned and self._came is not None and self._has_just(parent_key, self._came)
        verdict, self.learned = judgement.weigh(
            self.position,
            self.learned,
            now,
            end,
            repeated=self._came.repeated() if self._came else {},
            is_known=is_known,
        )
        if verdict.outcome is Outcome.AGAIN:
            self._begin_walk(self.position.again())
            return False
        reason = f"{self._resource.name}/{parent_key}: {verdict.reason}" if verdict.reason else ""
        self.position.note(verdict.outcome, reason)
        return True

    def _has_just(self, parent_key: str, came: Came) -> bool:
        """Whether the mirror has the records that came below this parent, and no others."""
        with self._scope.services.database.read() as session:
            name, most = self._source.name, len(came.ids) + 1
            ids = mirror.live_ids(session, self._resource, name, parent_key=parent_key, limit=most)
        return set(ids) == came.ids.keys()

    def _begin_walk(self, walk: Walk | None = None) -> None:
        """Begin at the start of the list; what is read and not written yet belongs to the batch before."""
        self.position.begin_walk(self._fitting(walk or paging.begin()), first_part=self.position.parts + 2)
        self._came = Came()

    def _fitting(self, walk: Walk) -> Walk:
        """`walk`, or one from the start if the catalogue says now that the list is read in another way."""
        return styles.fitting(walk, self._source.catalogue, self._resource, has_first=self.learned.has_first)

    def _following(self, parent_key: str, asked: Ask) -> Iterator[Wanted]:
        """What is most likely asked for next, as far as the total and the parents at hand tell."""
        if self._resource.paged:
            walk, is_verified = self.position.walk, self._is_verified
            for ask in styles.following(walk, asked, page_rows=self._page_rows, is_verified=is_verified):
                yield Wanted(parent_key, ask)
        first = styles.ask(self._fitting(self.learned.begin()), limit=self._page_size)
        for parent in self._parents.following() if self._parents else ():
            yield Wanted(child_parent_key(parent.parent_key, parent.key), first)

    def _next_parent(self, parents: Parents) -> Id | None:
        """The parent whose list is being read, or the next one; None after the last."""
        parent = parents.next()
        if parent != self.position.parent:  # also if a scan goes on and its parent was deleted meanwhile
            self.position.parent, self._came = parent, Came()
            self.position.begin_list(self._fitting(self.learned.begin()))
        return parent
