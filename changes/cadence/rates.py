"""How often a resource changes, as far as its scans tell: old observations count less and less."""

from __future__ import annotations

from changes.cadence.terms import Rate

HALF_LIFE_SECONDS = 7 * 86_400.0
#: What is taken for seen before anything is: one change in one day.
PRIOR_CHANGES, PRIOR_SECONDS = 1.0, 86_400.0


def observed(rate: Rate, *, created: int, others: int, seconds: float) -> Rate:
    """`rate` with so many changes more, seen in the `seconds` since it was last worked out."""
    left = 0.5 ** (max(0.0, seconds) / HALF_LIFE_SECONDS)
    return Rate(
        created=rate.created * left + max(0, created),
        others=rate.others * left + max(0, others),
        seconds=rate.seconds * left + max(0.0, seconds),
    )


def created_per_hour(rate: Rate) -> float:
    """Creations."""
    return _per_hour(rate.created, rate)


def others_per_hour(rate: Rate) -> float:
    """Updates, deletions and returns."""
    return _per_hour(rate.others, rate)


def all_per_hour(rate: Rate) -> float:
    """Changes of all kinds."""
    return _per_hour(rate.created + rate.others, rate)


def _per_hour(number: float, rate: Rate) -> float:
    return (number + PRIOR_CHANGES) / (rate.seconds + PRIOR_SECONDS) * 3600
