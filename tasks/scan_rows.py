"""The rows of a flat list's page: recognised by their bytes where they came so before, read where not; for the walk.

What is recognised is compared with the mirror like what was read: a row is taken for unchanged only where the mirror
has the very fingerprint that such bytes have had. Whatever was forgotten, or altered in the database, is read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from msgspec import Raw
from sqlmodel import Session

from changes import fingerprint, normalise, slices
from changes.records import Batch, Id, Json
from changes.resources import Resource
from changes.slices import MARK_BYTES
from storage import mirror, remembered
from storage.remembered import Known

#: A page is remembered anew when more than one in so many of its rows was not recognised: writing that down costs
#: something too, and a few rows are read quickly.
ONE_IN = 32


@dataclass(frozen=True, slots=True)
class Sheet:
    """A page's rows before it is known which of them are new; all lists run side by side."""

    place: int  #: rows before the page
    rows: Sequence[Raw]
    marks: Sequence[bytes]
    known: Sequence[Known | None]  #: what a row is, where it is recognised
    read: Sequence[Json]  #: the row, where it is not
    identities: Sequence[str]


class Recogniser:
    """Of one flat resource, for one slice of its scan."""

    def __init__(
        self,
        source: str,
        resource: Resource,
        *,
        identify: Callable[[Json], str],
        seal: Callable[[Json], Json],
        is_first: bool,
    ) -> None:
        """`is_first`: the mirror has not had the whole list yet, so that there is little to be recognised."""
        self.rule = _rule(resource, seal)
        self._source = source
        self._resource = resource
        self._identify = identify
        self._seal = seal
        self._is_first = is_first
        self._mark_key = fingerprint.hashed(fingerprint.canonical(seal("marks of rows"))).encode()
        self._last: dict[bytes, Known] = {}  #: the last row of the page before, which the next one begins with
        #: The walk tells rows apart by this member, so that a key tells the identity.
        self._member = next((name for name in resource.key if name not in ("$", "#")), None)

    def sheet(self, session: Session, rows: Sequence[Raw], *, place: int) -> Sheet:
        """The rows of the page behind `place` others, read as far as they are not recognised."""
        marks = slices.marks(rows, key=self._mark_key)
        memory = self._last if self._is_first else self._load(session, place) | self._last
        known = [memory.get(mark) for mark in marks]
        read = [None if was else slices.read(row) for was, row in zip(known, rows, strict=True)]
        identify = self._identify
        identities = [self._identity(was.key) if was else identify(row) for was, row in zip(known, read, strict=True)]
        return Sheet(place, rows, marks, known, read, identities)

    def take(self, session: Session, sheet: Sheet, *, fresh: int) -> tuple[Batch, remembered.Page | None]:
        """What the rows from `fresh` on are, compared with the mirror; and the page, where it is to be kept."""
        known = [(place, was) for place, was in enumerate(sheet.known[fresh:], fresh) if was]
        batch = self._normalised(sheet, [place for place in range(fresh, len(sheet.rows)) if not sheet.known[place]])
        keys = {was.key for _, was in known}
        if len(keys) < len(known) or not keys.isdisjoint(id_.key for id_ in batch.ids):
            # A key that stands here twice: which of its rows is the last can only be told with all of them at hand.
            known, batch = [], self._normalised(sheet, range(fresh, len(sheet.rows)))
        self._last = self._last_of(sheet, batch)
        page = self._page(sheet, batch) if len(batch.records) * ONE_IN > len(sheet.rows) - fresh else None
        if self._is_first:
            return batch, page
        return self._compared(session, sheet, known, batch), page

    def _load(self, session: Session, place: int) -> dict[bytes, Known]:
        name = self._resource.name
        return remembered.load(session, self._source, name, place=place, rule=self.rule, mark_bytes=MARK_BYTES)

    def _identity(self, key: str) -> str:
        return f"{self._member}={key}"

    def _normalised(self, sheet: Sheet, places: Sequence[int]) -> Batch:
        rows = [slices.read(sheet.rows[place]) if sheet.known[place] else sheet.read[place] for place in places]
        in_list = [sheet.place + place + 1 for place in places]
        return normalise.read(self._resource, rows, parent_key="", seal=self._seal, places=in_list)

    def _page(self, sheet: Sheet, batch: Batch) -> remembered.Page | None:
        """Rows are kept whose key tells their identity, unless something is to be told of them at every scan."""
        if batch.doubles or batch.repaired:
            return None
        taken = {self._identity(record.id.key): Known(record.id.key, record.fingerprint) for record in batch.records}
        every = zip(sheet.marks, sheet.known, sheet.identities, strict=True)
        kept = {mark: was or taken.get(identity) for mark, was, identity in every}
        rows = {mark: row for mark, row in kept.items() if row}
        is_worth_it = taken.keys() & set(sheet.identities)  # not so where rows are told apart by anything else
        return remembered.Page(sheet.place, len(sheet.rows), rows) if is_worth_it else None

    def _last_of(self, sheet: Sheet, batch: Batch) -> dict[bytes, Known]:
        if not sheet.rows:
            return {}
        was = sheet.known[-1]
        if was is None and batch.records and self._identity(batch.records[-1].id.key) == sheet.identities[-1]:
            was = Known(batch.records[-1].id.key, batch.records[-1].fingerprint)
        return {sheet.marks[-1]: was} if was else {}

    def _compared(self, session: Session, sheet: Sheet, known: Sequence[tuple[int, Known]], batch: Batch) -> Batch:
        """`batch` and what was recognised, without what the mirror has already."""
        keys = [was.key for _, was in known] + [record.id.key for record in batch.records]
        living = mirror.fingerprints(session, self._resource, self._source, keys)
        as_it_was = [Id("", was.key) for _, was in known if living.get(was.key) == was.fingerprint]
        if len(as_it_was) < len(known):
            forgotten = [place for place, was in known if living.get(was.key) != was.fingerprint]
            batch = normalise.merge([batch, self._normalised(sheet, forgotten)])
        same = [record.id for record in batch.records if living.get(record.id.key) == record.fingerprint]
        records = tuple(record for record in batch.records if living.get(record.id.key) != record.fingerprint)
        return replace(batch, records=records, unchanged=(*as_it_was, *same))


def _rule(resource: Resource, seal: Callable[[Json], Json]) -> str:
    """What decides over key and fingerprint of a row with given bytes."""
    means = [list(resource.key), resource.shape, fingerprint.prefix(resource), seal("which key")]
    return fingerprint.hashed(fingerprint.canonical(means))
