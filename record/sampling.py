"""What a sample says of all: the largest share that may be wrong where so many of those drawn were. Pure."""

from __future__ import annotations

import math

#: How certain the statement is.
CONFIDENCE = 0.95
_STEPS = 60


def largest_share(wrong: int, drawn: int, *, confidence: float = CONFIDENCE) -> float:
    """The upper bound of the share (Clopper and Pearson, one-sided); for none of n it is close to 3 / n.

    Were the share larger, so few or fewer would be wrong in at most 5 of 100 samples. Records are drawn without putting
    them back, for which the bound is a little too large, never too small.
    """
    if not 0 <= wrong <= drawn:
        raise ValueError(f"{wrong} of {drawn} cannot be wrong")
    if wrong == drawn:  # none was drawn, or none was right
        return 1.0
    low, high = wrong / drawn, 1.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if _at_most(wrong, drawn, middle) > 1 - confidence else (low, middle)
    return high


def _at_most(wrong: int, drawn: int, share: float) -> float:
    """How likely it is that at most so many of those drawn are wrong."""
    if share in (0.0, 1.0):
        return 1.0 if share == 0.0 else float(wrong >= drawn)
    right, left = math.log(share), math.log1p(-share)
    return math.fsum(
        math.exp(
            math.lgamma(drawn + 1)
            - math.lgamma(number + 1)
            - math.lgamma(drawn - number + 1)
            + number * right
            + (drawn - number) * left
        )
        for number in range(wrong + 1)
    )
