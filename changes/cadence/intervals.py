"""Which intervals the lists get whose schedule is "auto", by the order of claims.

The promises of `set-up` come first, then head scans, then the promises of all others. What is left when all promises
are kept goes by the square root of what a request brings.
"""

from __future__ import annotations

from collections.abc import Sequence

from changes.cadence import heads, rates, sharing
from changes.cadence.heads import Eligible
from changes.cadence.lines import Line, whole
from changes.cadence.sharing import Wish
from changes.resources import Class

#: Head scans get at most this part of what is left when all promises are kept.
HEADS_SHARE = 0.5
#: From one plan to the next an interval changes at most by this factor, and by less than HYSTERESIS not at all.
STEP, HYSTERESIS = 1.5, 0.2
#: A list without news need not be scanned more often than so many times for each change that is expected.
MOST_SCANS_PER_CHANGE = 100


def choose(lines: Sequence[Line], left: float, *, least_of_traffic: float) -> None:
    """Set the intervals of the lines that are not explicit: `left` requests an hour are theirs.

    `least_of_traffic`: what the others get at least where the promises of `set-up` and head scans take all of it.
    """
    mine = [line for line in lines if not line.is_explicit]
    set_up = [line for line in mine if line.class_ is Class.SET_UP]
    traffic = [line for line in mine if line.class_ is Class.TRAFFIC]
    _steady(mine)
    _give_heads(lines, left, spare=left - _cost(mine))
    left -= sum(line.heads_per_hour for line in lines if line.wants_heads)
    if _cost(set_up) > left:
        _stretch(mine, left)
        return
    left = max(left - _cost(set_up), least_of_traffic)
    if _cost(traffic) > left:
        _stretch(traffic, left)
    else:
        _share(traffic, left)


def _cost(lines: Sequence[Line]) -> float:
    """Requests an hour."""
    return sum(line.full_per_hour for line in lines)


def _steady(lines: Sequence[Line]) -> None:
    """The longest interval follows how long scans take, and that is never twice the same: small steps are left out."""
    for line in lines:
        longest, before = line.interval, line.before
        if before is not None and longest * (1 - HYSTERESIS) <= before <= longest + line.margin / 2:
            line.interval = before


def _give_heads(lines: Sequence[Line], left: float, *, spare: float) -> None:
    """`spare`: requests an hour beyond what the promises need. Without any, heads are as rare as they can be."""
    wanted = [line for line in lines if line.wants_heads]
    if len(wanted) * heads.LEAST_PER_HOUR > HEADS_SHARE * left:
        return
    eligible = [
        Eligible(
            rates.created_per_hour(line.known.rate),
            line.known.present.head_interval_seconds if line.known.present else None,
        )
        for line in wanted
    ]
    for line, seconds in zip(wanted, heads.chosen(eligible, max(0.0, HEADS_SHARE * spare)), strict=True):
        line.head_interval = float(seconds)


def _stretch(lines: Sequence[Line], left: float) -> None:
    """All by one factor, so that they cost what is left."""
    factor = _cost(lines) / left
    for line in lines:
        wanted = whole(line.interval * factor, is_up=True)
        is_near = line.before is not None and wanted <= line.before <= wanted * (1 + HYSTERESIS)
        line.stretched = factor
        line.interval = line.before if is_near and line.before is not None else wanted


def _share(lines: Sequence[Line], left: float) -> None:
    """The requests to those by which most is seen."""
    wishes = [_stepped(line) for line in lines]
    if sum(wish.least * wish.cost for wish in wishes) > left:  # the budget comes before small steps
        wishes = [_free(line) for line in lines]
    scans = sharing.shared(wishes, left)
    wanted = [min(line.longest, whole(3600 / each, is_up=True)) for line, each in zip(lines, scans, strict=True)]
    for line, seconds in zip(lines, wanted, strict=True):
        line.interval = line.before if _is_near(line, seconds) and line.before is not None else seconds
    if _cost(lines) > left:  # what was kept as it was costs more than there is
        for line, seconds in zip(lines, wanted, strict=True):
            line.interval = max(line.interval, seconds)


def _is_near(line: Line, seconds: float) -> bool:
    before = line.before
    if before is None or before > line.longest + line.margin / 2:
        return False
    return abs(seconds - before) <= HYSTERESIS * before


def _free(line: Line) -> Wish:
    """Between the promise and what is worth while."""
    least, shortest = 3600 / line.longest, 3600 / line.shortest
    return Wish(line.rate, line.cost, least, max(least, min(shortest, MOST_SCANS_PER_CHANGE * line.rate)))


def _stepped(line: Line) -> Wish:
    """The same, one step around the interval until now at most."""
    wish, before = _free(line), line.before
    if before is None:
        return wish
    least = min(max(wish.least, 3600 / (before * STEP)), 3600 / line.shortest)
    return wish._replace(least=least, most=max(least, min(wish.most, 3600 * STEP / before)))
