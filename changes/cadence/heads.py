"""Which head interval the plan gives each list that can have head scans."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from changes.cadence import sharing
from changes.cadence.sharing import Wish

#: Intervals that the plan chooses from, in seconds: steps people can remember, and that it does not leave for little.
LADDER = (10, 15, 30, 60, 120, 180, 300, 600, 900, 1800)
#: Head scans of a list, where there is hardly anything left for them.
LEAST_PER_HOUR = 3600 / LADDER[-1]
#: All head scans of a source together, by the plan's own choice: each costs our processor about 15 ms, so these are
#: below a hundredth of a core. Only lists with news get so many.
MOST_PER_SECOND = 0.5
#: A list without news need not be asked more often than so many times for each creation that is expected.
MOST_PER_CHANGE = 700
#: The step in use stays as long as the best one is at most so many times longer or shorter.
KEPT_WITHIN = 1.5


class Eligible(NamedTuple):
    """A list for which the plan chooses."""

    created_per_hour: float
    present_seconds: float | None


def chosen(lists: Sequence[Eligible], requests_per_hour: float) -> list[int]:
    """The interval of each, in seconds; together they cost at most so many requests an hour, if that is possible."""
    most = min(requests_per_hour, MOST_PER_SECOND * 3600)
    wishes = [
        Wish(
            rate=each.created_per_hour,
            cost=1,
            least=LEAST_PER_HOUR,
            most=max(LEAST_PER_HOUR, min(3600 / LADDER[0], MOST_PER_CHANGE * each.created_per_hour)),
        )
        for each in lists
    ]
    scans = sharing.shared(wishes, most)
    return [_step(3600 / per_hour, each.present_seconds) for per_hour, each in zip(scans, lists, strict=True)]


def _step(seconds: float, present: float | None) -> int:
    if present in LADDER and present / KEPT_WITHIN <= seconds <= present * KEPT_WITHIN:
        return int(present)
    return next((step for step in LADDER if step >= seconds - 1), LADDER[-1])
