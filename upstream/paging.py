"""Decides what to ask next from what has come, so that no row between two pages is lost; called by the scan step.

Every request but a list's first begins one row early. If that row is the last one of the page before, nothing has moved
in between. If it is not, rows were inserted or deleted before the position. Then the walk looks for one of the rows it
took last (its anchors), steps back as far as needed, and goes on after it. Some servers only answer offsets that are
multiples of the limit. Their lists are read by whole pages (*aligned*), and are proved by two walks that agree.

A walk only says that it has come to an end, and how. `evidence.py` decides what that is worth, from all that came.
Nothing here sends anything. Rows are given by their identities: equal texts are the same record.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from upstream.aligned import begin_aligned, next_page
from upstream.walks import OVERLAP, Ask, End, Ending, Step, Walk, begin, is_too_dear, taken

__all__ = ["OVERLAP", "Ask", "End", "Ending", "Step", "Walk", "accept", "ask", "begin", "following"]

#: Pages that are looked through backwards for an anchor before the list is begun again.
STEPS_BACK = 4
#: How often a list may be begun again because its place was lost.
RESTARTS = 3
#: How often the end is asked for again when the last row is not where it was.
LOOKS_AGAIN = 2
#: Stands for the row that did not come where the last one should have come again.
NOTHING = "\0nothing"
#: A list longer than this is taken for endless.
MAX_ROWS = 50_000_000


def ask(walk: Walk, *, limit: int) -> Ask:
    """The request that continues `walk`."""
    size = walk.limit or limit
    if walk.is_aligned or walk.offset <= OVERLAP:
        # If a server sends one row at a time, the row asked for again and the next row could not be told apart.
        start = walk.offset
    else:
        start = max(0, walk.offset - OVERLAP - walk.back)
    if walk.wall and not walk.is_aligned:
        size = max(OVERLAP + 1, min(size, (walk.wall - start) // 2))
    return Ask(start, size)


def following(walk: Walk, asked: Ask, *, page_rows: int, is_verified: bool) -> Iterator[Ask]:
    """The requests that come after `asked` if nothing moves and pages bring `page_rows`; none without a total.

    If a short page does not prove the list's end, the last of them looks at it.
    """
    total, offset = walk.total or 0, asked.offset
    if walk.wall:
        return
    if walk.is_aligned:
        yield from (Ask(start, asked.limit) for start in range(offset + asked.limit, total, asked.limit))
        return
    while page_rows > OVERLAP and offset + page_rows < total:
        offset += page_rows - OVERLAP
        yield Ask(offset, asked.limit)
    is_proof_needed = not is_verified or not walk.is_steady or total - offset >= asked.limit
    if total > OVERLAP and is_proof_needed and offset < total - OVERLAP:
        yield Ask(total - OVERLAP, asked.limit)


def accept(
    walk: Walk, asked: Ask, page: Sequence[str], *, total: int | None, is_verified: bool, max_rows: int = MAX_ROWS
) -> Step:
    """Take the answer to `asked`; `is_verified`: a short page with a fitting total has proved to be a list's end."""
    walk = _noted(walk, asked, page, total)
    if not walk.first:
        return _first_page(walk, asked, page, is_verified=is_verified)
    if is_too_dear(walk, asked):
        return Step(walk, len(page), End(Ending.LOST, f"it would not end within {walk.asks} requests"))
    if walk.is_aligned:
        step = next_page(walk, asked, page)
    elif asked.offset == walk.offset == OVERLAP:
        step = _second_row(walk, asked, page)
    else:
        step = _next(walk, asked, page, is_verified=is_verified)
    if step.end is None and step.walk.rows > max_rows:
        return replace(step, end=End(Ending.HIDDEN, f"the list is longer than {max_rows} rows"))
    return step


def _noted(walk: Walk, asked: Ask, page: Sequence[str], total: int | None) -> Walk:
    is_steady, risen, has_fallen = walk.is_steady, walk.risen, walk.has_fallen
    if walk.asks and total != walk.total:
        is_steady = False
        if total is not None and walk.total is not None:
            risen += max(0, total - walk.total)
            has_fallen |= total < walk.total
    return replace(
        walk,
        asks=walk.asks + 1,
        wall=walk.wall if asked.offset + asked.limit < walk.wall else 0,
        page=max(walk.page, len(page)),
        total=total,
        is_steady=is_steady,
        risen=risen,
        has_fallen=has_fallen,
    )


def _first_page(walk: Walk, asked: Ask, page: Sequence[str], *, is_verified: bool) -> Step:
    if page:
        walk = replace(walk, first=tuple(page[:2]), is_short=len(page) < asked.limit)
        return _go_on(walk, asked, page, 0, is_verified=is_verified)
    if walk.total:
        return Step(walk, 0, End(Ending.HIDDEN, f"an empty list, while its total says {walk.total}"))
    if walk.restarts:
        return Step(walk, 0, End(Ending.HIDDEN, "the list became empty while it was being read"))
    return Step(walk, 0, End(Ending.EMPTY))


def _second_row(walk: Walk, asked: Ask, page: Sequence[str]) -> Step:
    """The answer that follows a first page of one row."""
    if page and tuple(page) == walk.first and not walk.is_short and walk.total is None:
        return Step(walk, len(page), End(Ending.HIDDEN, "the server ignores the offset, and one row was asked for"))
    if not page or tuple(page) == walk.first:
        # If only one row was asked for, nothing proves that it stands just before this place.
        return Step(replace(walk, is_aligned=not walk.is_short), len(page), End(Ending.BEHIND))
    if len(page) == 1:  # one row at a time: nothing can overlap
        single = replace(walk, is_aligned=True, limit=1)
        return next_page(single, Ask(asked.offset, 1), page)
    if walk.restarts >= RESTARTS:
        return Step(walk, len(page), End(Ending.LOST, f"lost its place in the list {RESTARTS + 1} times"))
    return Step(begin(walk, restarts=walk.restarts + 1), len(page))


def _next(walk: Walk, asked: Ask, page: Sequence[str], *, is_verified: bool) -> Step:
    """An answer that should begin with the last row taken."""
    place = _find_anchor(walk, page)
    if place is None:
        return _step_back(walk, asked, page)
    fresh = place + 1
    if place == 0 and walk.stray == NOTHING:
        walk = replace(walk, stray="")
    if fresh < len(page):
        is_known = _is_known(walk, page, fresh)
        shifted = walk.shifted + max(0, asked.offset + place - (walk.offset - OVERLAP))
        has_fitted, known = walk.has_fitted or place == 0, walk.known + 1 if is_known else 0
        if (shifted, has_fitted, known) != (walk.shifted, walk.has_fitted, walk.known):  # copying is dear
            walk = replace(walk, shifted=shifted, has_fitted=has_fitted, known=known)
        if not is_known or (len(page) == asked.limit and walk.known <= LOOKS_AGAIN):
            return _go_on(walk, asked, page, fresh, is_verified=is_verified)
    if place == 0:
        return Step(replace(walk, offset=asked.offset + fresh), fresh, End(Ending.BEHIND))
    if _is_first_page_again(walk, asked, page):
        return Step(begin_aligned(walk, asked), fresh)
    return _look_again(walk, asked.offset + fresh, fresh, looks_like=page[0])


def _is_known(walk: Walk, page: Sequence[str], fresh: int) -> bool:
    """Whether the rows after the last one taken are only rows that stood before it: some servers repeat rows."""
    known = {*walk.anchors, *page[:fresh]}  # most often the first row is not among them
    return known.issuperset(page[fresh:]) and len(set(page)) < len(page)


def _first_rows_again(walk: Walk, page: Sequence[str], fresh: int) -> int | None:
    """Where the list's first two rows stand again, side by side; one alone may be a row that is listed twice.

    None also if a total says that more is to come.
    """
    if len(walk.first) < 2 or walk.first[0] not in page:
        return None
    # The last row taken may itself have been the first one again.
    start = max(fresh, 1) if walk.rows <= OVERLAP else fresh - OVERLAP
    places = (at for at in range(start, len(page) - 1) if tuple(page[at : at + 2]) == walk.first)
    again = next(places, None)
    is_early = again is not None and walk.total is not None and walk.total > walk.rows + again - fresh
    return None if is_early else again


def _is_first_page_again(walk: Walk, asked: Ask, page: Sequence[str]) -> bool:
    """Whether the server has lowered the offset to 0: to a multiple of the limit, or because it ignores offsets."""
    return asked.offset > 0 and not walk.back and tuple(page[:2]) == walk.first and not walk.has_fitted


def _look_again(walk: Walk, offset: int, fresh: int, *, looks_like: str) -> Step:
    """The last row came at the end of the page, not at its start: rows were inserted, or the server clamps the offset.

    Rows that did not fit on this page may follow, so the walk asks again from where the row is now. A server that
    clamps would answer the same for ever.
    """
    if offset == walk.total:
        return Step(replace(walk, offset=offset), fresh, End(Ending.BEHIND))
    stuck = walk.stuck + 1 if looks_like == walk.look else 1
    if stuck > LOOKS_AGAIN:
        return Step(walk, fresh, End(Ending.CLAMPED))
    return Step(replace(walk, offset=offset, back=0, stuck=stuck, look=looks_like), fresh)


def _find_anchor(walk: Walk, page: Sequence[str]) -> int | None:
    """The first place of the newest anchor that is among the rows; nearly always 0, found without looking further.

    If a row stands there twice, its first place counts, so that the rows in between are not skipped.
    """
    if page and page[0] == walk.anchors[-1]:
        return 0
    places = {identity: index for index, identity in reversed(list(enumerate(page)))}
    return next((places[anchor] for anchor in reversed(walk.anchors) if anchor in places), None)


def _step_back(walk: Walk, asked: Ask, page: Sequence[str]) -> Step:
    """No anchor is on this page: rows before the position were deleted. Look further back, at last from the start."""
    received = len(page)
    walk = replace(walk, stray=page[0] if page else NOTHING)
    if walk.surplus and not walk.back:  # the page before had rows twice: the server may not count those
        return Step(replace(walk, back=walk.surplus), received)
    if asked.offset > 0 and walk.back < STEPS_BACK * asked.limit:
        return Step(replace(walk, back=walk.back + max(received, asked.limit // 2, 1)), received)
    if walk.restarts >= RESTARTS:
        return Step(walk, received, End(Ending.LOST, f"lost its place in the list {RESTARTS + 1} times"))
    return Step(begin(walk, restarts=walk.restarts + 1), received)


def _go_on(walk: Walk, asked: Ask, page: Sequence[str], fresh: int, *, is_verified: bool) -> Step:
    again = _first_rows_again(walk, page, fresh)
    if again is not None:
        return Step(taken(walk, page[:again], fresh), fresh, End(Ending.WRAPPED))
    ahead = replace(taken(walk, page, fresh), offset=asked.offset + len(page), back=0, stuck=0)
    is_short = len(page) < asked.limit
    if ahead.is_aligned:
        if is_short and not walk.limit and ahead.total != len(page):  # a page holds no more, or the list does not
            return Step(replace(ahead, limit=len(page)), fresh)
        is_end = is_short and not (ahead.total and ahead.total > len(page))
        return Step(replace(ahead, offset=asked.limit), fresh, End(Ending.SHORT) if is_end else None)
    is_end = is_short and is_verified and ahead.offset == ahead.total and ahead.is_steady
    return Step(ahead, fresh, End(Ending.SHORT) if is_end else None)
