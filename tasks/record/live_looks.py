"""Reads single records of one source again, within its limits; used by live.py.

A record is read by its own path where it has one that works. Else its list is read, where that fits into one page:
longer ones would have to be read whole for one record.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from changes import diff, normalise
from changes.records import Id, Json, Record
from changes.resources import Resource
from storage import mirror, scans
from tasks.scan.own_path import OwnPath, Told
from tasks.services import Services, Source
from upstream import path_words
from upstream.errors import GiveUp, TryLater

#: Records of a list that are read by their own paths too, to see what those show differently.
WITNESSES = 3
#: Said where the rows that came are others.
_NOT_THERE = "its list does not show it"
#: Looked at in the mirror to find some that have an own path.
_LOOKED_THROUGH = 200


@dataclass(frozen=True, slots=True)
class Look:
    """What the source says of a record: its row as a record, or that it is gone; else why nothing can be said."""

    record: Record | None = None
    is_gone: bool = False
    problem: str = ""
    is_silent: bool = False  #: no answer came


class Looks:
    """At the records of one source; used by one thread, which holds a permit of the source."""

    def __init__(self, services: Services, source: Source) -> None:
        self._services, self._source = services, source
        self._paths: dict[str, OwnPath] = {}
        self._other: dict[str, frozenset[str] | None] = {}

    def look(self, resource: Resource, id_: Id) -> Look:
        """Read it now. `StopSource` is raised: it says something of the whole source."""
        if self.is_by_own_path(resource, id_):
            return self._by_own_path(resource, id_)
        return self._in_list(resource, id_)

    def is_by_own_path(self, resource: Resource, id_: Id) -> bool:
        """Whether the record has an own path, which tells records that are there from others."""
        return path_words.has_own_path(resource, id_) and self._path(resource).is_asked

    def shown_differently(self, resource: Resource, id_: Id) -> frozenset[str] | None:
        """The fields that own paths of this resource show with other values than its lists; None: it cannot be said."""
        if resource.name not in self._other:
            try:
                self._other[resource.name] = self._compare_with_list(resource, id_)
            except (GiveUp, TryLater):
                self._other[resource.name] = None
        return self._other[resource.name]

    def _by_own_path(self, resource: Resource, id_: Id) -> Look:
        told, row = self._path(resource).ask(id_)
        if told is Told.THERE:
            return self._read(resource, id_, [row])
        if told is Told.GONE:
            return Look(is_gone=True)
        if told is Told.NOTHING:
            return Look(problem="its own path neither shows nor denies it")
        return Look(problem="its own path gives no answer", is_silent=True)

    def _path(self, resource: Resource) -> OwnPath:
        if resource.name not in self._paths:
            with self._services.database.read() as session:
                state = scans.resource_state(session, self._source.name, resource.name)
            path = self._paths[resource.name] = OwnPath(
                self._source.client,
                resource,
                lambda: self._listed(resource),
                is_proven=state.item_path_proven_at is not None,
                rng=self._services.rng,
            )
            if not path.is_proven:
                path.prove()
        return self._paths[resource.name]

    def _listed(self, resource: Resource) -> Iterator[Id]:
        with self._services.database.read() as session:
            ids = list(islice(mirror.walk_live(session, resource, self._source.name), _LOOKED_THROUGH))
        return (id_ for id_ in ids if path_words.has_own_path(resource, id_))

    def _in_list(self, resource: Resource, id_: Id) -> Look:
        limit = resource.page_size or self._source.page_size
        with self._services.database.read() as session:
            beside = mirror.live_ids(session, resource, self._source.name, limit=limit + 1, parent_key=id_.parent_key)
        if resource.paged and len(beside) > limit:
            return Look(problem="it has no own path, and its list is longer than a page")
        try:
            page = self._source.client.fetch_page(resource, parent_key=id_.parent_key, limit=limit)
        except (GiveUp, TryLater) as error:
            return Look(problem=f"its list gives no answer: {error.message}", is_silent=True)
        found = self._read(resource, id_, page.rows)
        is_whole = not resource.paged or (page.total is not None and page.total <= len(page.rows))
        if found.problem == _NOT_THERE and is_whole:
            return Look(is_gone=True)
        return found

    def _read(self, resource: Resource, id_: Id, rows: list[Json]) -> Look:
        seal = self._services.vault.seal
        batch = normalise.read(resource, rows, parent_key=id_.parent_key, seal=seal)
        if id_ in batch.gone:  # it says so itself
            return Look(is_gone=True)
        record = next((each for each in batch.records if each.id == id_), None)
        if record is None:
            return Look(problem=batch.skipped[0] if batch.skipped else _NOT_THERE)
        return Look(record)

    def _compare_with_list(self, resource: Resource, id_: Id) -> frozenset[str]:
        """Read the first page of the record's list, and some records of it by their own paths."""
        limit = resource.page_size or self._source.page_size
        page = self._source.client.fetch_page(resource, parent_key=id_.parent_key, limit=limit)
        listed = normalise.read(resource, page.rows, parent_key=id_.parent_key, seal=self._services.vault.seal)
        found = set[str]()
        with_path = (each for each in listed.records if path_words.has_own_path(resource, each.id))
        for record in islice(with_path, WITNESSES):
            own = self.look(resource, record.id).record
            if own is not None:
                documents = normalise.document_of(record), normalise.document_of(own)
                found.update(diff.fields(resource, *documents))
        return frozenset(found)
