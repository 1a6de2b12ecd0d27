"""A resource while its plan is made: what it costs, what it is promised, and the interval that it has so far."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

from changes.cadence import arithmetic, rates
from changes.cadence.terms import Budget, Known
from changes.resources import Class
from changes.schedules import Auto, Every

#: Where the catalogue does not say what a resource is: `set-up` as long as a full scan takes so many requests.
SET_UP_REQUESTS = 10
#: The plan chooses no shorter interval between two full scans, unless a promise needs it.
SHORTEST_SECONDS = 60.0
#: Nor one that a scan nearly fills.
ROOM_FOR_SCAN = 1.5
#: This part of a promise is left free where it can be: a scan may wait for others, or take longer than it usually does.
MARGIN_SHARE = 0.05
#: A full scan of so few requests is as good as a head scan.
HEADS_ABOVE_REQUESTS = 5


class Claim(NamedTuple):
    """What one resource claims, whatever the others do."""

    resource: str
    full_seconds: float | None  #: of an explicit time; None: "auto" or a cron line
    head_seconds: float | None  #: of an explicit head interval
    class_: Class
    full_per_hour: float  #: requests of its full scans, were they done at once: how long they take changes
    heads_per_hour: float  #: of head scans at an explicit interval


def class_of(known: Known) -> Class:
    """What the catalogue says, else by the cost of a full scan."""
    return known.class_ or (Class.SET_UP if known.requests_per_scan <= SET_UP_REQUESTS else Class.TRAFFIC)


@dataclass(slots=True)
class Line:
    """Begins with its explicit times; what the plan chooses, with the longest interval that keeps the promise."""

    known: Known
    budget: Budget
    interval: float = 0.0
    head_interval: float | None = None
    stretched: float = 1.0  #: how many times as long its interval is as it would be with a larger budget

    def __post_init__(self) -> None:
        known = self.known
        assert known.pace is not None or isinstance(known.timing.full, Auto)  # noqa: S101
        self.interval = known.pace.longest_gap_seconds if known.pace else self.longest
        if isinstance(known.timing.head, Every) and known.can_have_heads:
            self.head_interval = float(known.timing.head.seconds)

    @property
    def is_explicit(self) -> bool:
        """The configuration says when it is scanned."""
        return self.known.pace is not None

    @property
    def has_explicit_heads(self) -> bool:
        return isinstance(self.known.timing.head, Every) and self.known.can_have_heads

    @property
    def class_(self) -> Class:
        return class_of(self.known)

    @property
    def promise(self) -> float:
        """What its class is promised, in seconds."""
        return self.budget.promise_seconds[self.class_]

    @property
    def cost(self) -> float:
        """Requests of a full scan."""
        return max(1.0, self.known.requests_per_scan)

    @property
    def longest(self) -> float:
        """The interval that keeps the promise; where none does, one that scans nearly fill."""
        if self._room < self._least_room:
            least = max(min(self.promise, SHORTEST_SECONDS), ROOM_FOR_SCAN * self.known.scan_seconds)
            return whole(least, is_up=True)
        return whole(self._room - self.margin)

    @property
    def margin(self) -> float:
        """By how many seconds `longest` is shorter than the promise would allow."""
        return max(0.0, min(MARGIN_SHARE * self.promise, self._room - self._least_room))

    @property
    def _room(self) -> float:
        return arithmetic.longest_interval(self.promise, scan_seconds=self.known.scan_seconds)

    @property
    def _least_room(self) -> float:
        return max(1.0, self.known.scan_seconds)

    @property
    def shortest(self) -> float:
        """The shortest interval that the plan gives of its own accord."""
        return min(self.longest, max(SHORTEST_SECONDS, ROOM_FOR_SCAN * self.known.scan_seconds))

    @property
    def before(self) -> float | None:
        """The interval of the plan until now; None: there was none."""
        return self.known.present.interval_seconds if self.known.present else None

    @property
    def full_per_hour(self) -> float:
        """Requests. A scan that takes longer than its interval comes no oftener than it ends."""
        if self.known.scan_seconds <= 0:
            return self._asked_per_hour
        return min(self._asked_per_hour, self.cost * 3600 / self.known.scan_seconds)

    @property
    def _asked_per_hour(self) -> float:
        """Requests, if no scan took longer than its interval."""
        return self.cost * (self.known.pace.runs_per_hour if self.known.pace else 3600 / self.interval)

    @property
    def promised_head_interval(self) -> float | None:
        """None also while nothing has shown yet that head scans find what is new."""
        return self.head_interval if self.known.are_heads_sure else None

    @property
    def heads_per_hour(self) -> float:
        return 3600 / self.head_interval if self.head_interval else 0.0

    @property
    def requests_per_hour(self) -> float:
        return self.full_per_hour + self.heads_per_hour

    @property
    def wants_heads(self) -> bool:
        """Whether the plan may give it head scans."""
        if not isinstance(self.known.timing.head, Auto) or not self.known.can_have_heads:
            return False
        return self.class_ is Class.TRAFFIC or self.cost > HEADS_ABOVE_REQUESTS

    @property
    def rate(self) -> float:
        """Changes an hour that only a full scan sees."""
        rate = self.known.rate
        return rates.others_per_hour(rate) if self.promised_head_interval else rates.all_per_hour(rate)

    def claim(self) -> Claim | None:
        """Of explicit times and of the promise of `set-up`; None: it takes what is left."""
        is_claimed = self.is_explicit or self.class_ is Class.SET_UP
        if not is_claimed and not self.has_explicit_heads:
            return None
        full, head = self.known.timing.full, self.known.timing.head
        return Claim(
            self.known.resource,
            float(full.seconds) if isinstance(full, Every) else None,
            float(head.seconds) if isinstance(head, Every) else None,
            self.class_,
            self._asked_per_hour if is_claimed else 0.0,
            self.heads_per_hour if self.has_explicit_heads else 0.0,
        )


def whole(seconds: float, *, is_up: bool = False) -> float:
    """Whole seconds; longer times in steps that can be read."""
    step = 1 if seconds < 60 else 5 if seconds < 600 else 30 if seconds < 3600 else 60
    return float(max(1, (math.ceil(seconds / step - 1e-9) if is_up else int(seconds // step)) * step))
