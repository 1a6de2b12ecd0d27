"""Recognises the rows of a flat list's page that came byte for byte before, and reads the others; for the walk.

A recognised row is compared with the mirror like one that was read: it counts as unchanged only if the mirror has the
very fingerprint that such bytes had before. Whatever was forgotten, or altered in the database, is read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from changes import fingerprint, normalise
from changes.raw_rows import MARK_BYTES, Slices
from changes.records import Batch, Id, Json
from storage import mirror, row_cache, seen_ids
from storage.row_cache import NOTHING, Memory
from storage.seen_ids import HASH_BYTES
from storage.session import Session
from tasks.scan import row_identity
from tasks.scan.position import Position
from tasks.scan.scope import Scope
from tasks.scan.whole_pages import WholePages, name_of, rule

#: A page is remembered anew when more than one in so many of its rows was not recognised, or when it came so twice:
#: writing that down costs something too, and a few rows are read quickly.
ONE_IN = 32


@dataclass(frozen=True, slots=True)
class Sheet:
    """A page's rows before it is known which of them are new; all its lists have an entry for each row."""

    place: int  #: rows before the page
    slices: Slices
    mark: bytes  #: of all its rows
    identities: Sequence[str]
    hashes: bytes | None = None  #: of its ids, if it came as it was: then it has none of what follows
    marks: Sequence[bytes] = ()
    known: Sequence[str | None] = ()  #: a row's key, if it is recognised
    memory: Memory = NOTHING  #: has its fingerprint
    read: Sequence[Json] = ()  #: the row, if it is not recognised


class Taken(NamedTuple):
    """What a page came to."""

    batch: Batch
    page: bytes  #: by which it is known again
    remembered: row_cache.Page | None  #: the page, if it is to be remembered anew
    hashes: bytes = b""  #: of the ids of rows that the batch only counts


class Recogniser:
    """Of one flat resource, for one slice of its scan."""

    def __init__(
        self,
        scope: Scope,
        position: Position,
        *,
        identify: Callable[[Json], str],
        seal: Callable[[Json], Json],
        comes_twice: bool,
    ) -> None:
        """`comes_twice`: the list has records that come on two pages."""
        self.rule = rule(scope)
        self.whole_pages = WholePages(scope, position, rule=self.rule, comes_twice=comes_twice)
        self._source = scope.source
        self._resource = scope.resource
        self._identify = identify
        self._seal = seal
        self._is_first = not scope.has_baseline  # there is little to recognise
        self._mark_key = fingerprint.hashed(fingerprint.canonical(seal("marks of rows"))).encode()
        self._unwritten = set[str]()  #: keys of records that were handed out, and that the mirror may not have yet
        self._last = NOTHING  #: the last row of the page before, with which the next one begins
        self._whole_before: int | None = None  #: or the place of the page before, if it came as it was
        #: The walk tells rows apart by this member, so that a key tells the identity.
        self._member = row_identity.label(scope.resource)

    def sheet(self, session: Session, slices: Slices, *, place: int) -> Sheet:
        """The rows of the page that has `place` rows before it; those that are not recognised are read."""
        identify, member, mark = self._identify, self._member, slices.mark(key=self._mark_key)
        whole = self.whole_pages.find(session, place, mark)
        if whole is not None:
            self._whole_before = place
            return Sheet(place, slices, mark, [f"{member}={key}" for key in whole.keys], whole.seen)
        if self._whole_before is not None:
            self._last, self._whole_before = _last_of(self._remembered(session, self._whole_before)), None
        marks = slices.marks(key=self._mark_key)
        is_end = all(mark in self._last.keys for mark in marks)  # behind the list's last row nothing came
        memory = self._last if self._is_first or is_end else self._load(session, place)
        known = [memory.keys.get(mark) for mark in marks]
        read = [slices.read(at) if key is None else None for at, key in enumerate(known)]
        identities = [identify(row) if key is None else f"{member}={key}" for key, row in zip(known, read, strict=True)]
        return Sheet(place, slices, mark, identities, None, marks, known, memory, read)

    def take(self, session: Session, sheet: Sheet, *, fresh: int) -> Taken:
        """The rows from `fresh` on, compared with the mirror."""
        page = name_of(sheet.place, sheet.mark)
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
        remembered = self._page(sheet, batch, fresh)
        self._note_last(sheet, batch)
        if not self._is_first:
            batch = self._compared(session, sheet, places, batch)
            keys = [record.id.key for record in batch.records]
            self._unwritten.update(keys)
            self.whole_pages.note_written(keys)
        return Taken(batch, page, remembered)

    def note_written(self) -> None:
        """All that was handed out is in the mirror."""
        self._unwritten.clear()

    def _load(self, session: Session, place: int) -> Memory:
        page, last = self._remembered(session, place), self._last
        if any(page.fingerprints.get(key, value) != value for key, value in last.fingerprints.items()):
            return page  # the same key with other bytes on both pages: each has a fingerprint of its own
        return replace(page, keys={**page.keys, **last.keys}, fingerprints={**page.fingerprints, **last.fingerprints})

    def _remembered(self, session: Session, place: int) -> Memory:
        name = self._resource.name
        return row_cache.load(session, self._source, name, place=place, rule=self.rule, mark_bytes=MARK_BYTES)

    def _normalised(self, sheet: Sheet, places: Sequence[int]) -> Batch:
        rows = [sheet.slices.read(at) if sheet.known[at] is not None else sheet.read[at] for at in places]
        in_list = [sheet.place + at + 1 for at in places]
        return normalise.read(self._resource, rows, parent_key="", seal=self._seal, places=in_list)

    def _page(self, sheet: Sheet, batch: Batch, fresh: int) -> row_cache.Page | None:
        """The page to remember: rows whose key tells their identity, but not those that each scan must tell of."""
        is_other = len(batch.records) * ONE_IN > len(sheet.marks) - fresh
        comes_again = sheet.memory.whole != sheet.mark and self.whole_pages.came_before(sheet.place, sheet.mark)
        if not (is_other or comes_again) or batch.doubles or batch.repaired:
            return None
        taken = {f"{self._member}={record.id.key}": record for record in batch.records}
        keys, fingerprints, is_news = dict[bytes, str](), dict[str, str](), False
        for mark, key, identity in zip(sheet.marks, sheet.known, sheet.identities, strict=True):
            if key is not None:
                keys[mark], fingerprints[key] = key, sheet.memory.fingerprints[key]
            elif (record := taken.get(identity)) is not None:
                keys[mark], fingerprints[record.id.key], is_news = record.id.key, record.fingerprint, True
        is_whole = len(keys) == len(sheet.marks)
        if len(fingerprints) < len(keys) or not (is_news or is_whole):  # the former: a key with two rows
            return None
        if not is_whole:
            return row_cache.Page(sheet.place, len(sheet.marks), Memory(keys, fingerprints))
        hashes = seen_ids.packed(Id("", key) for key in keys.values())
        return row_cache.Page(sheet.place, len(sheet.marks), Memory(keys, fingerprints, sheet.mark), hashes)

    def _note_last(self, sheet: Sheet, batch: Batch) -> None:
        if not sheet.marks:
            return
        mark, key = sheet.marks[-1], sheet.known[-1]
        if key is not None:
            self._last = Memory({mark: key}, {key: sheet.memory.fingerprints[key]})
        elif batch.records and f"{self._member}={batch.records[-1].id.key}" == sheet.identities[-1]:
            record = batch.records[-1]
            self._last = Memory({mark: record.id.key}, {record.id.key: record.fingerprint})
        else:
            self._last = NOTHING

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


def _last_of(memory: Memory) -> Memory:
    """The last row alone."""
    if not memory.keys:
        return NOTHING
    mark, key = list(memory.keys.items())[-1]
    return Memory({mark: key}, {key: memory.fingerprints[key]})
