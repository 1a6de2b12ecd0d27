"""The parents whose lists make up a nested resource, in the order in which the lists are read; used by the walk.

They come by key. Those whose lists could not be read in the last scan come after all others, so that they keep no
other list from being read, however many they are. Where the mirror and the change log do not agree on which parents
there are, somebody else has written to the mirror: its rows are put back first.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice

from changes.records import Batch, Id
from changes.resources import Resource, child_parent_key, parent_id
from storage import generations, log_records, mirror
from storage.session import Session
from tasks.scan import put_back
from tasks.scan.position import Position
from tasks.scan.scope import Scope

#: Parents that are looked up at a time.
AT_A_TIME = 200


def below_living(session: Session, scope: Scope, batch: Batch) -> Batch:
    """`batch` without records whose parent was deleted since their page was read: no scan would look at them again."""
    parent, source = scope.parent, scope.source
    if parent is None or not batch.records:
        return batch
    parents = {record.id.parent_key: parent_id(record.id) for record in batch.records}
    held = mirror.living(session, parent, source, list(parents.values()))
    living = log_records.living(session, parent, source, list(parents.values()))  # a row may be somebody else's
    if not living <= held:  # a row that is gone cannot be held: so nobody may delete any of the table
        generations.hold(session, source, parent.name)
        living = log_records.living(session, parent, source, list(parents.values()))
    records = tuple(record for record in batch.records if parents[record.id.parent_key] in living)
    return replace(batch, records=records)


class Parents:
    """Begins where the position stands; `resource` is that of the parents."""

    def __init__(self, scope: Scope, resource: Resource, position: Position, *, failing: Sequence[str]) -> None:
        """`failing`: the `parent_key`s of those that are asked last."""
        self._scope = scope
        self._resource = resource
        self._position = position
        self._failing = frozenset(failing)
        self._queue: deque[Id] = deque()
        self._loaded = position.done_parent
        self._is_drained = position.is_at_failing  #: none are left but the failing ones
        self._is_last = False

    def next(self) -> Id | None:
        """The parent whose list is being read, or the next one; None after the last."""
        if not self._queue and not self._is_drained:
            self._queue.extend(self._load())
        if not self._queue and not self._is_last:
            self._queue.extend(self._load_failing())
        return self._queue[0] if self._queue else None

    def following(self) -> Iterator[Id]:
        """The next ones, as far as they have been looked up."""
        return islice(self._queue, 1, None)

    def leave(self) -> None:
        """Go on: the list of this parent has been read, or cannot be."""
        self._position.done_parent = self._queue.popleft()

    def _load(self) -> list[Id]:
        wanted: list[Id] = []
        while not wanted and not self._is_drained:
            found = self._load_part()
            wanted = [id_ for id_ in found if child_parent_key(id_.parent_key, id_.key) not in self._failing]
        return wanted

    def _load_part(self) -> list[Id]:
        resource, source, after = self._resource, self._scope.source, self._loaded
        with self._scope.services.database.read() as session:
            found = log_records.following(session, resource, source, after=after, limit=AT_A_TIME)
        self._is_drained = len(found) < AT_A_TIME
        self._loaded = found[-1].id if found else after
        odd = [each.id for each in found if each.is_living != each.has_living_row]
        right = put_back.living_parents(self._scope, resource, odd)
        return [each.id for each in found if each.id in right or (each.is_living and each.has_living_row)]

    def _load_failing(self) -> list[Id]:
        position, self._is_last = self._position, True
        if not position.is_at_failing:
            position.is_at_failing, position.done_parent = True, None
        done = position.done_parent
        ids = sorted(parent_id(Id(parent_key, "")) for parent_key in self._failing)
        ids = [id_ for id_ in ids if done is None or id_ > done]
        living = put_back.living_parents(self._scope, self._resource, ids)
        return [id_ for id_ in ids if id_ in living]
