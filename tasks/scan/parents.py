"""The parents whose lists make up a nested resource, in the order in which the lists are read; used by the walk.

They come by key. Those whose lists could not be read in the last scan come after all others, so that they keep no
other list from being read, however many they are.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from itertools import islice

from changes.records import Id
from changes.resources import Resource, child_parent_key, parent_id
from storage import mirror
from tasks.scan.position import Position
from tasks.services import Services, Source

#: Parents read from the mirror at a time.
AT_A_TIME = 200


class Parents:
    """Begins where the position stands; `resource` is that of the parents."""

    def __init__(
        self, services: Services, source: Source, resource: Resource, position: Position, *, failing: Sequence[str]
    ) -> None:
        """`failing`: the `parent_key`s of those that are asked last."""
        self._services = services
        self._source = source
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
        """The next ones, as far as they have been read from the mirror."""
        return islice(self._queue, 1, None)

    def leave(self) -> None:
        """Go on: the list of this parent has been read, or cannot be."""
        self._position.done_parent = self._queue.popleft()

    def _load(self) -> list[Id]:
        wanted: list[Id] = []
        while not wanted and not self._is_drained:
            with self._services.database.read() as session:
                name = self._source.name
                found = mirror.live_ids(session, self._resource, name, after=self._loaded, limit=AT_A_TIME)
            wanted = [id_ for id_ in found if child_parent_key(id_.parent_key, id_.key) not in self._failing]
            self._is_drained = len(found) < AT_A_TIME
            self._loaded = found[-1] if found else self._loaded
        return wanted

    def _load_failing(self) -> list[Id]:
        position, self._is_last = self._position, True
        if not position.is_at_failing:
            position.is_at_failing, position.done_parent = True, None
        done = position.done_parent
        ids = sorted(parent_id(Id(parent_key, "")) for parent_key in self._failing)
        ids = [id_ for id_ in ids if done is None or id_ > done]
        with self._services.database.read() as session:
            known = mirror.known(session, self._resource, self._source.name, ids)
        return [id_ for id_ in ids if id_ in known and known[id_].deleted_at is None]
