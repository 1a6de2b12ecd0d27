"""What the outcomes of a round count as in the tally; called by the delivery store, in the round's transaction.

Pure: nothing is read or written.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from storage import tally_histograms
from storage.outbox import Outcome
from storage.states import DeliveryState
from storage.tally import Counted, Key


def of(outcomes: Iterable[Outcome], *, counted: Iterable[Outcome]) -> Counter[Key]:
    """`counted`: those of the outcomes that moved their delivery; an attempt was made all the same."""
    found: Counter[Key] = Counter()
    for outcome in outcomes:
        if outcome.attempted_at is not None:
            _observe(found, Counted.ATTEMPT_SECONDS, outcome.leased.point, outcome.duration_ms)
    for outcome in counted:
        if outcome.state == DeliveryState.DUE:
            continue
        found[Key(Counted.DELIVERIES, (outcome.leased.point, str(outcome.state)))] += 1
        if outcome.state == DeliveryState.DELIVERED and outcome.leased.owed_since is not None:
            taken = outcome.settled_at - outcome.leased.owed_since
            milliseconds = max(0, round(taken.total_seconds() * 1000))
            _observe(found, Counted.DELIVERY_SECONDS, outcome.leased.point, milliseconds)
    return found


def _observe(found: Counter[Key], counted: Counted, point: str, milliseconds: int) -> None:
    for key, number in tally_histograms.observed(counted, point, milliseconds):
        found[key] += number
