"""Decides what to ask next from what has come, so that no row between two pages is lost; called by the scan step.

Every request but a list's first begins one row early. If that row is the last one of the page before, nothing has moved
in between. If it is not, rows were inserted or deleted before the position: the walk looks for one of the last rows it
took (its anchors), stepping back as far as needed, and goes on behind it. A list has ended only when a page brings the
last row again and nothing behind it, or when page, total and an earlier proof agree.

Nothing here sends anything. Rows are compared by the identities that `identify` gives.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any

#: Rows of the page before that a request asks for again.
OVERLAP = 1
#: Identities kept of the rows last taken: that many may be deleted between two requests without losing the place.
ANCHORS = 24
#: Pages that are looked through backwards for an anchor before the list is begun again.
STEPS_BACK = 4
#: How often a list may be begun again because its place was lost.
RESTARTS = 3
#: How often the end is asked for again when the last row is not where it was; more often while the total says more.
LOOKS_AGAIN = 2
LOOKS_AGAIN_BELOW_TOTAL = 50
#: A list longer than this is taken for endless.
MAX_ROWS = 50_000_000

Row = Any
Identify = Callable[[Row], str]


class Proof(StrEnum):
    """What the end of a walk is worth; the words of a scan's states."""

    COMPLETE = "complete"  #: every row that was there throughout has been seen
    DRIFTED = "drifted"  #: the list would not stand still
    PARTIAL = "partial"  #: the server hides a part of the list


@dataclass(frozen=True, slots=True)
class End:
    proof: Proof
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Ask:
    """The next request of a walk."""

    offset: int
    limit: int


@dataclass(frozen=True, slots=True)
class Walk:
    """Where the walk through one list stands; goes to the database and back as plain JSON."""

    offset: int = 0  #: rows before the next one, as the server counts at the moment
    anchors: tuple[str, ...] = ()  #: identities of the rows last taken, the newest at the end
    first: tuple[str, ...] = ()  #: identities of the list's first two rows
    back: int = 0  #: rows that the next request goes back to find an anchor
    stuck: int = 0  #: answers in a row that ended with the last row, but not where it was expected
    rows: int = 0  #: rows taken
    shifts: int = 0  #: how often rows had moved between two requests
    restarts: int = 0
    total: int | None = None  #: what the server said last
    total_moved: bool = False  #: whether it said different things

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Walk:
        return cls(**{**value, "anchors": tuple(value.get("anchors", ())), "first": tuple(value.get("first", ()))})

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Step:
    """What a page meant: the rows from `fresh` on are new, and the walk goes on or has ended."""

    walk: Walk
    fresh: int
    end: End | None = None


def ask(walk: Walk, *, limit: int) -> Ask:
    """The request that continues `walk`."""
    if (
        walk.offset <= OVERLAP
    ):  # a single row and the same row again would look alike on a server that sends one at a time
        return Ask(walk.offset, limit)
    return Ask(max(0, walk.offset - OVERLAP - walk.back), limit)


def following(walk: Walk, asked: Ask, *, page_rows: int, is_verified: bool) -> Iterator[Ask]:
    """The requests that come after `asked` if nothing moves and pages bring `page_rows`; none where no total says so.

    The last of them sees the list's end, where a short page does not prove it.
    """
    total, offset = walk.total or 0, asked.offset
    while page_rows > OVERLAP and offset + page_rows < total:
        offset += page_rows - OVERLAP
        yield Ask(offset, asked.limit)
    is_proof_needed = not is_verified or walk.total_moved or total - offset >= asked.limit
    if total > OVERLAP and is_proof_needed and offset < total - OVERLAP:
        yield Ask(total - OVERLAP, asked.limit)


def accept(
    walk: Walk,
    asked: Ask,
    rows: Sequence[Row],
    *,
    identify: Identify,
    total: int | None,
    is_verified: bool,
    max_rows: int = MAX_ROWS,
) -> Step:
    """Take the answer to `asked`; `is_verified`: a short page with a fitting total has proved to be a list's end."""
    walk = replace(
        walk, total=total, total_moved=walk.total_moved or (walk.total is not None and total not in (None, walk.total))
    )
    if not walk.anchors:
        return _first_page(walk, asked, rows, identify, is_verified=is_verified)
    if asked.offset == walk.offset == OVERLAP:
        is_alone = not rows or tuple(identify(row) for row in rows) == walk.first
        return Step(
            walk, len(rows), _judge(walk) if is_alone else End(Proof.PARTIAL, "the server sends one row at a time")
        )
    place = _find_anchor(walk, rows, identify)
    if place is None:
        return _step_back(walk, asked, len(rows))
    fresh = place + 1
    moved = asked.offset + place != walk.offset - 1
    if fresh < len(rows):
        return _go_on(walk, asked, rows, fresh, identify, moved=moved, is_verified=is_verified, max_rows=max_rows)
    if asked.offset > 0 and identify(rows[0]) == walk.first[0]:  # the first row again: the server ignores the offset
        if len(rows) >= asked.limit and total != walk.rows:
            return Step(
                walk, fresh, End(Proof.PARTIAL, "the server ignores the offset and hides what is beyond a page")
            )
        if len(rows) == walk.rows:
            return Step(walk, fresh, _judge(walk))
    return _look_again(walk, asked.offset + fresh, fresh) if place > 0 else Step(walk, fresh, _judge(walk))


def _look_again(walk: Walk, offset: int, fresh: int) -> Step:
    """The last row came last, but not first: rows were inserted before it, or the server clamps the offset.

    Rows may stand behind it that did not fit on this page, so the walk asks once more from where the row is now. A
    server that clamps answers the same for ever; a total that fits, or asking in vain, ends that.
    """
    is_short_of_total = walk.total is not None and offset < walk.total
    if offset == walk.total or walk.stuck >= (LOOKS_AGAIN_BELOW_TOTAL if is_short_of_total else LOOKS_AGAIN):
        return Step(walk, fresh, _judge(walk))
    return Step(replace(walk, offset=offset, back=0, shifts=walk.shifts + 1, stuck=walk.stuck + 1), fresh)


def _first_page(walk: Walk, asked: Ask, rows: Sequence[Row], identify: Identify, *, is_verified: bool) -> Step:
    if rows:
        walk = replace(walk, first=tuple(identify(row) for row in rows[:2]))
        return _go_on(walk, asked, rows, 0, identify, moved=False, is_verified=is_verified, max_rows=MAX_ROWS)
    if walk.total:
        return Step(walk, 0, End(Proof.PARTIAL, f"an empty list, while its total says {walk.total}"))
    if walk.restarts:
        return Step(walk, 0, End(Proof.PARTIAL, "the list became empty while it was being read"))
    return Step(walk, 0, End(Proof.COMPLETE))


def _find_anchor(walk: Walk, rows: Sequence[Row], identify: Identify) -> int | None:
    """The last place of the newest anchor that is among the rows; nearly always 0, found without looking further."""
    last = walk.anchors[-1]
    if rows and identify(rows[0]) == last and (len(rows) == 1 or identify(rows[1]) != last):
        return 0
    places = {identify(row): index for index, row in enumerate(rows)}
    return next((places[anchor] for anchor in reversed(walk.anchors) if anchor in places), None)


def _step_back(walk: Walk, asked: Ask, received: int) -> Step:
    """No anchor is here: rows before the position were deleted. Look further back, in the end from the start."""
    if asked.offset > 0 and walk.back < STEPS_BACK * asked.limit:
        return Step(replace(walk, back=walk.back + max(received, asked.limit // 2, 1)), received)
    if walk.restarts >= RESTARTS:
        return Step(walk, received, End(Proof.DRIFTED, f"lost its place in the list {RESTARTS + 1} times"))
    again = Walk(restarts=walk.restarts + 1, shifts=walk.shifts + 1, total=walk.total, total_moved=True)
    return Step(again, received)


def _go_on(
    walk: Walk,
    asked: Ask,
    rows: Sequence[Row],
    fresh: int,
    identify: Identify,
    *,
    moved: bool,
    is_verified: bool,
    max_rows: int,
) -> Step:
    tail = tuple(identify(row) for row in rows[max(fresh, len(rows) - ANCHORS) :])
    ahead = replace(
        walk,
        offset=asked.offset + len(rows),
        anchors=(walk.anchors + tail)[-ANCHORS:],
        back=0,
        stuck=0,
        rows=walk.rows + len(rows) - fresh,
        shifts=walk.shifts + moved,
    )
    if walk.anchors and _has_first_rows(walk, rows[fresh:], identify):
        return Step(ahead, fresh, End(Proof.DRIFTED, "the list began again from its first row instead of ending"))
    if ahead.rows > max_rows:
        return Step(ahead, fresh, End(Proof.PARTIAL, f"the list is longer than {max_rows} rows"))
    is_short = len(rows) < asked.limit
    if is_short and is_verified and ahead.offset == ahead.total and not ahead.total_moved:
        return Step(ahead, fresh, _judge(ahead))
    return Step(ahead, fresh)


def _has_first_rows(walk: Walk, rows: Sequence[Row], identify: Identify) -> bool:
    """Whether the list's first two rows stand here again, side by side; one alone may be a row that is listed twice."""
    first, places = walk.first, [index for index, row in enumerate(rows) if identify(row) == walk.first[0]]
    return any(len(first) == 2 and index + 1 < len(rows) and identify(rows[index + 1]) == first[1] for index in places)


def _judge(walk: Walk) -> End:
    """The end is there; a total that never moved and yet is larger means that the server kept rows back."""
    if walk.total is not None and not walk.total_moved and not walk.shifts and walk.total > walk.rows:
        return End(Proof.DRIFTED, f"the total says {walk.total}, but {walk.rows} rows were listed")
    return End(Proof.COMPLETE)
