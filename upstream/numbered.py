"""Walks through lists whose pages are asked for by their number; called by the scan step through `styles.py`.

Such a list is walked as those are whose server takes only multiples of the limit (`paging.py`, *aligned*). More is
asked before an end is believed, since most servers ignore a parameter of a wrong name, and since some call the rows of
the page their total: behind a first page that is short a second one is asked for, and where that is the first one
again, half of the rows are asked for as a second page, which must begin elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from upstream import paging
from upstream.paging import Ask, End, Ending, Step, Walk


@dataclass(frozen=True, slots=True)
class Numbered(Walk):
    """Where the walk stands; goes to the database and back as plain JSON."""

    is_asking_for_half: bool = False  #: to see whether the number of the page means anything


def begin(*, restarts: int = 0) -> Numbered:
    return Numbered(is_aligned=True, restarts=restarts)


def ask(walk: Numbered, *, limit: int) -> Ask:
    """The request that continues `walk`."""
    if walk.is_asking_for_half:
        half = max(walk.rows // 2, 1)
        return Ask(half, half)
    return paging.ask(walk, limit=limit)


def accept(walk: Numbered, asked: Ask, page: Sequence[str], *, total: int | None) -> Step:
    """Take the answer to `asked`."""
    if walk.is_asking_for_half:
        is_other = bool(page) and page[0] != walk.first[0]
        return Step(walk, len(page), End(Ending.WHOLE) if is_other else _hidden(walk))
    step = paging.accept(walk, asked, page, total=total, is_verified=False)
    assert isinstance(step.walk, Numbered)  # noqa: S101  # an aligned walk is never exchanged for another
    if step.end is None:
        return step
    if step.end.ending is Ending.SHORT and not walk.first:
        return Step(replace(step.walk, limit=len(page), offset=len(page)), step.fresh)
    if walk.first and tuple(page[:2]) == walk.first and walk.rows == walk.page:
        if walk.rows > 1:
            return Step(replace(step.walk, is_asking_for_half=True), len(page))
        return Step(step.walk, len(page), End(Ending.WHOLE) if walk.is_short else _hidden(walk))
    return step


def refuse(walk: Numbered, asked: Ask, *, is_trouble: bool = False, is_end: bool = False) -> Step | None:
    """The server answered `asked` with an error; None: that is an error and nothing else."""
    if walk.is_asking_for_half:
        return None if is_trouble else Step(walk, 0, _hidden(walk))
    if (
        walk.first and walk.is_short and walk.rows == walk.page and not is_trouble
    ):  # behind a page that was the last one
        return Step(replace(walk, asks=walk.asks + 1), 0, End(Ending.REFUSED))
    return paging.refuse(walk, asked, is_trouble=is_trouble, is_end=is_end)


def _hidden(walk: Walk) -> End:
    reason = f"other pages than the first one bring its {walk.rows:,} rows again: is `page` of paging right?"
    return End(Ending.HIDDEN, reason)
