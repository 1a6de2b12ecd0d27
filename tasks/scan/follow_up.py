"""One more look after a change: who changes something often goes on, and what belongs to a record changes with it.

Written as slots in the transaction of the change; housekeeping wakes them when they have come.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from changes import clocks
from changes.cadence import plan
from changes.records import Kind
from storage import looks, slots
from storage.looks import Looked
from storage.session import Session
from storage.slots import FULL, HEAD, Slot
from tasks.scan.scope import Scope

#: The look comes so long after the change.
AFTER = timedelta(seconds=30)
#: What is found until so long after a look is found by it, or with it, and is followed by no other.
ENOUGH = timedelta(seconds=60)
#: A full scan that costs more is not made for a look.
MOST_REQUESTS = 5
#: Lists below so many changed parents are read in one head scan; the full scan reads the others.
MOST_PARENTS = 20

_FOLLOWED = frozenset({Kind.CREATED, Kind.UPDATED, Kind.RESTORED})


def follow(session: Session, scope: Scope, kinds: Sequence[Kind], *, now: datetime) -> None:
    """Changes of these kinds were written: look again at the resource, and at the lists below what has changed."""
    changed = sum(kind in _FOLLOWED for kind in kinds)
    if not changed:
        return
    source = scope.services.sources[scope.source]
    name = scope.resource.name
    children = [each.name for each in source.catalogue.resources.values() if each.parent == name]
    found = looks.of(session, scope.source, [name, *children])
    if name not in found or not _is_open(found[name], now):
        return
    at, own = now + AFTER, _own_kind(found[name])
    wanted = [] if own is None else [Slot(scope.source, name, own, at)]
    wanted += [Slot(scope.source, each, HEAD, at) for each in children if each in found and _is_open(found[each], now)]
    if not wanted:
        return
    cost = sum(_cost(slot, found[slot.resource], is_own=slot.resource == name, changed=changed) for slot in wanted)
    most = plan.FOLLOW_UP_SHARE * source.plan_budget.requests_per_hour
    if not looks.grant(session, scope.source, requests=cost, most_per_hour=most, now=now):
        return
    looks.note(session, scope.source, sorted({name, *(slot.resource for slot in wanted)}), at=at)
    slots.open_slots(session, wanted, now=now, woken=())  # no wake-up is sent before their time


def _is_open(looked: Looked, now: datetime) -> bool:
    """False while a look is due, or was made just now: its own changes begin no chain of looks."""
    return looked.look_at is None or not now < looked.look_at + ENOUGH <= clocks.latest(now, AFTER + ENOUGH)


def _own_kind(looked: Looked) -> str | None:
    """By which scan the resource is looked at again; None where its next scan comes as soon, or costs too much."""
    if looked.head_interval_seconds is not None:
        return HEAD if looked.head_interval_seconds > AFTER.total_seconds() else None
    is_soon = looked.interval_seconds is None or looked.interval_seconds <= AFTER.total_seconds()
    return None if is_soon or looked.requests_per_scan > MOST_REQUESTS else FULL


def _cost(slot: Slot, looked: Looked, *, is_own: bool, changed: int) -> float:
    """Requests; a nested list is read below each record that has changed."""
    if slot.kind == FULL:
        return looked.requests_per_scan
    return 1.0 if is_own else float(min(changed, MOST_PARENTS))
