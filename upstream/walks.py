"""Where a walk through a list stands, how it ends, and what a page adds to it; the types that `paging.py` uses."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from enum import StrEnum
from typing import Any

#: Rows of the page before that a request asks for again.
OVERLAP = 1
#: A walk may cost so many times the requests of a plain one, and a few more; a list that does not end then is given up.
MOST_REQUESTS, FEW_REQUESTS = 2, 16
#: Identities kept of the last rows: so many rows may be deleted between two requests before the place is lost.
ANCHORS = 24


class Ending(StrEnum):
    """How a walk came to its end."""

    EMPTY = "empty"  #: the first answer had no rows
    BEHIND = "behind"  #: an answer brought the last row again and nothing after it, or nothing at all
    SHORT = "short"  #: a short page, if such a page has proved to be the end before, or if pages are aligned
    CLAMPED = "clamped"  #: other offsets bring the same page, and it ends with the last row
    WHOLE = "whole"  #: the server ignores the offset and answers with the whole list
    WRAPPED = "wrapped"  #: after the last row the list begins again
    REFUSED = "refused"  #: the server refuses to be asked for what is after the last row
    HIDDEN = "hidden"  #: it cannot be read to its end; `End.reason` says why
    LOST = "lost"  #: it would not stand still


@dataclass(frozen=True, slots=True)
class End:
    ending: Ending
    reason: str = ""  #: why this end proves nothing, whatever else is known


@dataclass(frozen=True, slots=True)
class Ask:
    """The next request of a walk."""

    offset: int
    limit: int
    cursor: str = ""  #: what the page before has named, if each page names the next one


@dataclass(frozen=True, slots=True)
class Walk:
    """Where the walk through one list stands; goes to the database and back as plain JSON."""

    offset: int = 0  #: rows before the next one, as the server counts at the moment
    anchors: tuple[str, ...] = ()  #: identities of the rows last taken, the newest at the end
    first: tuple[str, ...] = ()  #: identities of the list's first two rows
    back: int = 0  #: rows that the next request goes back to find an anchor
    stuck: int = 0  #: the same answers in a row that ended with the last row, but not where it was expected
    known: int = 0  #: answers in a row that brought, after their first row, only rows that had come before
    look: str = ""  #: the first row of these
    rows: int = 0  #: rows taken
    page: int = 0  #: rows of the longest answer
    asks: int = 0  #: answers so far
    restarts: int = 0  #: how often it was begun again because its place was lost
    is_aligned: bool = False  #: the server answers only multiples of the limit
    limit: int = 0  #: rows to ask for; 0: as many as the caller wants
    is_resized: bool = False  #: that is another size of page than before, since rows came twice
    wall: int = 0  #: where offset and limit together were refused; 0: nowhere
    is_short: bool = False  #: the first page had fewer rows than were asked for
    came_short: bool = False  #: so had the last page of a list that is read by whole pages
    has_fitted: bool = False  #: a page began with the last row of the one before, as it should
    total: int | None = None  #: what the server said last
    risen: int = 0  #: by how much it has grown, added up
    has_fallen: bool = False  #: it has been lower than in the answer before
    is_steady: bool = True  #: it said the same each time
    shifted: int = 0  #: places by which rows had moved back between two answers, added up
    surplus: int = 0  #: rows that were on the last page twice
    stray: str = ""  #: the identity of a row that came and fitted nowhere
    digest: str = ""  #: over the identities of all rows taken, in their order, however they were cut into pages

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Walk:
        known = {field.name for field in fields(cls)}
        values: dict[str, Any] = {name: one for name, one in value.items() if name in known}
        for name in ("anchors", "first"):
            values[name] = tuple(values.get(name, ()))
        return cls(**values)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Step:
    """What a page meant: the rows from `fresh` on are new, and the walk goes on or has ended."""

    walk: Walk
    fresh: int
    end: End | None = None


def begin(known: Walk | None = None, *, restarts: int = 0) -> Walk:
    """A walk from the start of the list, with what another walk has learned of how the server counts."""
    if known is None:
        return Walk(restarts=restarts)
    return Walk(
        restarts=restarts,
        asks=known.asks if restarts else 0,
        is_aligned=known.is_aligned,
        limit=known.limit if restarts else 0,
        is_resized=known.is_resized if restarts else False,
        wall=known.wall,
        total=known.total if restarts else None,
    )


def taken(walk: Walk, page: Sequence[str], fresh: int) -> Walk:
    taken, surplus = page[fresh:], len(page) - len(set(page))
    newest = tuple(dict.fromkeys(reversed(taken))) if surplus else tuple(taken[: -ANCHORS - 1 : -1])
    return replace(
        walk,
        anchors=(walk.anchors + newest[ANCHORS - 1 :: -1])[-ANCHORS:],
        rows=walk.rows + len(taken),
        surplus=surplus,
        stray="" if not walk.stray or walk.stray in taken else walk.stray,
        digest=digest(walk.digest, taken),
    )


def digest(before: str, taken: Sequence[str]) -> str:
    """Two checksums that may be continued at any row, so that pages of another size come to the same."""
    crc, adler = (int(before[:8], 16), int(before[8:], 16)) if before else (0, 1)
    data = "\0".join([*taken, ""]).encode("utf-8", "surrogatepass")
    return f"{zlib.crc32(data, crc):08x}{zlib.adler32(data, adler):08x}"


def is_too_dear(walk: Walk, asked: Ask) -> bool:
    """Whether it has taken far more requests than a plain walk would."""
    per_page = max(min(walk.page, asked.limit) - OVERLAP, 1)
    return walk.asks > MOST_REQUESTS * (max(walk.rows, walk.offset) // per_page) + FEW_REQUESTS
