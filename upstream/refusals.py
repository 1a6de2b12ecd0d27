"""What an error in place of a page means for a walk through a list; beside `paging.py`, which takes the pages."""

from __future__ import annotations

from dataclasses import replace

from upstream.aligned import begin_aligned
from upstream.walks import OVERLAP, Ask, End, Ending, Step, Walk, is_too_dear


def refuse(walk: Walk, asked: Ask, *, is_trouble: bool = False, is_end: bool = False) -> Step | None:
    """What an error in answer to `asked` means for the walk; None: it is an error and nothing else.

    `is_trouble`: a 5xx, which ends a list only if its total says that no more rows follow. `is_end`: the error says
    that nothing is there, as 404 does, and not that this must not be asked.
    """
    if not walk.first:
        # Some servers take certain numbers of rows only.
        return Step(replace(walk, limit=0, is_resized=False), 0) if walk.is_resized and not is_trouble else None
    walk = replace(walk, asks=walk.asks + 1)
    is_whole = walk.total is not None and walk.total <= walk.rows
    if is_trouble and walk.rows == walk.page and not walk.is_short:  # a total of so many may count the page alone
        return None
    if is_whole or is_too_dear(walk, asked):
        return Step(walk, 0, End(Ending.REFUSED))
    if is_trouble:
        return None
    if is_end and walk.total is None and (walk.is_aligned or walk.rows == OVERLAP):
        return Step(walk, 0, End(Ending.REFUSED))
    if not walk.is_aligned and not walk.has_fitted and asked.offset % asked.limit:
        return Step(begin_aligned(walk, asked), 0)
    if walk.is_aligned and walk.came_short and walk.total is None:
        return Step(walk, 0, End(Ending.REFUSED))
    if walk.is_aligned and asked.limit % 2 == 0 and asked.offset % (asked.limit // 2) == 0:
        return Step(replace(walk, limit=asked.limit // 2), 0)
    if not walk.is_aligned and asked.limit > OVERLAP + 1:
        return Step(replace(walk, wall=asked.offset + asked.limit), 0)
    if walk.total is None and walk.rows > OVERLAP:
        return Step(walk, 0, End(Ending.HIDDEN, f"the server refuses what is behind {walk.rows:,} rows"))
    return Step(walk, 0, End(Ending.REFUSED))
