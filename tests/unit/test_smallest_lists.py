"""The smallest list of each kind that ends in each way: a table to read, beside the random ones of the other test."""

from __future__ import annotations

import random

import pytest

from tests.unit.list_servers import KINDS
from tests.unit.test_completeness import Scanner, rows_of
from upstream.evidence import Outcome

COMPLETE, DRIFTED, PARTIAL = Outcome.COMPLETE, Outcome.DRIFTED, Outcome.PARTIAL

#: Kind, rows, rows of a page, seed -> how the first scan ends, after how many walks, and what its reason says.
#: The seed decides what of a kind is random: its total, its bound, the moments at which rows come and go.
SMALLEST = [
    ("exact", 3, 2, 0, COMPLETE, 1, ""),
    ("capped", 3, 2, 0, COMPLETE, 1, ""),
    ("without total", 3, 2, 0, COMPLETE, 1, ""),
    ("restless", 3, 3, 2, COMPLETE, 2, ""),
    ("restless", 2, 2, 5, DRIFTED, 1, "lost its place in the list 4 times"),
    ("restless", 2, 2, 1, DRIFTED, 2, "rows came that fit nowhere"),
    ("restless", 0, 3, 5, PARTIAL, 1, "the list became empty while it was being read"),
    ("restless without total", 3, 3, 2, COMPLETE, 2, ""),
    ("restless without total", 2, 2, 5, DRIFTED, 1, "lost its place in the list 4 times"),
    ("restless without total", 0, 2, 1, DRIFTED, 2, "rows came twice while others may have been left out"),
    ("restless without total", 0, 3, 5, PARTIAL, 1, "the list became empty while it was being read"),
    ("snapping", 3, 3, 1, COMPLETE, 1, ""),
    ("snapping", 3, 2, 0, COMPLETE, 2, ""),
    ("snapping, restless", 3, 2, 5, COMPLETE, 2, ""),
    ("snapping, restless", 0, 10, 3, DRIFTED, 1, "it would not end within 21 requests"),
    ("snapping, restless", 1, 2, 1, DRIFTED, 2, "total says 3, but 2 different"),
    ("snapping, restless", 5, 2, 4, PARTIAL, 1, "the list became empty while it was being read"),
    ("refusing unaligned", 3, 3, 1, COMPLETE, 1, ""),
    ("refusing unaligned", 3, 2, 0, COMPLETE, 2, ""),
    ("refusing unaligned, restless", 3, 2, 1, DRIFTED, 2, "2 rows came in one walk, and none in the next"),
    ("refusing unaligned, restless", 2, 2, 1, DRIFTED, 2, "total says 5, but 3 different"),
    ("window", 12, 2, 737, COMPLETE, 1, ""),
    ("window", 12, 2, 906, DRIFTED, 2, "total says 12, but 5 different"),
    ("refusing behind", 3, 2, 0, COMPLETE, 1, ""),
    ("snapping, capped", 3, 3, 1, COMPLETE, 1, ""),
    ("snapping, capped", 3, 2, 0, COMPLETE, 2, ""),
    ("snapping, stumbling", 3, 3, 0, COMPLETE, 1, ""),
    ("snapping, stumbling", 3, 2, 0, COMPLETE, 2, ""),
    ("snapping, stumbling", 8, 2, 2, COMPLETE, 3, ""),
    ("snapping, stumbling", 4, 2, 2, DRIFTED, 2, "total says 4, but 2 different"),
    ("snapping, stumbling", 12, 3, 2, DRIFTED, 3, "total says 12, but 10 different"),
    ("trouble behind", 3, 2, 0, COMPLETE, 1, ""),
    ("hole", 20, 3, 1891, COMPLETE, 1, ""),
    ("hole", 8, 2, 31, DRIFTED, 2, "rows came that fit nowhere"),
    ("walled", 8, 2, 31, DRIFTED, 2, "total says 8, but 7 different"),
    ("walled, restless", 3, 2, 2, COMPLETE, 2, ""),
    ("walled, restless", 0, 2, 0, DRIFTED, 2, "rows came that fit nowhere"),
    ("walled, restless", 3, 2, 0, PARTIAL, 1, "the list became empty while it was being read"),
    ("moving, growing", 6, 2, 1, COMPLETE, 2, ""),
    ("moving, shrinking", 6, 2, 0, COMPLETE, 2, ""),
    ("clamped", 3, 2, 0, COMPLETE, 1, ""),
    ("clamped", 12, 2, 31, DRIFTED, 2, "total says 12, but 9 different"),
    ("clamped, restless", 3, 2, 2, COMPLETE, 2, ""),
    ("clamped, restless", 0, 2, 0, DRIFTED, 2, "rows came that fit nowhere"),
    ("clamped, restless", 3, 2, 0, PARTIAL, 1, "the list became empty while it was being read"),
    ("wrapping", 3, 2, 1, COMPLETE, 1, ""),
    ("wrapping", 1, 2, 0, DRIFTED, 1, "the list began again from its first row instead of ending"),
    ("ties", 3, 2, 0, COMPLETE, 1, ""),
    ("ties", 6, 3, 1, COMPLETE, 2, ""),
    ("ties", 6, 2, 1, DRIFTED, 2, "total says 6, but 5 different"),
    ("ties at an edge", 3, 2, 0, COMPLETE, 1, ""),
    ("ties at an edge", 8, 4, 43, DRIFTED, 2, "its pages count 8 rows, but 6 were listed"),
    ("repeating", 3, 2, 0, COMPLETE, 1, ""),
    ("filtering", 3, 2, 2, COMPLETE, 1, ""),
    ("filtering", 4, 2, 1, DRIFTED, 1, "total says 4, but 1 different"),
    ("filtering", 2, 2, 1, DRIFTED, 2, "total says 2, but 1 different"),
    ("filtering", 1, 2, 0, PARTIAL, 1, "an empty list, while its total says 1"),
    ("filtering, restless", 3, 2, 2, COMPLETE, 2, ""),
    ("filtering, restless", 3, 2, 0, DRIFTED, 1, "total says 6, but 1 different"),
    ("filtering, restless", 0, 2, 0, DRIFTED, 2, "rows came that fit nowhere"),
    ("filtering, restless", 1, 2, 0, PARTIAL, 1, "an empty list, while its total says 1"),
    ("doubled", 3, 2, 1, COMPLETE, 1, ""),
    ("doubled", 3, 2, 0, COMPLETE, 2, ""),
    ("doubled", 2, 2, 0, DRIFTED, 1, "the list began again from its first row instead of ending"),
    ("page numbers", 2, 2, 0, DRIFTED, 2, "rows came that fit nowhere"),
    ("stumbling", 3, 2, 0, COMPLETE, 1, ""),
    ("stumbling", 3, 2, 2, COMPLETE, 2, ""),
    ("stumbling", 30, 3, 5, DRIFTED, 2, "total says 30, but 11 different"),
    ("ignoring offset", 3, 3, 0, COMPLETE, 1, ""),
    ("ignoring offset", 3, 2, 0, DRIFTED, 2, "total says 3, but 2 different"),
    ("ignoring offset, capped", 3, 3, 5, COMPLETE, 1, ""),
    ("ignoring offset, capped", 3, 2, 5, DRIFTED, 2, "total says 3, but 2 different"),
    ("ignoring offset, capped", 2, 2, 0, PARTIAL, 1, "the server ignores the offset and hides what is beyond a page"),
    ("ignoring all", 3, 2, 0, COMPLETE, 1, ""),
    ("ignoring all", 2, 2, 0, PARTIAL, 1, "the server ignores the offset and hides what is beyond a page"),
    ("total too large", 1, 2, 0, DRIFTED, 2, "total says 5, but 1 different"),
    ("total too large", 0, 2, 0, PARTIAL, 1, "an empty list, while its total says 4"),
    ("total too small", 3, 2, 0, COMPLETE, 1, ""),
    ("total too small", 0, 2, 0, PARTIAL, 1, "an empty list, while its total says -4"),
    ("total of the page", 3, 2, 0, COMPLETE, 2, ""),
]


def test_each_kind_has_a_smallest_list() -> None:
    assert KINDS.keys() == {kind for kind, *_ in SMALLEST}


@pytest.mark.parametrize(("kind", "rows", "page_size", "seed", "outcome", "walks", "reason"), SMALLEST)
def test_the_smallest_list_of_a_kind_ends_as_the_table_says(
    kind: str, rows: int, page_size: int, seed: int, outcome: Outcome, walks: int, reason: str
) -> None:
    server, scanner = KINDS[kind](rows_of(rows), random.Random(seed)), Scanner(page_size)

    verdict = scanner.scan(server)

    assert (outcome, walks) == (verdict.outcome, scanner.walks), verdict
    assert reason in verdict.reason if reason else verdict.reason == "", verdict
    if outcome is COMPLETE:
        assert server.stayed <= scanner.mirror
