"""Pages that come byte for byte as in the last complete scan: their rows are neither read nor compared; for the walk.

That scan has compared them with the mirror. Whoever has written to the mirror since, the database has counted it
(storage/generations.py): then nothing is known, and all rows are compared again. So are those whose records this scan
has written itself. What the database has not counted, `against_log.py` finds once a day.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from changes import bodies, fingerprint
from storage import generations, row_cache
from storage.row_cache import Compared, Memory, WholePage
from storage.seen_ids import KnownWalk, Seen
from storage.session import Session
from tasks.scan.position import Position
from tasks.scan.scope import Scope

#: Keys of written records that are kept in memory; where there are more, all rows are compared.
MOST_KEYS = 50_000
_PLACE_BYTES, _NAME_BYTES, _ROWS_BYTES = 8, 24, 4
#: Raised when what is kept of a walk's pages is written in another way.
_WRITTEN = 2


class WholePages:
    """Of one flat resource, for one slice of its scan."""

    def __init__(self, scope: Scope, position: Position, *, rule: str, comes_twice: bool) -> None:
        """`comes_twice`: the list has records that come on two pages, so that a page alone tells too little."""
        self._scope, self._position, self._rule = scope, position, rule
        kept = scope.compared
        self._last = _names(kept.pages) if kept and kept.rule == rule else frozenset[bytes]()
        is_first_walk = position.first_part == 1  # a further one may find what the first has written, taken back
        is_known = kept is not None and kept.generation == position.generation
        self._trusted = self._last if is_known and is_first_walk and not comes_twice else frozenset()
        self._written = set[str]()  #: keys of records that this slice has handed out

    def find(self, session: Session, place: int, mark: bytes) -> WholePage | None:
        """The page, if the mirror has all its rows as they are here."""
        if name_of(place, mark) not in self._trusted:
            return None
        source, resource = self._scope.source, self._scope.resource.name
        found = row_cache.load_whole(session, source, resource, place=place, rule=self._rule, whole=mark)
        if found is None or found.generation != self._position.generation or not self._written.isdisjoint(found.keys):
            return None
        return found

    def are_compared(self, place: int, memory: Memory, keys: Iterable[str]) -> bool:
        """Whether the mirror has the rows with these keys as they are remembered of the page."""
        is_trusted = bool(self._trusted) and name_of(place, memory.whole) in self._trusted
        is_untouched = is_trusted and memory.generation == self._position.generation
        return is_untouched and self._written.isdisjoint(keys)

    def came_before(self, place: int, mark: bytes) -> bool:
        """Whether the page came just so in the last complete scan."""
        return name_of(place, mark) in self._last

    def note_written(self, keys: Iterable[str]) -> None:
        """Records with these keys are to be written."""
        if self._trusted:
            self._written.update(keys)
            if len(self._written) > MOST_KEYS:  # from here on all rows are compared
                self._trusted, self._written = frozenset(), set()


def rule(scope: Scope) -> str:
    """All that decides which key and fingerprint a row with given bytes has."""
    resource, seal = scope.resource, scope.services.vault.seal
    means = [list(resource.key), resource.shape, fingerprint.prefix(resource), seal("which key")]
    means += [bodies.READING, _WRITTEN]
    if resource.deleted:
        means.append(dict(resource.deleted))
    return fingerprint.hashed(fingerprint.canonical(means))


def name_of(place: int, mark: bytes) -> bytes:
    """By which a page is known again: the rows before it, and the mark of its own."""
    return place.to_bytes(_PLACE_BYTES, signed=True) + mark


def entry(place: int, mark: bytes, *, rows: int) -> bytes:
    """What is kept of a page: by which it is known again, and how many of its rows were new to the walk."""
    return name_of(place, mark) + rows.to_bytes(_ROWS_BYTES, "big")


def known(scope: Scope) -> KnownWalk | None:
    """The walk of the last complete scan, if all its rows would be known again; no record came twice in it."""
    kept = scope.compared
    if kept is None or kept.rule != rule(scope):
        return None
    starts = range(_NAME_BYTES, len(kept.pages), _NAME_BYTES + _ROWS_BYTES)
    return KnownWalk(kept.pages, sum(int.from_bytes(kept.pages[at : at + _ROWS_BYTES], "big") for at in starts))


@contextmanager
def own_writes(session: Session, scope: Scope, position: Position | None) -> Iterator[None]:
    """What is written to the mirror within, is counted as Mirrorpoint's own; the scan that stands there knows of it."""
    if not scope.has_baseline:  # nearly all of it is new, which does not count
        yield
        return
    with generations.own(session, scope.source, scope.resource.name) as counted:
        yield
    if position is not None:
        position.generation = counted.after if counted.before == position.generation else 0


def keep(session: Session, scope: Scope, position: Position, seen: Seen) -> None:
    """The walk is over and complete: what it has compared, for the next scan; nothing where somebody else has written.

    `seen`: of this walk.
    """
    if seen.repeated or not position.generation:
        return
    new = Compared(rule(scope), position.generation, seen.pages)
    if new != scope.compared:  # where somebody else has written meanwhile, the next scan finds another generation
        row_cache.note_compared(session, scope.source, scope.resource.name, new)


def _names(pages: bytes) -> frozenset[bytes]:
    starts = range(0, len(pages), _NAME_BYTES + _ROWS_BYTES)
    return frozenset(pages[start : start + _NAME_BYTES] for start in starts)
