"""What is remembered of the pages of a flat list, and what of them is to be; used by `unchanged.py`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from changes.raw_rows import MARK_BYTES, Slices
from changes.records import Batch, Id, Json
from storage import row_cache, seen_ids
from storage.row_cache import NOTHING, Memory
from storage.session import Session
from tasks.scan.scope import Scope

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


class PageMemory:
    """Of one flat resource, for one slice of its scan."""

    def __init__(self, scope: Scope, *, rule: str, member: str | None) -> None:
        """`rule`: by which its rows are read; `member`: by which the walk tells them apart, if it is one."""
        self._source, self._resource = scope.source, scope.resource.name
        self._rule, self._member = rule, member
        self._last = NOTHING  #: the last row of the page before, with which the next one begins
        self._whole_before: int | None = None  #: or the place of the page before, if it came as it was

    def of_page(self, session: Session, place: int, marks: Sequence[bytes], *, is_first: bool) -> Memory:
        """What is remembered of the page with these rows; `is_first`: nothing is, but of the row before."""
        if self._whole_before is not None:
            self._last, self._whole_before = _last_of(self._remembered(session, self._whole_before)), None
        is_end = all(mark in self._last.keys for mark in marks)  # behind the list's last row nothing came
        return self._last if is_first or is_end else self._load(session, place)

    def note_whole(self, place: int) -> None:
        """The page was taken as it came before."""
        self._whole_before = place

    def note_last(self, sheet: Sheet, batch: Batch) -> None:
        """The page was taken: with its last row the next one begins."""
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

    def page(self, sheet: Sheet, batch: Batch, *, fresh: int, came_before: bool) -> row_cache.Page | None:
        """The page to remember: rows whose key tells their identity, but not those that each scan must tell of.

        `came_before`: it came just so in the last complete scan.
        """
        is_other = len(batch.records) * ONE_IN > len(sheet.marks) - fresh
        comes_again = came_before and sheet.memory.whole != sheet.mark
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

    def _load(self, session: Session, place: int) -> Memory:
        page, last = self._remembered(session, place), self._last
        if any(page.fingerprints.get(key, value) != value for key, value in last.fingerprints.items()):
            return page  # the same key with other bytes on both pages: each has a fingerprint of its own
        return replace(page, keys={**page.keys, **last.keys}, fingerprints={**page.fingerprints, **last.fingerprints})

    def _remembered(self, session: Session, place: int) -> Memory:
        return row_cache.load(
            session, self._source, self._resource, place=place, rule=self._rule, mark_bytes=MARK_BYTES
        )


def _last_of(memory: Memory) -> Memory:
    """The last row alone."""
    if not memory.keys:
        return NOTHING
    mark, key = list(memory.keys.items())[-1]
    return Memory({mark: key}, {key: memory.fingerprints[key]})
