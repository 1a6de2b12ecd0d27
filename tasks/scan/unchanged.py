"""Recognises the rows of a flat list's page that came byte for byte before, and reads the others; for the walk.

A recognised row is compared with the mirror like one that was read: it counts as unchanged only if the mirror has the
very fingerprint that such bytes had before. Whatever was forgotten, or altered in the database, is read. Pages that
came as in the last complete scan were compared then (`whole_pages.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from changes import fingerprint, normalise
from changes.raw_rows import Slices
from changes.records import Batch, Id, Json
from storage import mirror, row_cache
from storage.seen_ids import HASH_BYTES
from storage.session import Session
from tasks.scan import row_identity
from tasks.scan.page_memory import PageMemory, Sheet
from tasks.scan.position import Position
from tasks.scan.scope import Scope
from tasks.scan.whole_pages import WholePages, entry, rule


class Taken(NamedTuple):
    """What a page came to."""

    batch: Batch
    page: bytes  #: by which it is known again
    remembered: row_cache.Page | None  #: the page, if it is to be remembered anew
    hashes: bytes = b""  #: of the ids of rows that the batch only counts


class Recogniser:
    """Of one flat resource, for one slice of its scan."""

    def __init__(self, scope: Scope, position: Position, *, identify: Callable[[Json], str], comes_twice: bool) -> None:
        """`comes_twice`: the list has records that come on two pages."""
        self.rule = rule(scope)
        self.whole_pages = WholePages(scope, position, rule=self.rule, comes_twice=comes_twice)
        self._source = scope.source
        self._resource = scope.resource
        self._identify = identify
        self._seal = seal = scope.services.vault.seal
        self._is_first = not scope.has_baseline  # there is little to recognise
        self._mark_key = fingerprint.hashed(fingerprint.canonical(seal("marks of rows"))).encode()
        self._unwritten = set[str]()  #: keys of records that were handed out, and that the mirror may not have yet
        #: The walk tells rows apart by this member, so that a key tells the identity.
        self._member = row_identity.label(scope.resource)
        self._memory = PageMemory(scope, rule=self.rule, member=self._member)

    def sheet(self, session: Session, slices: Slices, *, place: int) -> Sheet:
        """The rows of the page that has `place` rows before it; those that are not recognised are read."""
        identify, member, mark = self._identify, self._member, slices.mark(key=self._mark_key)
        whole = self.whole_pages.find(session, place, mark)
        if whole is not None:
            self._memory.note_whole(place)
            return Sheet(place, slices, mark, [f"{member}={key}" for key in whole.keys], whole.seen)
        marks = slices.marks(key=self._mark_key)
        memory = self._memory.of_page(session, place, marks, is_first=self._is_first)
        known = [memory.keys.get(mark) for mark in marks]
        read = [slices.read(at) if key is None else None for at, key in enumerate(known)]
        identities = [identify(row) if key is None else f"{member}={key}" for key, row in zip(known, read, strict=True)]
        return Sheet(place, slices, mark, identities, None, marks, known, memory, read)

    def take(self, session: Session, sheet: Sheet, *, fresh: int) -> Taken:
        """The rows from `fresh` on, compared with the mirror."""
        page = entry(sheet.place, sheet.mark, rows=len(sheet.identities) - fresh)
        if sheet.hashes is not None:
            rows = len(sheet.identities) - fresh
            return Taken(Batch((), untouched=rows), page, None, sheet.hashes[fresh * HASH_BYTES :])
        every = range(fresh, len(sheet.marks))
        places = {key: place for place in every if (key := sheet.known[place]) is not None}
        unknown = [place for place in every if sheet.known[place] is None]
        batch = self._normalised(sheet, unknown)
        if len(places) + len(unknown) < len(every) or not places.keys().isdisjoint(
            id_.key for id_ in (*batch.ids, *batch.gone)
        ):
            # A key stands here twice: which of its rows is the last can only be told with all of them at hand.
            places, batch = {}, self._normalised(sheet, every)
        came_before = self.whole_pages.came_before(sheet.place, sheet.mark)
        remembered = self._memory.page(sheet, batch, fresh=fresh, came_before=came_before)
        self._memory.note_last(sheet, batch)
        if not self._is_first:
            batch = self._compared(session, sheet, places, batch)
            keys = [record.id.key for record in batch.records]
            self._unwritten.update(keys)
            self.whole_pages.note_written(keys)
        return Taken(batch, page, remembered)

    def note_written(self) -> None:
        """All that was handed out is in the mirror."""
        self._unwritten.clear()

    def _normalised(self, sheet: Sheet, places: Sequence[int]) -> Batch:
        rows = [sheet.slices.read(at) if sheet.known[at] is not None else sheet.read[at] for at in places]
        in_list = [sheet.place + at + 1 for at in places]
        return normalise.read(self._resource, rows, parent_key="", seal=self._seal, places=in_list)

    def _compared(self, session: Session, sheet: Sheet, places: Mapping[str, int], batch: Batch) -> Batch:
        """`batch` and what was recognised (key -> place), without what the mirror has already.

        A record that is not written yet is handed out again: they are compared when both are written.
        """
        expected = {key: sheet.memory.fingerprints[key] for key in places}
        has_all = self.whole_pages.are_compared(sheet.place, sheet.memory, expected) or (
            self._unwritten.isdisjoint(expected) and mirror.has_all(session, self._resource, self._source, expected)
        )
        if not has_all:
            living = self._living(session, list(expected))
            forgotten = [place for key, place in places.items() if living.get(key) != expected[key]]
            places = {key: place for key, place in places.items() if living.get(key) == expected[key]}
            batch = normalise.merge([batch, self._normalised(sheet, forgotten)])
        living = self._living(session, [record.id.key for record in batch.records])
        same = [record.id for record in batch.records if living.get(record.id.key) == record.fingerprint]
        records = tuple(record for record in batch.records if living.get(record.id.key) != record.fingerprint)
        return replace(batch, records=records, unchanged=(*(Id("", key) for key in places), *same))

    def _living(self, session: Session, keys: Sequence[str]) -> dict[str, str]:
        """Key -> fingerprint of those that are in the mirror, and stay there as they are."""
        found = mirror.fingerprints(session, self._resource, self._source, keys)
        return {key: value for key, value in found.items() if key not in self._unwritten}
