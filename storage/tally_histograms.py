"""How long things take, counted in the tally: for each point so many within each limit, and the sum of all.

Written by the delivery step, read by the metrics.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate

from storage.tally import Counted, Key

#: Upper limits in seconds. Others may take their place: what was counted by the old ones goes to the next higher one.
LIMITS: Mapping[Counted, tuple[float, ...]] = {
    Counted.ATTEMPT_SECONDS: (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
    Counted.DELIVERY_SECONDS: (0.5, 1, 2.5, 5, 15, 60, 300, 900, 3600, 21600, 86400),
}

_ABOVE_ALL = "inf"
_SUM = "ms"


@dataclass(frozen=True, slots=True)
class Histogram:
    """Of one point, as Prometheus counts."""

    point: str
    buckets: tuple[tuple[float, int], ...]  #: limit, and how many took at most so long; the last is infinite
    seconds: float  #: of all together


def observed(counted: Counted, point: str, milliseconds: int) -> tuple[tuple[Key, int], tuple[Key, int]]:
    """What one of these counts as."""
    limits = LIMITS[counted]
    place = bisect_left(limits, milliseconds / 1000)
    limit = f"{limits[place]:g}" if place < len(limits) else _ABOVE_ALL
    return (Key(counted, (point, limit)), 1), (Key(counted, (point, _SUM)), milliseconds)


def read(totals: Mapping[Key, int], counted: Counted) -> Iterator[Histogram]:
    """One for each point of which anything was counted."""
    limits = (*LIMITS[counted], float("inf"))
    found: dict[str, list[int]] = {}
    sums: dict[str, int] = {}
    for key, number in totals.items():
        if key.counted is not counted:
            continue
        point, limit = key.labels
        if limit == _SUM:
            sums[point] = number
            continue
        places = found.setdefault(point, [0] * len(limits))
        places[bisect_left(limits, float(limit))] += number
    for point, numbers in sorted(found.items()):
        buckets = tuple(zip(limits, accumulate(numbers), strict=True))
        yield Histogram(point, buckets, sums.get(point, 0) / 1000)
