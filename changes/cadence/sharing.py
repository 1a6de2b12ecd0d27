"""Shares a budget among resources: by the square root of what a request brings, between two bounds for each.

In proportion to the rate would be worse than all alike (Cho and Garcia-Molina); the best frequency grows with the
square root of the rate (Sia, Cho and Cho).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

#: Steps of the search for the level; each halves what it may be off by.
_STEPS = 60


class Wish(NamedTuple):
    """One resource's part."""

    rate: float  #: changes an hour
    cost: float  #: requests a scan
    least: float  #: scans an hour
    most: float  #: scans an hour; not less than `least`


def shared(wishes: Sequence[Wish], budget: float) -> list[float]:
    """Scans an hour for each, so that their requests are `budget` an hour; more only where `least` asks for more."""
    low, high = 0.0, max((wish.most / _weight(wish) for wish in wishes), default=0.0)
    for _ in range(_STEPS):
        level = (low + high) / 2
        if _cost(wishes, level) > budget:
            high = level
        else:
            low = level
    return [_at(wish, low) for wish in wishes]


def _cost(wishes: Sequence[Wish], level: float) -> float:
    return sum(_at(wish, level) * wish.cost for wish in wishes)


def _at(wish: Wish, level: float) -> float:
    return min(max(level * _weight(wish), wish.least), wish.most)


def _weight(wish: Wish) -> float:
    return math.sqrt(wish.rate / wish.cost)
