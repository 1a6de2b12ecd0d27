"""One way to walk through a list, whether its pages are asked for by offset or number, or each names the next one.

Called by the scan step; what is decided for which list stands in `paging.py`, `numbered.py` and `chains.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from changes.resources import Resource
from upstream import addresses, chains, numbered, paging
from upstream.catalogue import Catalogue
from upstream.chains import Chain
from upstream.numbered import Numbered
from upstream.paging import OVERLAP, Ask, End, Ending, Step, Walk
from upstream.raw_page import RawPage


def from_json(value: Mapping[str, Any]) -> Walk:
    if "is_asking_for_half" in value:
        return Numbered.from_json(value)
    return Chain.from_json(value) if "cursor" in value else Walk.from_json(value)


def fitting(walk: Walk, catalogue: Catalogue, resource: Resource, *, has_first: bool = False) -> Walk:
    """`walk` if it goes as the lists of this resource must be walked now; else one that does, from the start.

    `has_first`: the number of the first page has proved to be right.
    """
    if addresses.is_chain(catalogue, resource):
        return walk if isinstance(walk, Chain) else chains.begin(restarts=walk.restarts)
    if addresses.is_by_pages(catalogue, resource):
        first = catalogue.paging_of(resource).first
        if isinstance(walk, Numbered) and walk.first_number == first:
            return walk
        return numbered.begin(first=first, has_first=has_first, restarts=walk.restarts)
    return paging.begin() if isinstance(walk, Chain | Numbered) else walk


def again(walk: Walk, *, came_twice: bool) -> Walk:
    """From the start once more; with smaller pages where rows came twice: at the edges of pages they may do so."""
    fewer = walk.limit or max(walk.page * 3 // 4, OVERLAP + 1)
    return replace(paging.begin(), limit=fewer) if came_twice else paging.begin()


def ask(walk: Walk, *, limit: int) -> Ask:
    """The request that continues `walk`."""
    if isinstance(walk, Chain):
        return chains.ask(walk, limit=limit)
    return numbered.ask(walk, limit=limit) if isinstance(walk, Numbered) else paging.ask(walk, limit=limit)


def following(walk: Walk, asked: Ask, *, page_rows: int, is_verified: bool) -> Iterator[Ask]:
    """The requests that come after `asked` if nothing moves; none where only its answer says what comes next."""
    if not isinstance(walk, Chain):
        yield from paging.following(walk, asked, page_rows=page_rows, is_verified=is_verified)


def accept(
    walk: Walk, asked: Ask, page: Sequence[str], *, next_: str | None, total: int | None, is_verified: bool
) -> Step:
    """Take the answer to `asked`."""
    if isinstance(walk, Chain):
        return chains.accept(walk, asked, page, next_=next_, total=total)
    if isinstance(walk, Numbered):
        return numbered.accept(walk, asked, page, total=total)
    return paging.accept(walk, asked, page, total=total, is_verified=is_verified)


def whole(step: Step, page: RawPage) -> Step:
    """`step`; where it takes one answer for the whole list, that must not say that more follows."""
    if not _takes_one_answer(step) or not (place := page.says_more()):
        return step
    rows = f"{step.walk.rows:,} rows came"
    reason = f"{rows}, and a next page is named ({place}): `paging` must say how to ask for it"
    return replace(step, end=End(Ending.HIDDEN, reason))


def _takes_one_answer(step: Step) -> bool:
    """Nothing else came, whatever the offset said."""
    if step.end is None or step.end.reason or isinstance(step.walk, Chain | Numbered):
        return False
    return step.end.ending is Ending.WHOLE or (step.end.ending is Ending.BEHIND and step.walk.rows == 1)


def refuse(walk: Walk, asked: Ask, *, is_trouble: bool = False, is_end: bool = False) -> Step | None:
    """The server answered `asked` with an error; None: that is an error and nothing else."""
    if isinstance(walk, Chain):
        return None if is_trouble else chains.refuse(walk, asked)
    if isinstance(walk, Numbered):
        return numbered.refuse(walk, asked, is_trouble=is_trouble, is_end=is_end)
    return paging.refuse(walk, asked, is_trouble=is_trouble, is_end=is_end)
