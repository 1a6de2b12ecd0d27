"""Servers of one list, by kind: honest ones, odd ones, and ones that lie; for the tests of the walk.

Each answers `(offset, limit)` with rows and a total, or refuses (`Refused`). `there` is the truth.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass, field

Answer = tuple[list[str], int | None]


class Refused(Exception):  # noqa: N818  # it is no error of ours
    """A 400; a 404 with `is_end`, a 500 with `is_trouble`."""

    def __init__(self, *, is_trouble: bool = False, is_end: bool = False) -> None:
        super().__init__()
        self.is_trouble = is_trouble
        self.is_end = is_end


@dataclass
class ListServer:
    """A list of rows that may change between any two requests."""

    there: list[str]
    rng: random.Random
    cap: int = 1000  #: rows of one page at most
    has_total: bool = True
    off_by: int = 0  #: what its total counts too much
    moves: int = 0  #: requests before each of which rows come and go
    burst: int = 1
    stayed: set[str] = field(default_factory=set)  #: rows that were there since `begin_scan`
    asks: int = 0
    _new: itertools.count[int] = field(default_factory=itertools.count)

    def begin_scan(self) -> None:
        self.stayed = set(self.there)
        self.asks = 0

    def __call__(self, offset: int, limit: int) -> Answer:
        self.asks += 1
        if self.moves:
            self.moves -= 1
            for _ in range(self.rng.randint(0, self.burst)):
                self.change()
        return self.answer(offset, limit)

    def change(self) -> None:
        """A row goes, or a new one comes, anywhere."""
        if self.there and self.rng.random() < 0.5:
            self.stayed.discard(self.there.pop(self.rng.randrange(len(self.there))))
        else:
            self.there.insert(self.rng.randint(0, len(self.there)), f"n{next(self._new)}")

    def answer(self, offset: int, limit: int) -> Answer:
        return self.there[offset : offset + min(limit, self.cap)], self.total

    @property
    def total(self) -> int | None:
        return len(self.there) + self.off_by if self.has_total else None

    @property
    def unlisted(self) -> frozenset[str]:
        """Rows that it counts and never shows to us: they are in no list."""
        return frozenset()


class Snapping(ListServer):
    """Puts an offset down to a multiple of the limit."""

    def answer(self, offset: int, limit: int) -> Answer:
        return super().answer(offset // limit * limit, limit)


class RefusingUnaligned(ListServer):
    """Answers 400 to an offset that is no multiple of the limit."""

    def answer(self, offset: int, limit: int) -> Answer:
        if offset % limit:
            raise Refused
        return super().answer(offset, limit)


@dataclass
class Window(ListServer):
    """Refuses what ends beyond a bound."""

    bound: int = 100

    def answer(self, offset: int, limit: int) -> Answer:
        if offset + limit > self.bound:
            raise Refused
        return super().answer(offset, limit)


@dataclass
class RefusingBehind(ListServer):
    """Has an error for what is behind the last row."""

    is_trouble: bool = False
    is_end: bool = False

    def answer(self, offset: int, limit: int) -> Answer:
        if offset and offset >= len(self.there):
            raise Refused(is_trouble=self.is_trouble, is_end=self.is_end)
        return super().answer(offset, limit)


@dataclass
class Hole(ListServer):
    """Answers empty between two offsets."""

    start: int = 50
    end: int = 60

    def answer(self, offset: int, limit: int) -> Answer:
        if self.start <= offset < self.end:
            return [], self.total
        return super().answer(offset, limit)


@dataclass
class Walled(ListServer):
    """Shows nothing behind a number of rows."""

    wall: int = 50

    def answer(self, offset: int, limit: int) -> Answer:
        return self.there[: self.wall][offset : offset + limit], self.total


@dataclass
class Clamped(ListServer):
    """Puts a larger offset down to a fixed one, or where that is None to that of the last page."""

    most: int | None = None

    def answer(self, offset: int, limit: int) -> Answer:
        most = max(len(self.there) - limit, 0) if self.most is None else self.most
        return super().answer(min(offset, most), limit)


class Wrapping(ListServer):
    """Begins again behind the last row."""

    def answer(self, offset: int, limit: int) -> Answer:
        size = len(self.there)
        return [self.there[(offset + n) % size] for n in range(min(limit, self.cap)) if size], self.total


@dataclass
class Ties(ListServer):
    """Rows of equal rank change places from request to request."""

    every: int = 10

    def answer(self, offset: int, limit: int) -> Answer:
        shown = list(self.there)
        for at in range(0, len(shown) - 1, self.every):
            if self.rng.random() < 0.5:
                shown[at], shown[at + 1] = shown[at + 1], shown[at]
        return shown[offset : offset + min(limit, self.cap)], self.total


@dataclass
class EdgeTies(ListServer):
    """Three rows of equal rank stand the other way round behind the first page, in the same way each time."""

    at: int = 0

    def answer(self, offset: int, limit: int) -> Answer:
        shown = list(self.there)
        if offset and self.at + 2 < len(shown):
            shown[self.at], shown[self.at + 2] = shown[self.at + 2], shown[self.at]
        return shown[offset : offset + min(limit, self.cap)], self.total


@dataclass
class Repeating(ListServer):
    """Adds the first rows of each page once more at its end."""

    times: int = 2

    def answer(self, offset: int, limit: int) -> Answer:
        page = self.there[offset : offset + min(limit, self.cap)]
        return page + page[: self.times], self.total


@dataclass
class Filtering(ListServer):
    """Cuts its pages first and leaves rows out of them then; its total counts these."""

    hidden: frozenset[str] = frozenset()

    def answer(self, offset: int, limit: int) -> Answer:
        page, total = super().answer(offset, limit)
        return [row for row in page if row not in self.hidden], total

    @property
    def unlisted(self) -> frozenset[str]:
        return self.hidden


@dataclass
class Moving(ListServer):
    """Once in a scan a row moves to the front, and another one comes at the end or one of the first ones goes.

    So neither its total nor the place of the rows behind says that somebody has passed the reader.
    """

    takes: bool = False  #: one of the first rows goes

    def begin_scan(self) -> None:
        super().begin_scan()
        self._move_at = self.rng.randint(2, 6)

    def __call__(self, offset: int, limit: int) -> Answer:
        if self.asks + 1 == self._move_at and len(self.there) > 4:
            self.there.insert(0, self.there.pop(self.rng.randrange(len(self.there) // 2, len(self.there))))
            if self.takes:
                self.stayed.discard(self.there.pop(self.rng.randint(1, 2)))
            else:
                self.there.append(f"n{next(self._new)}")
        return super().__call__(offset, limit)


@dataclass
class Doubled(ListServer):
    """Lists a few rows at two places, for good; its total counts places."""

    def __post_init__(self) -> None:
        for row in self.rng.sample(self.there, min(len(self.there), self.rng.randint(0, 3))):
            self.there.insert(self.rng.randint(0, len(self.there)), row)


class PageNumbers(ListServer):
    """Takes the offset for the number of a page."""

    def answer(self, offset: int, limit: int) -> Answer:
        return super().answer(offset * limit, limit)


class Stumbling(ListServer):
    """Now and then a page is short, or empty."""

    def answer(self, offset: int, limit: int) -> Answer:
        page, total = super().answer(offset, limit)
        if self.rng.random() < 0.1:
            page = page[: self.rng.randint(0, len(page))]
        return page, total


class SnappingStumbling(Snapping):
    """Both; but for the first page, by which the walk sees how many rows a page may have."""

    def answer(self, offset: int, limit: int) -> Answer:
        page, total = super().answer(offset, limit)
        if offset >= limit and self.rng.random() < 0.1:
            page = page[: self.rng.randint(0, len(page))]
        return page, total


class IgnoringOffset(ListServer):
    """Always answers from the first row on."""

    def answer(self, _offset: int, limit: int) -> Answer:
        return super().answer(0, limit)


class IgnoringAll(ListServer):
    """Always answers with the whole list."""

    def answer(self, _offset: int, _limit: int) -> Answer:
        return list(self.there), self.total


class PageTotals(ListServer):
    """Its total is the number of rows on the page."""

    def answer(self, offset: int, limit: int) -> Answer:
        page, _ = super().answer(offset, limit)
        return page, len(page)


#: Name -> what makes a server of this kind for a list.
Make = Callable[[list[str], random.Random], ListServer]
KINDS: dict[str, Make] = {
    "exact": ListServer,
    "capped": lambda rows, rng: ListServer(rows, rng, cap=rng.randint(1, 60)),
    "without total": lambda rows, rng: ListServer(rows, rng, has_total=False, cap=rng.choice([1000, 7])),
    "restless": lambda rows, rng: ListServer(rows, rng, moves=rng.randint(1, 40), burst=rng.randint(1, 8)),
    "restless without total": lambda rows, rng: ListServer(
        rows, rng, moves=rng.randint(1, 40), burst=rng.randint(1, 8), has_total=False
    ),
    "snapping": lambda rows, rng: Snapping(rows, rng, has_total=rng.random() < 0.7),
    "snapping, restless": lambda rows, rng: Snapping(rows, rng, has_total=rng.random() < 0.7, moves=20, burst=4),
    "refusing unaligned": lambda rows, rng: RefusingUnaligned(rows, rng, has_total=rng.random() < 0.7),
    "refusing unaligned, restless": lambda rows, rng: RefusingUnaligned(rows, rng, moves=20, burst=4),
    "window": lambda rows, rng: Window(rows, rng, bound=rng.randint(1, 2500), has_total=rng.random() < 0.7),
    "refusing behind": lambda rows, rng: RefusingBehind(
        rows, rng, is_end=rng.random() < 0.5, has_total=rng.random() < 0.7
    ),
    "snapping, capped": lambda rows, rng: Snapping(rows, rng, has_total=rng.random() < 0.7, cap=rng.randint(2, 60)),
    "snapping, stumbling": SnappingStumbling,
    "trouble behind": lambda rows, rng: RefusingBehind(rows, rng, is_trouble=True),
    "hole": lambda rows, rng: Hole(rows, rng, start=(start := rng.randint(1, 300)), end=start + rng.randint(1, 60)),
    "walled": lambda rows, rng: Walled(rows, rng, wall=rng.randint(1, 300)),
    "walled, restless": lambda rows, rng: Walled(rows, rng, wall=rng.randint(1, 300), moves=20, burst=2),
    "clamped": lambda rows, rng: Clamped(rows, rng, most=rng.choice([None, rng.randint(1, 300)])),
    "clamped, restless": lambda rows, rng: Clamped(rows, rng, most=rng.randint(1, 300), moves=20, burst=2),
    "wrapping": lambda rows, rng: Wrapping(rows, rng, has_total=rng.random() < 0.7),
    "ties": lambda rows, rng: Ties(rows, rng, every=rng.randint(2, 12), cap=rng.randint(5, 60)),
    "ties at an edge": lambda rows, rng: EdgeTies(
        rows, rng, at=rng.randint(0, 60), cap=rng.randint(5, 60), has_total=rng.random() < 0.3
    ),
    "repeating": lambda rows, rng: Repeating(rows, rng, times=rng.randint(1, 3), cap=rng.randint(4, 60)),
    "filtering": lambda rows, rng: Filtering(
        rows, rng, hidden=frozenset(rng.sample(rows, min(len(rows), rng.randint(0, 3))))
    ),
    "filtering, restless": lambda rows, rng: Filtering(
        rows, rng, hidden=frozenset(rng.sample(rows, min(len(rows), rng.randint(0, 3)))), moves=20, burst=2
    ),
    "moving, growing": lambda rows, rng: Moving(rows, rng, has_total=rng.random() < 0.7),
    "moving, shrinking": lambda rows, rng: Moving(rows, rng, takes=True),
    "doubled": lambda rows, rng: Doubled(rows, rng, has_total=rng.random() < 0.7, cap=rng.randint(4, 60)),
    "page numbers": lambda rows, rng: PageNumbers(rows, rng, has_total=rng.random() < 0.7),
    "stumbling": Stumbling,
    "ignoring offset": IgnoringOffset,
    "ignoring offset, capped": lambda rows, rng: IgnoringOffset(
        rows, rng, cap=rng.randint(2, 60), has_total=rng.random() < 0.3
    ),
    "ignoring all": lambda rows, rng: IgnoringAll(rows, rng, has_total=rng.random() < 0.3),
    "total too large": lambda rows, rng: ListServer(rows, rng, off_by=rng.randint(1, 5)),
    "total too small": lambda rows, rng: ListServer(rows, rng, off_by=-rng.randint(1, 5)),
    "total of the page": lambda rows, rng: PageTotals(rows, rng, cap=rng.randint(4, 60)),
}
