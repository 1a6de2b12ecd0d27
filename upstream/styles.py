"""One way to call the walks of all styles: by offset, by page number, and by pages that name the next one.

Called by the scan step. The deciding is done in `paging.py`, `numbered.py` and `chains.py`.
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
from upstream.paging import OVERLAP, Ask, Ending, Step, Walk


def from_json(value: Mapping[str, Any]) -> Walk:
    if "is_asking_for_half" in value:
        return Numbered.from_json(value)
    return Chain.from_json(value) if "cursor" in value else Walk.from_json(value)


def fitting(walk: Walk, catalogue: Catalogue, resource: Resource, *, has_first: bool = False) -> Walk:
    """`walk` if it is of the style in which this resource is to be walked now; else one of that style, from the start.

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
    """Walk from the start once more. If rows came twice, perhaps at the edges of pages, with smaller pages."""
    fewer = walk.limit or max(walk.page * 3 // 4, OVERLAP + 1)
    return replace(paging.begin(), limit=fewer) if came_twice else paging.begin()


def ask(walk: Walk, *, limit: int) -> Ask:
    """The request that continues `walk`."""
    if isinstance(walk, Chain):
        return chains.ask(walk, limit=limit)
    return numbered.ask(walk, limit=limit) if isinstance(walk, Numbered) else paging.ask(walk, limit=limit)


def following(walk: Walk, asked: Ask, *, page_rows: int, is_verified: bool) -> Iterator[Ask]:
    """The requests that come after `asked` if nothing moves; none if only the answer to it says what comes next."""
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


def took_one_answer(step: Step) -> bool:
    """Whether one answer was taken for the whole list, since no other came, whatever the offset was."""
    if step.end is None or step.end.reason or isinstance(step.walk, Chain | Numbered):
        return False
    return step.end.ending is Ending.WHOLE or (step.end.ending is Ending.BEHIND and step.walk.rows == 1)


def refuse(walk: Walk, asked: Ask, *, is_trouble: bool = False, is_end: bool = False) -> Step | None:
    """What an error in answer to `asked` means for the walk; None: it is an error and nothing else."""
    if isinstance(walk, Chain):
        return None if is_trouble else chains.refuse(walk, asked)
    if isinstance(walk, Numbered):
        return numbered.refuse(walk, asked, is_trouble=is_trouble, is_end=is_end)
    return paging.refuse(walk, asked, is_trouble=is_trouble, is_end=is_end)
