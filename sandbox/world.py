"""The state of everything: tables seeded at a first look, changes with what they carry along, and their journal."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from random import Random
from typing import Literal

from sandbox import endpoints, trees
from sandbox.endpoints.endpoint import Endpoint, Shape
from sandbox.fields import Json, stamp
from sandbox.records import Table
from sandbox.seeding import Seeding

#: Lists of more rows are seeded at once and not at the first look, which would keep that reader waiting.
BIG = 2000

Parents = tuple[str, ...]
Place = tuple[Endpoint, Parents, str]


@dataclass(frozen=True, slots=True)
class Effect:
    """One difference that whoever reads the lists can see."""

    seq: int
    at: float  #: seconds since 1970
    op: Literal["create", "update", "delete", "restore"]
    path: str  #: of the list, with its parents' names in braces
    parent_keys: Parents
    key: str
    before: Json
    after: Json

    def to_json(self) -> dict[str, Json]:
        return asdict(self)


class NoSuchRecordError(LookupError):
    """A row or a parent that is not there; also when it was deleted or is hidden."""


class World:
    """All lists. Nothing here waits, so that a single event loop makes each change whole."""

    def __init__(self, *, seed: int = 1, scale: int = 1, counts: Mapping[str, int] | None = None) -> None:
        self.seed = seed
        self.scale = scale
        self.counts = dict(counts or {})
        self.journal: list[Effect] = []
        self.seeding = Seeding(seed=seed, scale=scale, counts=self.counts)
        self._random = Random(seed)
        self._tables: dict[tuple[str, Parents], Table] = {}
        self._carried: dict[tuple[str, Parents, str], list[Place]] = {}  # deleted -> what went along
        for path, size in self.seeding.sizes.items():
            if size > BIG and not endpoints.BY_PATH[path].parents:
                self.table(endpoints.BY_PATH[path])

    def table(self, endpoint: Endpoint, parents: Parents = ()) -> Table:
        """The list below these parents; seeded now if this is the first look at it."""
        if parents:
            above, key = endpoints.BY_PATH[endpoint.parents[-1]], parents[-1]
            if self.table(above, parents[:-1]).text(key) is None:
                raise NoSuchRecordError(f"{above.filled(parents[:-1])}/{key}")
        found = self._tables.get((endpoint.path, parents))
        if found is None:
            found = self._empty(endpoint, parents)
            self.seeding.fill(found)
        return found

    def tables(self, endpoint: Endpoint) -> Iterator[Table]:
        """Every list of this kind, one per parent that there is."""
        if not endpoint.parents:
            yield self.table(endpoint)
            return
        for above in self.tables(endpoints.BY_PATH[endpoint.parents[-1]]):
            for key in list(above.shown()):
                yield self.table(endpoint, (*above.parents, key))

    def documents(self, table: Table) -> dict[str, Json]:
        """Key -> document as a reader of the list should know it; a tree's nodes with their children's ids."""
        rows = {key: table.read(key) for key in table.shown()}
        return trees.with_child_ids(rows) if table.endpoint.is_tree else rows

    def create(self, endpoint: Endpoint, parents: Parents = (), document: Json = None, *, is_exact: bool = False,
               is_first: bool = False, random: Random | None = None) -> list[Effect]:  # fmt: skip
        """A new row: believable where `document` leaves a member open, or exactly that; `is_first` puts it in front."""
        table = self.table(endpoint, parents)
        if not is_exact:
            document = self.seeding.new(table, document, random=random or self._random)
        key = table.key_of(document)
        if key in table.rows:
            raise ValueError(f"{endpoint.filled(parents)} has {key} already")
        with self._noted(table, key) as effects:
            table.put(key, document, is_first=is_first)
        for child in endpoints.CHILDREN[endpoint.path]:
            below = (*parents, key)
            if (child.path, below) not in self._tables:  # what is new has nothing below it yet, but for settings
                self._empty(child, below)
            if child.shape is Shape.OBJECT:
                effects += self.create(child, below, random=random)
        return effects

    def update(self, endpoint: Endpoint, parents: Parents, key: str, changes: Mapping[str, Json], *,
               is_whole: bool = False) -> list[Effect]:  # fmt: skip
        """Other values for some members, or another document altogether (`is_whole`)."""
        table = self._table_with(endpoint, parents, key)
        document = dict(changes) if is_whole else {**table.read(key), **changes}
        if "updateTime" in document and "updateTime" not in changes:
            document["updateTime"] = stamp(datetime.now(UTC))
        with self._noted(table, key) as effects:
            table.put(key, document)
        return effects

    def delete(self, endpoint: Endpoint, parents: Parents, key: str) -> list[Effect]:
        """The row and all that goes with it: its own lists, and rows elsewhere that cannot be without it."""
        table = self._table_with(endpoint, parents, key)
        carried = [*self._below(endpoint, parents, key), *self._referring(endpoint, key)]
        effects: list[Effect] = []
        for lower, keys, lower_key in reversed(carried):
            below = self.table(lower, keys)
            with self._noted(below, lower_key) as more:
                below.drop(lower_key)
            effects += more
        falling = trees.subtree(self.documents(table), key) if endpoint.is_tree else [key]
        with self._noted(table, key) as more:
            for node in falling:
                table.drop(node)
        self._carried[endpoint.path, parents, key] = [*((endpoint, parents, node) for node in falling[1:]), *carried]
        return effects + more

    def restore(self, endpoint: Endpoint, parents: Parents, key: str, changes: Mapping[str, Json] | None = None, *,
                is_first: bool = False) -> list[Effect]:  # fmt: skip
        """A deleted row as it last was (but for `changes`), with what went along with it."""
        table = self.table(endpoint, parents)
        if key not in table.gone:
            raise NoSuchRecordError(f"{endpoint.filled(parents)}/{key} was not deleted")
        document = table.read(key)
        with self._noted(table, key) as effects:
            table.put(key, {**document, **changes} if changes else document, is_first=is_first)
        for lower, keys, lower_key in self._carried.pop((endpoint.path, parents, key), []):
            below = self.table(lower, keys)
            if lower_key in below.gone:
                with self._noted(below, lower_key) as more:
                    below.put(lower_key, below.read(lower_key))
                effects += more
        return effects

    def hide(self, endpoint: Endpoint, parents: Parents, key: str, *, status: int = 404) -> list[Effect]:
        """As when rights are taken away: gone from the list, `status` on its own path."""
        table = self._table_with(endpoint, parents, key)
        with self._noted(table, key) as effects:
            table.hide(key, status=status)
        return effects

    def show(self, endpoint: Endpoint, parents: Parents, key: str) -> list[Effect]:
        """The opposite of hiding."""
        table = self.table(endpoint, parents)
        with self._noted(table, key) as effects:
            table.show(key)
        return effects

    @contextmanager
    def _noted(self, table: Table, key: str) -> Iterator[list[Effect]]:
        """Writes down each row that looks different afterwards; in a tree there may be others than that of this key."""
        effects: list[Effect] = []
        before = self._seen(table, key)
        yield effects
        after = self._seen(table, key)
        for one in [key, *(other for other in {**before, **after} if other != key)]:
            old, new = before.get(one), after.get(one)
            if old == new:
                continue
            op: Literal["create", "update", "delete", "restore"] = "update"
            if old is None:
                op = "restore" if one in table.vanished else "create"
            elif new is None:
                op = "delete"
                table.vanished.add(one)
            seq = len(self.journal) + 1
            effects.append(Effect(seq, time.time(), op, table.endpoint.path, table.parents, one, old, new))
            self.journal.append(effects[-1])

    def _seen(self, table: Table, key: str) -> dict[str, Json]:
        return self.documents(table) if table.endpoint.is_tree else {key: table.document(key)}

    def _table_with(self, endpoint: Endpoint, parents: Parents, key: str) -> Table:
        table = self.table(endpoint, parents)
        if table.text(key) is None:
            raise NoSuchRecordError(f"{endpoint.filled(parents)}/{key}")
        return table

    def _empty(self, endpoint: Endpoint, parents: Parents) -> Table:
        self._tables[endpoint.path, parents] = table = Table(endpoint, parents, self._lookup(endpoint, parents))
        return table

    def _below(self, endpoint: Endpoint, parents: Parents, key: str) -> Iterator[Place]:
        for child in endpoints.CHILDREN[endpoint.path]:
            keys = (*parents, key)
            for row in list(self.table(child, keys).rows):
                yield child, keys, row
                yield from self._below(child, keys, row)

    def _referring(self, endpoint: Endpoint, key: str) -> Iterator[Place]:
        for path, member in endpoint.takes:
            other = endpoints.BY_PATH[path]
            for row, document in self.documents(self.table(other)).items():
                if str(document.get(member)) == key:
                    yield other, (), row

    def _lookup(self, endpoint: Endpoint, parents: Parents) -> Callable[[str, str], list[Json]]:
        """Reads `/currencies/numericCode` from the rows below a row."""

        def values(key: str, reference: str) -> list[Json]:
            _, name, member = reference.split("/")
            child = next(one for one in endpoints.CHILDREN[endpoint.path] if one.path.endswith("/" + name))
            return [document.get(member) for document in self.documents(self.table(child, (*parents, key))).values()]

        return values
