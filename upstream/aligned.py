"""Lists that are read by whole pages, since their server lowers other offsets or refuses them; used by `paging.py`.

Their pages do not overlap, so such a list is proved by two walks that agree (`evidence.py`). A short page is its end
only if the total says so: a server may cut the page first, and leave rows out of it afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from upstream.walks import Ask, End, Ending, Step, Walk, taken


def begin_aligned(walk: Walk, asked: Ask) -> Walk:
    """Read by whole pages from here on. If the first page was shorter than asked for, a page holds no more."""
    is_capped = walk.rows < asked.limit and (walk.total is None or walk.total > walk.rows)
    size = walk.rows if is_capped else asked.limit
    return replace(walk, is_aligned=True, limit=size, offset=-(-walk.rows // size) * size, back=0, stuck=0)


def next_page(walk: Walk, asked: Ask, page: Sequence[str]) -> Step:
    """Take an answer that should begin after the last row taken: pages do not overlap."""
    if not page:
        ahead = replace(walk, offset=asked.offset + asked.limit)
        is_last = not walk.total or walk.total <= ahead.offset
        return Step(walk, 0, End(Ending.BEHIND)) if is_last else Step(ahead, 0)
    if tuple(page[:2]) == walk.first[: len(page)]:
        if walk.rows > walk.page:
            return Step(walk, len(page), End(Ending.WRAPPED))
        if walk.total is None and walk.is_short and asked.limit >= walk.rows > 1:
            # Was this the whole list, or all that a page holds? If fewer rows are asked for, a whole list stays whole.
            return Step(replace(walk, limit=walk.rows // 2, offset=walk.rows // 2), len(page))
        is_whole = walk.total is not None or len(page) > asked.limit
        hidden = "the server ignores the offset and hides what is beyond a page"
        return Step(walk, len(page), End(Ending.WHOLE) if is_whole else End(Ending.HIDDEN, hidden))
    last = min(len(page), len(walk.anchors))
    if tuple(page[-last:]) == walk.anchors[-last:]:
        return Step(walk, len(page), End(Ending.CLAMPED))
    is_short = len(page) < asked.limit
    ahead = replace(taken(walk, page, 0), offset=asked.offset + asked.limit, came_short=is_short)
    is_last = is_short and ahead.is_steady and ahead.total == ahead.rows
    return Step(ahead, 0, End(Ending.SHORT) if is_last else None)
