"""What `check` says of the plan of a source: a line for each resource, and what the budget does not carry."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from worker.commands.check.config_warnings import Warned
from worker.commands.check.plan_lines import Line

if TYPE_CHECKING:
    from changes.cadence.costs import Size
    from changes.cadence.terms import Plan
    from changes.resources import Resource
    from storage.session import Session
    from upstream.catalogue import Catalogue
    from worker.commands.check.check_report import Report
    from worker.commands.check.probing import Probed
    from worker.settings import Settings
    from worker.source_tables import Source

#: So many lists that cannot keep a promise are named one by one.
_NAMED = 4


def tell(
    report: Report,
    session: Session,
    settings: Settings,
    name: str,
    catalogue: Catalogue,
    resources: Sequence[Resource],
    probed: Probed,
    mirrored: Mapping[tuple[str, str], int],
    *,
    now: datetime,
) -> None:
    """The source's lines and what is wrong with them, as far as the mirror and the probes know how large its lists are.

    `resources`: those that are not off; `mirrored`: rows in the mirror, by source and resource.
    """
    from changes import schedules
    from changes.cadence import costs
    from worker import planned
    from worker.commands.check import sizing

    source, told = settings.sources[name], report.sources[-1]
    known = sizing.Sizes(name, catalogue, probed, mirrored)
    sizes: dict[str, Size] = {each.name: known.of(each) for each in resources}
    requests = {
        each.name: float(costs.requests_per_scan(sizes[each.name], page_size=each.page_size or source.limits.page_size))
        for each in resources
        if not mirrored[name, each.name]
    }
    plan = planned.of_source(
        session, settings, name, catalogue, now=now, probed=requests, answer_seconds=probed.answer_seconds
    )
    lines = {line.resource: line for line in plan.lines}
    report.plan += [
        Line(
            name,
            schedules.resolve(each, source.schedule),
            sizes[each.name].rows,
            sizes[each.name].is_estimate,
            lines[each.name],
        )
        for each in resources
        if each.name in lines
    ]
    told["requests_per_hour"] = round(plan.planned_per_hour)
    told["claimed_per_hour"] = round(plan.claimed_per_hour)
    told["budget_per_hour"] = round(plan.budget.requests_per_hour)
    _judge(report, name, plan, allowed_per_hour=told["allowed_per_hour"])
    auto = schedules.Auto()
    own = {each.name for each in resources if schedules.parse(schedules.resolve(each, source.schedule)) != auto}
    report.warnings += unkept(name, plan, own)
    report.warnings += _refused_heads(session, source, name, catalogue, resources, now=now)


def _judge(report: Report, name: str, plan: Plan, *, allowed_per_hour: int) -> None:
    from changes.cadence.plan import FOLLOW_UP_SHARE

    if plan.cure is None:
        return
    message = (
        f"{plan.claimed_per_hour:,.0f} requests an hour are claimed by schedules, promises and head scans, "
        f"{plan.budget.requests_per_hour:,.0f} may be planned with"
    )
    if plan.claimed_per_hour <= plan.budget.requests_per_hour:
        left = plan.budget.requests_per_hour * FOLLOW_UP_SHARE
        message += f", less {left:,.0f} that are left to looks that follow a change"
    if plan.claimed_per_hour > allowed_per_hour:
        times_ = plan.claimed_per_hour / allowed_per_hour
        message += f"; the limits themselves allow {allowed_per_hour:,}, so scans come {times_:.1f} times later"
    saved = f" (saves {plan.cure.saves_per_hour:,.0f} an hour)" if plan.cure.saves_per_hour else ""
    report.add(f"sources.{name}.budget", "budget", message, f"{plan.cure.text}{saved}", exit_code=3)


def _refused_heads(
    session: Session,
    source: Source,
    name: str,
    catalogue: Catalogue,
    resources: Sequence[Resource],
    *,
    now: datetime,
) -> Iterator[Warned]:
    """Lists with a head interval that can have one by the catalogue, but whose server has shown no order."""
    from changes import schedules
    from storage import reports
    from tasks.scan.head_state import HeadState
    from upstream import heads
    from upstream.heads import Way

    states = reports.head_states(session)
    for resource in resources:
        head = HeadState.from_json(states.get((name, resource.name)))
        wanted = schedules.timing(schedules.resolve(resource, source.schedule)).head
        is_refused = head.way is Way.NONE and not head.is_to_be_tried(now)
        if is_refused and isinstance(wanted, schedules.Every) and heads.can_have_heads(catalogue, resource):
            message = f"its head interval has no effect: {head.why}; what is created is seen by full scans"
            hint = "shorten its full interval; a day after it was refused the order is tried again"
            yield Warned(f"{name}:{resource.name}", message, hint)


def unkept(name: str, plan: Plan, own: Collection[str]) -> Iterator[Warned]:
    """What the plan itself knows that it cannot keep. `own`: resources that have a schedule of their own."""
    lines = [line for line in plan.lines if not all(line.is_kept.values())]
    if len(lines) > _NAMED:
        names = ", ".join(line.resource for line in lines[:_NAMED])
        hint = "`mirrorpoint check --json` says why of each"
        yield Warned(f"sources.{name}.budget", f"{len(lines)} lists cannot keep their promises: {names}, …", hint)
        return
    for line in lines:
        which = ", ".join(each.value for each, is_kept in line.is_kept.items() if not is_kept)
        cure = "longer times in its schedule" if line.resource in own else "a longer promise or a schedule of its own"
        hint = f"give it {cure}, or the source more requests"
        yield Warned(f"{name}:{line.resource}", f"what is promised cannot be kept ({which}): {line.why}", hint)
