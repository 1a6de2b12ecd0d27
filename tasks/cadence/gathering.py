"""What is known of the resources of a source when its plan is made: sizes, times, rates, proofs and heads.

Nothing is asked or written here: `recorded.py` has read what the database says.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from changes import schedules
from changes.cadence.terms import Budget, Known, Pace
from changes.resources import Resource
from storage.cadence import Counted, Stored
from storage.scans import ResourceState
from tasks.cadence import counting
from tasks.cadence.recorded import Recorded
from tasks.cadence.scan_sizes import ScanSizes
from tasks.scan.head_state import HeadState
from upstream import heads
from upstream.catalogue import Catalogue
from upstream.heads import Way

if TYPE_CHECKING:
    from tasks.services import Source  # knows how to ask a source, which a command that only tells of a plan need not

#: How often an explicit schedule, a time or a cron line, comes from `now` on; None: "auto".
PaceOf = Callable[[str, datetime], Pace | None]


@dataclass(frozen=True, slots=True)
class Configured:
    """What the settings and the catalogue say of a source, as far as its plan follows from it."""

    name: str
    catalogue: Catalogue
    schedule: Mapping[str, str]  #: the user's table
    page_size: int
    budget: Budget

    @classmethod
    def of(cls, source: Source) -> Configured:
        return cls(source.name, source.catalogue, source.schedule, source.page_size, source.plan_budget)

    def timing_text(self, resource: Resource) -> str:
        """When it is looked at, in the words of the settings."""
        return schedules.resolve(resource, self.schedule)

    @property
    def rule(self) -> str:
        """A digest: with another one the plan is to be made anew."""
        resources = [
            [
                each.name,
                self.timing_text(each),
                each.class_,
                each.page_size or self.page_size,
                each.item_path,
                heads.first_way(self.catalogue, each),
            ]
            for each in self.catalogue.resources.values()
        ]
        promises = {class_.value: seconds for class_, seconds in self.budget.promise_seconds.items()}
        text = json.dumps(
            [self.budget.requests_per_second, self.budget.share, promises, resources], sort_keys=True, default=str
        )
        return hashlib.sha256(text.encode()).hexdigest()[:32]


def rules(all_configured: Sequence[Configured]) -> dict[str, str]:
    """The rule of each, by its name. Those that are configured alike have the same one, which is reckoned once."""
    known, found = dict[tuple[object, ...], str](), dict[str, str]()
    for each in all_configured:
        budget = each.budget
        alike = (
            *(id(each.catalogue), each.page_size, tuple(each.schedule.items())),
            *(budget.requests_per_second, budget.share, tuple(budget.promise_seconds.items())),
        )
        if alike not in known:
            known[alike] = each.rule
        found[each.name] = known[alike]
    return found


@dataclass(frozen=True, slots=True)
class Gathered:
    """What a plan is made of."""

    known: tuple[Known, ...]  #: without those that are off
    counted: Mapping[str, Counted]  #: by resource; to be stored with the plan
    unread: int = 0  #: lists without a complete scan: what they cost is a guess


def gather(
    recorded: Recorded,
    configured: Configured,
    *,
    pace_of: PaceOf,
    now: datetime,
    probed: Mapping[str, float] | None = None,
    is_same_rule: bool = True,
) -> Gathered:
    """Of one source, out of what was read of it.

    `probed`: requests of a full scan, of resources that are known better than the mirror knows them.
    `is_same_rule`: the stored plan was made of these settings; else the new one need not move in small steps.
    """
    name, resources = configured.name, list(configured.catalogue.resources.values())
    sizes = ScanSizes(recorded, name, configured.catalogue, page_size=configured.page_size)
    known, all_counted, unread = list[Known](), dict[str, Counted](), 0
    for resource in resources:
        text = configured.timing_text(resource)
        timing = schedules.timing(text)
        if isinstance(timing.full, schedules.Off):
            continue
        before = recorded.stored.get((name, resource.name))
        state = recorded.states.get((name, resource.name), ResourceState())
        totals = counting.totals(recorded.changes, name, resource.name)
        counted = counting.counted(
            before.counted if before else Counted(), totals, looked_to=state.last_complete_started_at
        )
        all_counted[resource.name] = counted
        unread += state.baseline_at is None
        head = HeadState.from_json(state.head)
        requests = (probed or {}).get(resource.name) or sizes.requests(resource)
        known.append(
            Known(
                resource=resource.name,
                timing=timing,
                class_=resource.class_,
                requests_per_scan=requests,
                scan_seconds=sizes.seconds(
                    resource, requests, requests_per_second=configured.budget.requests_per_second
                ),
                head_seconds=head.seconds,
                can_have_heads=_can_have_heads(configured.catalogue, resource, head, now),
                are_heads_sure=head.is_order_known(resource),
                is_confirmed=_is_confirmed(resource, state),
                pace=None if isinstance(timing.full, schedules.Auto) else pace_of(text, now),
                rate=counted.rate,
                present=before.planned if before and is_same_rule and _is_informed(before, state) else None,
            )
        )
    return Gathered(tuple(known), all_counted, unread)


def _can_have_heads(catalogue: Catalogue, resource: Resource, head: HeadState, now: datetime) -> bool:
    """As the catalogue allows and the server has answered; a day after it refused it is asked again."""
    if not heads.can_have_heads(catalogue, resource):
        return False
    return head.way is not Way.NONE or head.is_to_be_tried(now)


def _is_confirmed(resource: Resource, state: ResourceState) -> bool:
    """Whether one complete scan is enough for a deletion; before the first one its item path is taken at its word."""
    if resource.deleted:
        return True
    return resource.item_path is not None and (state.item_path_proven_at is not None or state.baseline_at is None)


def _is_informed(before: Stored, state: ResourceState) -> bool:
    """Whether the plan knew what a scan costs: before the first complete one it could only guess."""
    return state.baseline_at is not None and before.planned_at > state.baseline_at
