"""One way to call the walks of all styles: by offset, by page number, and by pages that name the next one.

Called by the scan step. The deciding is done in `paging.py`, `numbered.py` and `chains.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from changes.resources import Resource
from upstream import addresses, chains, numbered, paging, refusals
from upstream.catalogue import Catalogue
from upstream.chains import Chain
from upstream.numbered import Numbered
from upstream.paging import Ask, End, Ending, Step, Walk
from upstream.raw_page import RawPage


def from_json(value: Mapping[str, Any]) -> Walk:
    if "is_asking_for_half" in value:
        return Numbered.from_json(value)
    return Chain.from_json(value) if "cursor" in value else Walk.from_json(value)


def fitting(walk: Walk, catalogue: Catalogue, resource: Resource, *, has_first: bool = False) -> Walk:
    """`walk` if it is of the style in which this resource is to be walked now; else one of that style, from the start.

    `has_first`: the number of the first page has proved to be right.
    """
    if addresses.is_chain(catalogue, resource):
        return (
            walk
            if isinstance(walk, Chain)
            else chains.begin(restarts=walk.restarts, limit=walk.limit if walk.is_resized else 0)
        )
    if addresses.is_by_pages(catalogue, resource):
        first = catalogue.paging_of(resource).first
        if isinstance(walk, Numbered) and walk.first_number == first:
            return walk
        return numbered.begin(
            first=first, has_first=has_first, restarts=walk.restarts, limit=walk.limit if walk.is_resized else 0
        )
    return paging.begin() if isinstance(walk, Chain | Numbered) else walk


def again(walk: Walk, *, came_twice: bool) -> Walk:
    """From the start once more; by other pages where rows came twice: at the edges of pages they may do so.

    What is begun anew within one scan counts for all its walks.
    """
    begun = paging.begin(restarts=walk.restarts)
    if not came_twice:
        return begun
    return replace(begun, limit=walk.limit if walk.is_resized else _other_size(walk.page), is_resized=True)


def _other_size(page: int) -> int:
    """About half: servers that take certain numbers only take that of the usual ones. Of a few rows one overlaps."""
    if page < 4:
        return page + 1
    return page // 2 if page >= 20 else page // 2 + 1


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


def ended(before: Walk, step: Step, page: RawPage) -> Step:
    """`step`; if it takes the answer for the last one of the list, the answer must not say that more follows."""
    if not _is_at_end(before, step):
        return step
    rows, is_first = step.walk.rows, step.walk.rows <= step.walk.page
    place = page.says_more(rows, is_first=is_first)
    if not place:
        return step
    if is_first:
        reason = (
            f"{rows:,} rows came, and the answer says that more follow ({place}): `paging` must say how to ask for them"
        )
    else:
        reason = (
            f"{rows:,} rows came, and the last answer says that more follow ({place}); if it always does, "
            "envelope = { more = [] } leaves that out"
        )
    return replace(step, end=End(Ending.HIDDEN, reason))


def _is_at_end(before: Walk, step: Step) -> bool:
    """Whether the answer was taken for the last one of the list, though nothing counts the rows that came.

    What is asked for after it only makes the end certain.
    """
    walk = step.walk
    if isinstance(before, Numbered) and (before.beside or before.is_asking_for_half):
        return False
    if isinstance(before, Chain) and before.is_asking_for_less:
        return False
    is_end = step.end is not None and not step.end.reason
    is_end |= isinstance(walk, Numbered) and (bool(walk.beside) or walk.is_asking_for_half)
    is_end |= isinstance(walk, Chain) and walk.is_asking_for_less
    return is_end and not (walk.is_steady and walk.total == walk.rows > walk.page)


def refuse(walk: Walk, asked: Ask, *, is_trouble: bool = False, is_end: bool = False) -> Step | None:
    """What an error in answer to `asked` means for the walk; None: it is an error and nothing else."""
    if isinstance(walk, Chain):
        return None if is_trouble else chains.refuse(walk, asked)
    if isinstance(walk, Numbered):
        return numbered.refuse(walk, asked, is_trouble=is_trouble, is_end=is_end)
    return refusals.refuse(walk, asked, is_trouble=is_trouble, is_end=is_end)
