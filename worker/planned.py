"""What is planned for each resource, and so what is promised of it: the one door for whatever tells of a plan.

Used by `check`, `status`, the page, the metrics and `verify --live`. What `run` follows is told as it stands in the
database. Where that was made of other settings, or nothing was planned yet, the plan is worked out now.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from changes.cadence.terms import Plan, Planned
    from storage.session import Session
    from tasks.cadence.gathering import Configured
    from tasks.cadence.recorded import Recorded
    from upstream.catalogue import Catalogue
    from worker.settings import Settings

Place = tuple[str, str]  #: source and resource


class Plans(NamedTuple):
    """Those of all sources."""

    lines: Mapping[Place, Planned]  #: resources that are off are left out
    cures: Mapping[str, str]  #: source -> what to change; only of those whose claims exceed the budget

    def unkept(self) -> Counter[str]:
        """Source -> how many of its lists cannot keep what is promised of them."""
        return Counter(source for (source, _), line in self.lines.items() if not all(line.is_kept.values()))


def read(
    session: Session, settings: Settings, catalogues: Mapping[str, Catalogue], *, now: datetime
) -> dict[Place, Planned]:
    """Of all sources; resources that are off are left out."""
    return dict(read_whole(session, settings, catalogues, now=now).lines)


def read_whole(session: Session, settings: Settings, catalogues: Mapping[str, Catalogue], *, now: datetime) -> Plans:
    """The same, with the cure of each source whose claims exceed its budget."""
    from storage import cadence
    from tasks.cadence import gathering, recorded

    made = cadence.made(session)
    stored: dict[str, list[Planned]] = defaultdict(list)
    for (name, _), line in cadence.planned(session).items():
        stored[name].append(line)
    found: dict[Place, Planned] = {}
    cures: dict[str, str] = {}
    all_configured = [_configured(settings, name, catalogue) for name, catalogue in catalogues.items()]
    rules = gathering.rules(all_configured)
    standing = {name for name, rule in rules.items() if name in made and made[name].rule == rule}
    others = {name: each for name, each in catalogues.items() if name not in standing}
    on_record = recorded.read(session, others, now=now) if others else None
    for configured in all_configured:
        name = configured.name
        if on_record is None or name in standing:
            lines, cure = stored[name], made[name].cure
        else:
            plan = _worked_out(on_record, configured, now=now)
            lines, cure = list(plan.lines), plan.cure.text if plan.cure else ""
        if cure:
            cures[name] = cure
        found.update({(name, line.resource): line for line in lines if line.interval_seconds is not None})
    return Plans(found, cures)


def of_source(
    session: Session,
    settings: Settings,
    name: str,
    catalogue: Catalogue,
    *,
    now: datetime,
    probed: Mapping[str, float],
    answer_seconds: float,
) -> Plan:
    """The whole plan of one source, with the cure where its claims exceed the budget.

    `probed`: requests of a full scan, of resources that the mirror has not read yet; each takes `answer_seconds`.
    """
    from storage import cadence
    from tasks.cadence import recorded

    configured = _configured(settings, name, catalogue)
    on_record = recorded.read(session, {name: catalogue}, now=now)
    plan = _worked_out(on_record, configured, now=now, probed=probed, answer_seconds=answer_seconds)
    made = cadence.made(session).get(name)
    if made is None or made.rule != configured.rule:
        return plan
    stored = cadence.planned(session, [name])
    at_work = [stored.get((name, line.resource), line) for line in plan.lines]
    return replace(plan, lines=tuple(at_work))


def _worked_out(
    on_record: Recorded,
    configured: Configured,
    *,
    now: datetime,
    probed: Mapping[str, float] = MappingProxyType({}),
    answer_seconds: float = 0.0,
) -> Plan:
    from changes.cadence import plan
    from tasks.cadence import gathering
    from worker import rhythms

    gathered = gathering.gather(
        on_record, configured, pace_of=rhythms.pace_of, now=now, probed=probed, is_same_rule=False
    )
    known = [
        replace(each, scan_seconds=max(each.scan_seconds, each.requests_per_scan * answer_seconds))
        if each.resource in probed
        else each
        for each in gathered.known
    ]
    return plan.make(known, configured.budget, now=now)


def _configured(settings: Settings, name: str, catalogue: Catalogue) -> Configured:
    from tasks.cadence.gathering import Configured

    source = settings.sources[name]
    return Configured(name, catalogue, source.schedule, source.limits.page_size, source.plan_budget)
