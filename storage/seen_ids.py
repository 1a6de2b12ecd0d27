"""Which ids a scan has seen, as hashes of 8 bytes each; and which records were absent.

Called by the scan step: `note_seen` with each page, everything else when a scan's walk has ended.
"""

# ruff: noqa: S608  # values are parameters
from __future__ import annotations

import sys
from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import cached_property
from hashlib import blake2b
from typing import NamedTuple

from changes.records import Id
from changes.resources import Resource
from storage import mirror, sql
from storage.session import Session

#: Hashes are sorted in so many parts: one of 16 at a time keeps a million of them within a few megabytes.
_PARTS = 16
#: Parts of a scan in memory at a time: each holds a page's hashes.
_PARTS_READ = 100
HASH_BYTES = 8


def packed(ids: Iterable[Id]) -> bytes:
    """The hashes of these ids, `HASH_BYTES` each."""
    return b"".join([_digest(id) for id in ids])  # noqa: A001


def note_seen(session: Session, scan_id: str, part: int, hashes: bytes, *, pages: bytes = b"") -> None:
    """Ids with these hashes were in part `part` of the scan; a part that is noted again replaces what it held.

    `pages`: by which the scan step knows the pages of this part again.
    """
    text = """
        INSERT INTO mirrorpoint_seen (scan_id, part, hashes, pages) VALUES (:scan_id, :part, :hashes, :pages)
        ON CONFLICT (scan_id, part) DO UPDATE SET hashes = excluded.hashes, pages = excluded.pages
    """
    sql.change(session, text, scan_id=scan_id, part=part, hashes=hashes, pages=pages)


def note_flagged(session: Session, scan_id: str, part: int, ids: Iterable[Id]) -> None:
    """Rows of these ids came in that part, and said that their records are gone."""
    note_seen(session, scan_id, -part, packed(ids))  # parts count from 1


def forget(session: Session, scan_id: str) -> None:
    """Nothing has been seen yet."""
    sql.change(session, "DELETE FROM mirrorpoint_seen WHERE scan_id = :scan_id", scan_id=scan_id)


def absent_ids(
    session: Session,
    resource: Resource,
    source: str,
    seen: Seen,
    *,
    live_rows: int,
    without_parents: Collection[str] = (),
) -> Iterator[Id]:
    """Records of the mirror that came in no row, by parent and key; not those below `without_parents`.

    `live_rows`: how many the mirror has. If nothing is absent, this asks the database nothing.
    """
    if not without_parents and seen.living == live_rows:
        return  # every seen record is in the mirror by now, so equal numbers mean the same records
    left_out = frozenset(without_parents)
    for id in mirror.walk_live(session, resource, source):  # noqa: A001
        if id.parent_key not in left_out and id not in seen and not seen.has_flagged(id):
            yield id


def flagged_ids(session: Session, resource: Resource, source: str, seen: Seen, *, live_rows: int) -> Iterator[Id]:
    """Records that are living in the mirror and whose rows said that they are gone, by parent and key."""
    if seen.flagged and seen.living != live_rows:  # as in `absent_ids`
        yield from (id for id in mirror.walk_live(session, resource, source) if seen.has_flagged(id))  # noqa: A001


class KnownWalk(NamedTuple):
    """A walk in which no id came twice."""

    pages: bytes  #: by which its pages are known, in order
    rows: int  #: how many ids they had


class Seen:
    """The ids of the rows that came in a scan, as sorted hashes of 8 bytes.

    An id is `in` it if a row of a living record had it. If another row of the id said that the record is gone
    (`has_flagged`), its key has been used again.
    """

    def __init__(self, session: Session, scan_id: str, *, first_part: int = 0, known: KnownWalk | None = None) -> None:
        """Reads the parts from `first_part` on. Where they are as in `known`, no id came twice."""
        self.repeated: dict[str, int] = {}  #: those that came more than once, by `name_of` -> how often
        self._packed, gone, pages = list[bytes](), list[bytes](), dict[int, bytes]()
        mark = sql.mark(session.dialect)
        text = f"""
            SELECT part, hashes, pages FROM mirrorpoint_seen
            WHERE scan_id = {mark} AND (part >= {mark} OR part <= {mark})
        """
        which = (scan_id, first_part, min(-first_part, -1))
        for part, hashes, its_pages in sql.stream(session, text, which, at_a_time=_PARTS_READ):
            (self._packed if part >= 0 else gone).append(hashes)
            pages[part] = its_pages or b""
        self.pages = b"".join(pages[part] for part in sorted(pages))  #: by which its pages are known, in order
        self.living = sum(map(len, self._packed)) // HASH_BYTES
        if gone or known != KnownWalk(self.pages, self.living):
            self._count()
        flagged = _sorted(_spread(gone))
        self._flagged = array("Q", (number for number in flagged if not _holds(self._living, number)))
        self.flagged = len(self._flagged)
        self.count = self.living + self.flagged  #: different rows
        self.reused = len(flagged) - self.flagged  #: keys of which one row is gone and another there

    def _count(self) -> None:
        """How many are different, and which came more than once."""
        self.living = 0
        for part in self._in_parts:
            different = len(set(part))
            self.living += different
            if different < len(part):
                self.repeated.update({_name(each): times for each, times in Counter(part).items() if times > 1})

    @cached_property
    def _in_parts(self) -> list[array[int]]:
        return _spread(self._packed)

    @cached_property
    def _living(self) -> array[int]:
        """Sorted only when one is looked for: where nothing is absent, nobody does."""
        return _sorted(self._in_parts)

    def digest(self) -> str:
        """The same for the same rows, however often each came, in whatever order."""
        found = blake2b(self._living.tobytes() + self._flagged.tobytes(), digest_size=12)
        found.update(repr(sorted(self.repeated.items())).encode())
        return found.hexdigest()

    def __contains__(self, id: Id) -> bool:  # noqa: A002
        return _holds(self._living, _number(id))

    def has_flagged(self, id: Id) -> bool:  # noqa: A002
        """Whether a row of it came and said that it is gone."""
        return self.flagged > 0 and _holds(self._flagged, _number(id))


def _spread(packed: list[bytes]) -> list[array[int]]:
    """The hashes in `_PARTS`; takes them out of the list, since there may be millions."""
    parts = [array("Q") for _ in range(_PARTS)]
    while packed:
        for number in _numbers(packed.pop()):
            parts[number >> 60].append(number)
    return parts


def _sorted(parts: Sequence[array[int]]) -> array[int]:
    """All different hashes."""
    hashes = array("Q")
    for part in parts:
        hashes.extend(sorted(set(part)))
    return hashes


def _holds(hashes: array[int], number: int) -> bool:
    place = bisect_left(hashes, number)
    return place < len(hashes) and hashes[place] == number


def _number(id: Id) -> int:  # noqa: A002
    return int.from_bytes(_digest(id), "little")


def name_of(id: Id) -> str:  # noqa: A002
    """A short name for a record of a resource, for when many have to be remembered."""
    return _name(_number(id))


def _name(number: int) -> str:
    return f"{number:016x}"


def _digest(id: Id) -> bytes:  # noqa: A002
    return blake2b(f"{id.parent_key}\0{id.key}".encode(), digest_size=HASH_BYTES).digest()


def _numbers(packed: bytes) -> array[int]:
    numbers = array("Q", packed)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers
