"""The parents whose lists could not be read: what their errors mean, and when to leave the rest for the next scan.

Used by the walk through the lists of a nested resource.
"""

from __future__ import annotations

from changes import normalise
from changes.records import Id
from changes.resources import Resource, child_parent_key
from storage import log_records, mirror, scans, suspects
from tasks.scan.learned import MOST_KEPT
from tasks.scan.own_path import OwnPath, Told
from tasks.scan.position import Position
from tasks.scan.prefetch import Ahead
from tasks.scan.scope import Scope
from tasks.services import Source
from upstream.errors import GiveUp, NotAvailable, TryLater, UpstreamError
from upstream.evidence import Outcome

#: After so many lists in a row that cannot be read, the scan asks whether the source answers at all.
TROUBLED_PARENTS = 5
#: After so many lists that cannot be read, the rest is left for the next scan, which asks these last.
MOST_TROUBLED = 50
#: Statuses that say "nothing is there".
NOT_THERE = frozenset({404, 410})


class LeftOut:
    """Counts them in the position."""

    def __init__(self, source: Source, scope: Scope, position: Position, ahead: Ahead) -> None:
        self._services = scope.services
        self._source = source
        self._scope = scope
        self._resource = scope.resource
        self._position = position
        self._ahead = ahead
        self._requests = 0
        self._troubled = 0  #: in a row
        self._path: OwnPath | None = None  #: of the parents
        self._read: Id | None = None  #: a parent whose list has answered
        self._asked: Id | None = None  #: the parent in question

    def take_requests(self) -> int:
        """Requests sent since the last call."""
        made, self._requests = self._requests, 0
        if self._path is not None:
            made, self._path.requests = made + self._path.requests, 0
        return made

    def note_read(self, parent: Id) -> None:
        """A list has answered."""
        self._troubled, self._read = 0, parent

    def leave_out(self, parent: Id, error: UpstreamError) -> bool:
        """Go on with the next parent; False: the rest is left for the next scan.

        A parent that is gone itself is no failure: its own scan will find that out. A list may be said not to be there
        although its parent is. If nothing can be lost by it, and other lists are there, it counts as empty.
        """
        position, parent_key = self._position, child_parent_key(parent.parent_key, parent.key)
        if isinstance(error, NotAvailable) and (is_gone := self._is_gone(parent)) is not None:
            if is_gone:
                position.gone.append(parent_key)
                return True
            if error.status in NOT_THERE and not self._has_children(parent_key):
                position.denied += 1
                position.denial = position.denial or str(error)
                return True
        position.unread += 1
        position.failure = position.failure or str(error)
        position.note(Outcome.PARTIAL, "")
        if not isinstance(error, TryLater):
            return True
        position.has_trouble = True
        if len(position.failing) < MOST_KEPT:
            position.failing.append(parent_key)
        self._troubled += 1
        if self._troubled % TROUBLED_PARENTS:
            return True
        return len(position.failing) < MOST_TROUBLED and self._is_answering(parent)

    def _has_children(self, parent_key: str) -> bool:
        with self._services.database.read() as session:
            return bool(mirror.live_ids(session, self._resource, self._source.name, parent_key=parent_key, limit=1))

    def weigh_denied(self) -> None:
        """If no list of the resource is there at all, its path may be wrong: then none of them counts as empty."""
        position = self._position
        if not position.denied or position.read:
            return
        with self._services.database.read() as session:
            is_harmless = self._scope.has_baseline and not mirror.live_count(session, self._resource, self._source.name)
        if not is_harmless:
            position.unread += position.denied
            position.failure = position.failure or position.denial
            position.note(Outcome.PARTIAL, "")

    def _is_answering(self, parent: Id) -> bool:
        """Whether the source answers when it is asked for the list that this parent is in."""
        self._requests += 1
        resource = self._parent_resource
        try:
            self._ahead.run(lambda: self._source.client.probe(resource, parent_key=parent.parent_key))
        except (GiveUp, TryLater):
            return False
        return True

    @property
    def _parent_resource(self) -> Resource:
        parent = self._scope.parent
        assert parent is not None  # noqa: S101  # asked for nested resources only
        return parent

    def _is_gone(self, parent: Id) -> bool | None:
        """Whether the parent is gone itself; None if that cannot be told."""
        resource = self._parent_resource
        if resource.item_path is not None:
            self._asked = parent
            path = self._path = self._path or self._own_path(resource)
            told, _ = self._ahead.run(lambda: path.ask(parent))
            if told is not Told.NOTHING:
                return None if told is Told.FAILED else told is Told.GONE
        with self._services.database.read() as session:  # its own list may have missed it before, else it is asked
            if parent in suspects.last_seen(session, self._source.name, resource.name, [parent]):
                return True
        self._requests += 1
        try:
            return self._ahead.run(lambda: self._is_unlisted(resource, parent))
        except (GiveUp, TryLater):
            return None

    def _own_path(self, resource: Resource) -> OwnPath:
        with self._services.database.read() as session:
            state = scans.resource_state(session, self._source.name, resource.name)
        is_proven = state.item_path_proven_at is not None
        return OwnPath(self._source.client, resource, self._there, is_proven=is_proven, rng=self._services.rng)

    def _there(self) -> list[Id]:
        """Parents that are most likely there: the one whose list was the last to answer, else others of the mirror."""
        if self._read is not None:
            return [self._read]
        resource, source = self._parent_resource, self._source.name
        with self._services.database.read() as session:
            living = mirror.live_ids(session, resource, source, limit=MOST_TROUBLED)
            missing = suspects.last_seen(session, source, resource.name, living)
            told = log_records.living(session, resource, source, living)  # a row may be somebody else's
        return [id_ for id_ in reversed(living) if id_ in told and id_ not in missing and id_ != self._asked]

    def _is_unlisted(self, resource: Resource, parent: Id) -> bool | None:
        """Whether a list of one page has other rows, and not this one; None if it is longer or cannot be read."""
        limit = resource.page_size or self._source.page_size
        page = self._source.client.fetch_page(resource, parent_key=parent.parent_key, limit=limit)
        is_whole = 0 < len(page.rows) < limit and (page.total is None or page.total <= len(page.rows)) and not page.next
        found = normalise.read(resource, page.rows, parent_key=parent.parent_key, seal=self._services.vault.seal)
        if any(record.id == parent for record in found.records):
            return False
        return True if is_whole and not found.skipped else None
