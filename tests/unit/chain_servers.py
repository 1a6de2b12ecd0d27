"""Servers of one list in which each page names the next one, by kind; for the tests of the walk through chains.

Each answers `(cursor, limit)` with rows, what names the next page, and a total, or refuses (`Refused`). `there` is the
truth. A cursor holds the last row that was sent, or its place: both are common.
"""

from __future__ import annotations

import bisect
import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.unit.list_servers import Refused

Answer = tuple[list[str], str | None, int | None]


@dataclass
class ChainServer:
    """A list of rows in a steady order; rows may come and go between any two requests."""

    there: list[str]
    rng: random.Random
    cap: int = 1000
    has_total: bool = True
    off_by: int = 0  #: what its total counts too much
    moves: int = 0  #: requests before each of which rows come and go
    burst: int = 3
    by_place: bool = False  #: a cursor is a place, so that rows slip through when others come and go before it
    end: str | None = ""  #: what stands for "no next page"
    stayed: set[str] = field(default_factory=set)  #: rows that were there since `begin_scan`
    asks: int = 0
    _new: itertools.count[int] = field(default_factory=itertools.count)

    def begin_scan(self) -> None:
        self.stayed = set(self.there)
        self.asks = 0

    def __call__(self, cursor: str, limit: int) -> Answer:
        self.asks += 1
        if self.moves:
            self.moves -= 1
            for _ in range(self.rng.randint(0, self.burst)):
                self.change()
        return self.answer(cursor, min(limit, self.cap))

    def change(self) -> None:
        """A row goes, or a new one comes, anywhere."""
        if self.there and self.rng.random() < 0.5:
            self.stayed.discard(self.there.pop(self.rng.randrange(len(self.there))))
        else:
            self.there.append(f"r{self.rng.randrange(100_000):05}.{next(self._new)}")
            self.there.sort()

    def answer(self, cursor: str, limit: int) -> Answer:
        start = self.start(cursor)
        page = self.there[start : start + limit]
        behind = self.named(page, start + limit) if start + limit < len(self.there) else self.end
        return page, behind, self.total

    def start(self, cursor: str) -> int:
        if not cursor:
            return 0
        if self.by_place:
            return int(cursor)
        return bisect.bisect_right(self.there, cursor)

    def named(self, page: list[str], place: int) -> str:
        return str(place) if self.by_place else page[-1]

    @property
    def total(self) -> int | None:
        return len(self.there) + self.off_by if self.has_total else None


@dataclass
class Looping(ChainServer):
    """From some page on it names one that was before."""

    at: int = 3
    back: int = 1

    def answer(self, cursor: str, limit: int) -> Answer:
        page, behind, total = super().answer(cursor, limit)
        if self.start(cursor) // limit == self.at and behind:
            place = (self.at - self.back) * limit
            behind = self.named(self.there[:place], place) if place > 0 else self.named(self.there[:limit], limit)
        return page, behind, total


class LoopingUnderNewNames(Looping):
    """The same, but a cursor never looks the same twice."""

    def answer(self, cursor: str, limit: int) -> Answer:
        page, behind, total = super().answer(cursor.partition("~")[0], limit)
        return page, f"{behind}~{self.rng.random()}" if behind else behind, total


@dataclass
class Stuck(ChainServer):
    """One page names itself."""

    at: int = 2

    def answer(self, cursor: str, limit: int) -> Answer:
        page, behind, total = super().answer(cursor, limit)
        return page, cursor if cursor and self.start(cursor) // limit == self.at else behind, total


@dataclass
class CutShort(ChainServer):
    """Now and then it names no next page."""

    chance: float = 0.1

    def answer(self, cursor: str, limit: int) -> Answer:
        page, behind, total = super().answer(cursor, limit)
        return page, self.end if self.rng.random() < self.chance else behind, total


@dataclass
class Stumbling(ChainServer):
    """Now and then a page lacks rows, as where they are cut first and filtered then; the total counts them."""

    chance: float = 0.1

    def answer(self, cursor: str, limit: int) -> Answer:
        page, behind, total = super().answer(cursor, limit)
        return page[: self.rng.randint(0, len(page))] if self.rng.random() < self.chance else page, behind, total


@dataclass
class EmptyBetween(ChainServer):
    """Empty pages stand between those with rows, and one at the end."""

    def answer(self, cursor: str, limit: int) -> Answer:
        if cursor.endswith("~"):
            cursor = cursor[:-1]
            page, behind, total = super().answer(cursor, limit)
            return page, f"{behind or page[-1]}" if page else self.end, total
        if cursor:
            return [], f"{cursor}~", self.total
        page, behind, total = super().answer(cursor, limit)
        return page, behind or (page[-1] if page else self.end), total


class NamingItselfAtTheEnd(ChainServer):
    """Behind the last row it goes on naming the same page, which is empty."""

    def answer(self, cursor: str, limit: int) -> Answer:
        page, _, total = super().answer(cursor, limit)
        return page, page[-1] if page else cursor, total


@dataclass
class Expiring(ChainServer):
    """A cursor is taken for so many requests only."""

    life: int = 5
    begun: int = 0

    def answer(self, cursor: str, limit: int) -> Answer:
        if not cursor:
            self.begun = self.asks
        elif self.asks - self.begun > self.life:
            self.life *= 2  # so that some get through in the end
            raise Refused
        return super().answer(cursor, limit)


class NeverTelling(ChainServer):
    """What follows stands somewhere else than is looked for."""

    def answer(self, cursor: str, limit: int) -> Answer:
        page, _, total = super().answer(cursor, limit)
        return page, None, total


class NeverTellingWithPageTotals(ChainServer):
    """And its total is the number of rows on the page."""

    def answer(self, cursor: str, limit: int) -> Answer:
        page, _, _ = super().answer(cursor, limit)
        return page, None, len(page)


class EmptyBetweenWithPageTotals(EmptyBetween):
    """Its total is the number of rows on the page, and empty pages have none."""

    def answer(self, cursor: str, limit: int) -> Answer:
        page, behind, _ = super().answer(cursor, limit)
        return page, behind, len(page) or None


@dataclass
class ExpiringWithPageTotals(ChainServer):
    """A cursor is taken for so many requests only, ever again; the total is the number of rows on the page."""

    life: int = 1
    begun: int = 0

    def answer(self, cursor: str, limit: int) -> Answer:
        if not cursor:
            self.begun = self.asks
        elif self.asks - self.begun >= self.life:
            raise Refused
        page, behind, _ = super().answer(cursor, limit)
        return page, behind, len(page)


class FirstWithPageTotals(ChainServer):
    """It does not know the parameter of the cursor, and its total is the number of rows on the page."""

    def answer(self, _cursor: str, limit: int) -> Answer:
        page, behind, _ = super().answer("", limit)
        return page, behind, len(page)


class SizeAsTotal(ChainServer):
    """Its total is the first page's number of rows, on that page only."""

    def answer(self, cursor: str, limit: int) -> Answer:
        page, behind, _ = super().answer(cursor, limit)
        return page, behind, None if cursor else len(page)


class IgnoringLimits(ChainServer):
    """Its pages hold what they hold."""

    def __call__(self, cursor: str, _limit: int) -> Answer:
        return super().__call__(cursor, self.cap)


@dataclass
class Ties(ChainServer):
    """Rows of equal rank change places from request to request."""

    every: int = 10
    by_place: bool = True

    def answer(self, cursor: str, limit: int) -> Answer:
        kept, self.there = self.there, list(self.there)
        for at in range(0, len(kept) - 1, self.every):
            if self.rng.random() < 0.5:
                self.there[at], self.there[at + 1] = self.there[at + 1], self.there[at]
        try:
            return super().answer(cursor, limit)
        finally:
            self.there = kept


class TotalAtFirst(ChainServer):
    """It says a total on its first page only."""

    def answer(self, cursor: str, limit: int) -> Answer:
        page, behind, total = super().answer(cursor, limit)
        return page, behind, None if cursor else total


class Shuffling(ChainServer):
    """It ignores the cursor, sends rows in another order each time, and names another next page for ever."""

    def answer(self, cursor: str, limit: int) -> Answer:
        page = self.rng.sample(self.there, min(limit, len(self.there)))
        return page, f"{cursor}~"[-20:] + str(self.asks), self.total


class NeverEnding(ChainServer):
    """Behind the last row it goes on with empty pages, each of which names another one."""

    def answer(self, cursor: str, limit: int) -> Answer:
        page, behind, total = super().answer(cursor, limit)
        return page, behind or (page[-1] if page else f"{cursor}~"), total


#: Name -> what makes a server of this kind for a list.
Make = Callable[[list[str], random.Random], ChainServer]
KINDS: dict[str, Make] = {
    "exact": lambda rows, rng: ChainServer(rows, rng, end=rng.choice(["", None]), by_place=rng.random() < 0.5),
    "capped": lambda rows, rng: ChainServer(rows, rng, cap=rng.randint(1, 60), has_total=rng.random() < 0.5),
    "without total": lambda rows, rng: ChainServer(rows, rng, has_total=False, end=rng.choice(["", None])),
    "restless": lambda rows, rng: ChainServer(rows, rng, moves=40, has_total=rng.random() < 0.5),
    "restless, by place": lambda rows, rng: ChainServer(
        rows, rng, moves=40, has_total=rng.random() < 0.5, by_place=True
    ),
    "looping": lambda rows, rng: Looping(
        rows, rng, at=(at := rng.randint(1, 30)), back=rng.randint(0, at), has_total=rng.random() < 0.5
    ),
    "looping under new names": lambda rows, rng: LoopingUnderNewNames(
        rows, rng, at=(at := rng.randint(1, 30)), back=rng.randint(0, at), has_total=rng.random() < 0.5
    ),
    "stuck": lambda rows, rng: Stuck(rows, rng, at=rng.randint(1, 5), has_total=rng.random() < 0.5),
    "cut short": lambda rows, rng: CutShort(rows, rng, chance=rng.choice([0.02, 0.2])),
    "stumbling": Stumbling,
    "empty between": lambda rows, rng: EmptyBetween(rows, rng, has_total=rng.random() < 0.5),
    "empty between, total of the page": EmptyBetweenWithPageTotals,
    "expiring, total of the page": lambda rows, rng: ExpiringWithPageTotals(rows, rng, life=rng.randint(1, 5)),
    "the first page always, total of the page": FirstWithPageTotals,
    "restless, size as total": lambda rows, rng: SizeAsTotal(rows, rng, moves=200, by_place=True),
    "naming itself at the end": lambda rows, rng: NamingItselfAtTheEnd(rows, rng, has_total=rng.random() < 0.5),
    "expiring": lambda rows, rng: Expiring(rows, rng, life=rng.randint(1, 40), has_total=rng.random() < 0.5),
    "never telling": lambda rows, rng: NeverTelling(rows, rng, has_total=rng.random() < 0.5),
    "never telling, total of the page": NeverTellingWithPageTotals,
    "total at first": TotalAtFirst,
    "shuffling": lambda rows, rng: Shuffling(rows, rng, has_total=rng.random() < 0.5),
    "never ending": lambda rows, rng: NeverEnding(rows, rng, has_total=rng.random() < 0.5),
    "ties": lambda rows, rng: Ties(rows, rng, every=rng.randint(2, 12)),
    "total too large": lambda rows, rng: ChainServer(rows, rng, off_by=rng.randint(1, 5)),
    "total too small": lambda rows, rng: ChainServer(rows, rng, off_by=-rng.randint(1, 5)),
}
