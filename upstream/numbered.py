"""Walks through lists whose pages are asked for by their number; called by the scan step through `styles.py`.

Such a list is walked like one whose server takes only multiples of the limit (`paging.py`, *aligned*). Before an end is
believed, more is asked for:

- after a first page that is short, the second one: a page may hold no more, and some servers call its rows their total;
- after each page that is short, the next one, unless a steady total fits: rows may have been left out of the page;
- if that is the first one again, a second page of half as many rows, which must begin elsewhere: most servers ignore
  a parameter that has a wrong name;
- if no total says how many rows there are, the page beside the first one, which must bring no other rows: if the server
  counts pages from 0 and the catalogue from 1, the first page would be lost. This is asked once for each resource.

Nothing here sends anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from upstream import paging, refusals
from upstream.paging import Ask, End, Ending, Step, Walk


@dataclass(frozen=True, slots=True)
class Numbered(Walk):
    """Where the walk stands; goes to the database and back as plain JSON."""

    is_asking_for_half: bool = False  #: to see whether the number of the page means anything
    first_number: int = 1  #: that of the first page, as the catalogue says
    has_first: bool = False  #: that page has proved to be the first one
    beside: str = ""  #: the end that was seen, while the page beside the first one is asked for


def begin(*, first: int, has_first: bool = False, restarts: int = 0, limit: int = 0) -> Numbered:
    """A walk from the page with the number `first` on; `has_first`: it has proved to be the first one."""
    return Numbered(
        is_aligned=True,
        restarts=restarts,
        limit=limit,
        is_resized=limit > 0,
        first_number=first,
        has_first=has_first,
    )


def ask(walk: Numbered, *, limit: int) -> Ask:
    """The request that continues `walk`."""
    if walk.beside:
        size = walk.limit or limit
        return Ask(-size if walk.first_number else size, size)
    if walk.is_asking_for_half:
        half = max(walk.rows // 2, 1)
        return Ask(half, half)
    return paging.ask(walk, limit=limit)


def accept(walk: Numbered, asked: Ask, page: Sequence[str], *, total: int | None) -> Step:
    """Take the answer to `asked`."""
    if walk.beside:
        return _beside(walk, page)
    if total is None:
        total = walk.total  # many say it on their first page only, or only where there are rows
    return _ended(_accept(walk, asked, page, total))


def refuse(walk: Numbered, asked: Ask, *, is_trouble: bool = False, is_end: bool = False) -> Step | None:
    """What an error in answer to `asked` means for the walk; None: it is an error and nothing else."""
    if walk.beside:  # rightly, there is no page of this number; after trouble the next scan asks again
        return _beside(walk, (), is_answer=not is_trouble)
    if walk.is_asking_for_half:
        return None if is_trouble else Step(walk, 0, _hidden(walk))
    is_one_page = (walk.is_short and walk.rows == walk.page) or (walk.came_short and walk.total is None)
    if walk.first and is_one_page and not is_trouble:  # after a page that was the last one
        return _ended(Step(replace(walk, asks=walk.asks + 1), 0, End(Ending.REFUSED)))
    step = refusals.refuse(walk, asked, is_trouble=is_trouble, is_end=is_end)
    return step and _ended(step)


def _accept(walk: Numbered, asked: Ask, page: Sequence[str], total: int | None) -> Step:
    if walk.is_asking_for_half:
        return _half(walk, asked, page)
    step = paging.accept(walk, asked, page, total=total, is_verified=False)
    assert isinstance(step.walk, Numbered)  # noqa: S101  # an aligned walk is never exchanged for another
    # A page number means something only with one size, and the size asked for may be another in the next slice.
    numbered = replace(step.walk, limit=step.walk.limit or asked.limit)
    if step.end is None and total is None and not walk.first:  # it may lack rows, or be full: the numbers stay
        return replace(
            step, walk=replace(numbered, limit=asked.limit, offset=asked.limit, came_short=len(page) < asked.limit)
        )
    if step.end is None:
        return replace(step, walk=numbered)
    if step.end.ending is Ending.SHORT and not walk.first:
        return Step(replace(numbered, limit=len(page), offset=len(page)), step.fresh)
    if walk.first and tuple(page[:2]) == walk.first and walk.rows == walk.page:
        if walk.rows > 1:
            return Step(replace(numbered, is_asking_for_half=True), len(page))
        return Step(numbered, len(page), End(Ending.WHOLE) if walk.is_short else _hidden(walk))
    return replace(step, walk=numbered)


def _half(walk: Numbered, asked: Ask, page: Sequence[str]) -> Step:
    """The second half of the only page, if its number means anything, and the list is as it was."""
    if not page or page[0] == walk.first[0]:
        return Step(walk, len(page), _hidden(walk))
    kept = walk.rows - len(walk.anchors)  # of those before, it is not known any more which they were
    known = range(max(asked.offset, kept), min(asked.offset + len(page), walk.rows))
    if all(page[place - asked.offset] == walk.anchors[place - kept] for place in known):
        return Step(walk, len(page), End(Ending.WHOLE))
    if walk.restarts >= paging.RESTARTS:
        return Step(walk, len(page), End(Ending.LOST, f"rows moved from page to page {walk.restarts + 1} times"))
    first, has_first = walk.first_number, walk.has_first
    return Step(begin(first=first, has_first=has_first, restarts=walk.restarts + 1), len(page))


def _ended(step: Step) -> Step:
    """`step`; before an end that nothing else proves, the page beside the first one is asked for."""
    walk, end = step.walk, step.end
    assert isinstance(walk, Numbered)  # noqa: S101  # see above
    if end is None or end.reason or walk.total is not None or walk.has_first:
        return step
    if walk.rows and not walk.first_number:  # before page 0 is nothing, and page 1 has been asked for
        return step
    return Step(replace(walk, beside=str(end.ending), is_asking_for_half=False), step.fresh)


def _beside(walk: Numbered, page: Sequence[str], *, is_answer: bool = True) -> Step:
    """The page beside the first may bring no rows, or those of the first or last page. An empty list proves nothing."""
    ended = replace(walk, asks=walk.asks + 1, has_first=is_answer and walk.rows > 0, beside="")
    if not page or (walk.rows and ((page[0],) == walk.first[:1] or (page[-1],) == walk.anchors[-1:])):
        return Step(ended, len(page), End(Ending(walk.beside)))
    number = 0 if walk.first_number else 1
    reason = f"page {number} brings {len(page):,} other rows: is `first` of paging right?"
    return Step(ended, len(page), End(Ending.HIDDEN, reason))


def _hidden(walk: Walk) -> End:
    reason = (
        f"other pages than the first one bring its {walk.rows:,} rows again: are `page` and `first` of paging right?"
    )
    return End(Ending.HIDDEN, reason)
