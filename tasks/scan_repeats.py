"""Whether a list below a parent shows rows twice while it leaves others out; kept by the walk as long as one is read.

A flat list is weighed as a whole when it has been walked, by what the database knows of it (`scan_absence`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from upstream.paging import End, Proof, Step, Walk

REASON = "rows came twice while others may have been left out: the order is not stable"


class Repeats:
    """The identities of the rows of one list, page by page."""

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Another list."""
        self._before: set[str] | None = None  #: what the walk before this one had
        self._begin_walk()

    def weigh(self, step: Step, page: Sequence[str]) -> Step:
        """`step`, or where rows came twice the list once more, and then its end as drifted unless it was the same.

        A list may also hold a row twice for good: then a second walk finds the same again, and its total counts every
        row. Where a slice has ended in the midst of a list, the first part of it is not known any more, and it passes.
        """
        if not step.walk.rows:  # it was begun again, or is empty
            self._begin_walk()
            return step
        self._rows += len(page)
        self._taken += len(set(page))
        self._here.update(page)
        if step.end is None or step.end.proof is not Proof.COMPLETE:
            return step
        if self._rows != step.walk.rows or self._taken == len(self._here) or self._is_whole(step.walk):
            return step
        if self._before is not None:
            return replace(step, end=End(Proof.DRIFTED, REASON))
        self._before = self._here
        self._begin_walk()
        return replace(step, walk=Walk(), end=None)

    def _is_whole(self, walk: Walk) -> bool:
        return walk.total == len(self._here) or (self._here == self._before and walk.total == walk.rows)

    def _begin_walk(self) -> None:
        self._rows = 0  #: taken
        self._taken = 0  #: the same, but those that one page had twice counted once
        self._here: set[str] = set()
