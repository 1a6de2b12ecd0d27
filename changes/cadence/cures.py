"""What the cheapest change to the configuration is where a budget does not carry what is claimed of it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from changes.cadence.lines import Claim
from changes.cadence.terms import Budget, Cure
from changes.resources import Class

#: What people write: the next of these is proposed.
_TIMES = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200, 86_400, 604_800)


#: A schedule of more than this part of all that is claimed is named, whatever else has to change besides.
_CULPRIT_SHARE = 0.5


def cheapest(claims: Sequence[Claim], budget: Budget, *, claimed_per_hour: float, allowed_per_hour: float) -> Cure:
    """What leaves out the fewest requests of all single changes that are enough.

    Else a larger share, after the one schedule that costs more than all others; else several schedules at once.
    """
    excess = claimed_per_hour - allowed_per_hour
    options = [*_of_schedules(claims, excess), *_of_promise(claims, budget, excess)]
    if options:
        return min(options, key=lambda option: option.saves_per_hour)
    whole = allowed_per_hour / budget.share
    culprit = _culprit(claims, budget, claimed_per_hour)
    saved = culprit.saves_per_hour if culprit else 0.0
    share = math.ceil(100 * (claimed_per_hour - saved) / whole) / 100
    if share <= 1:
        text = f"budget.share = {share:g}, which is {share / budget.share:.1f} times as much of the source's limits"
        return Cure(f"{culprit.text}, and {text}" if culprit else text, saved)
    first = sorted(claims, key=lambda each: -each.full_per_hour)[:3]
    factor = claimed_per_hour / allowed_per_hour
    names = ", ".join(each.resource for each in first)
    text = f"all schedules {factor:.1f} times as long, those of {names} first: they cost most"
    return Cure(text, sum(each.full_per_hour for each in first) * (1 - 1 / factor))


def _of_schedules(claims: Sequence[Claim], excess: float) -> Iterator[Cure]:
    for each in claims:
        for at, seconds, per_hour in (
            ("", each.full_seconds, each.full_per_hour),
            (".head", each.head_seconds, each.heads_per_hour),
        ):
            if seconds is None or per_hour <= excess:
                continue
            longer = _written(seconds * per_hour / (per_hour - excess))
            if longer is not None:
                saved = per_hour * (1 - seconds / longer)
                text = f'schedule.{each.resource}{at} = "{_word(longer)}" in place of "{_word(seconds)}"'
                yield Cure(text, saved)


def _culprit(claims: Sequence[Claim], budget: Budget, claimed_per_hour: float) -> Cure | None:
    """The schedule that costs more than all others together, as seldom as its class is promised."""
    for each in claims:
        longer = budget.promise_seconds[each.class_]
        seconds, per_hour = each.full_seconds, each.full_per_hour
        if seconds is not None and seconds < longer and per_hour > _CULPRIT_SHARE * claimed_per_hour:
            text = f'schedule.{each.resource} = "{_word(longer)}" in place of "{_word(seconds)}"'
            return Cure(text, per_hour * (1 - seconds / longer))
    return None


def _of_promise(claims: Sequence[Claim], budget: Budget, excess: float) -> Iterator[Cure]:
    """A longer promise of `set-up`."""
    per_hour = sum(each.full_per_hour for each in claims if each.class_ is Class.SET_UP and each.full_seconds is None)
    if per_hour <= excess:
        return
    seconds = budget.promise_seconds[Class.SET_UP]
    longer = _written(seconds * per_hour / (per_hour - excess))
    if longer is not None:
        text = f'budget.promise.set-up = "{_word(longer)}" in place of "{_word(seconds)}"'
        yield Cure(text, per_hour * (1 - seconds / longer))


def _written(seconds: float) -> float | None:
    return next((float(each) for each in _TIMES if each >= seconds), None)


def _word(seconds: float) -> str:
    for size, unit in ((604_800, "w"), (86_400, "d"), (3600, "h"), (60, "m")):
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:g}{unit}"
    return f"{seconds:g}s"
