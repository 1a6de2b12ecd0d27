"""Which changes `replay` is to send once more, as it was written on the command line, and to whom."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from storage.states import PointState
from worker import output
from worker.commands import former_rows, selecting, times
from worker.commands.deliveries.delivery_list import check
from worker.problems import UsageError, did_you_mean

if TYPE_CHECKING:
    from datetime import datetime

    from changes.routes import Route
    from storage.points import Point
    from storage.session import Session
    from tasks.delivery.replay import Selection
    from worker.settings import Settings


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was asked for."""

    point: str
    since: str
    until: str | None
    resources: Sequence[str]
    kinds: Sequence[str]
    is_new: bool


def span(wanted: Wanted) -> tuple[datetime, datetime]:
    """From when on, and before when; UsageError where there is no such time yet."""
    now = times.now()
    since = times.past_moment(wanted.since, option="--from", now=now)
    until = now if wanted.until is None else times.past_moment(wanted.until, option="--to", now=now)
    if since >= until:
        raise UsageError(
            f"--from is not before --to: {output.moment(since)}, {output.moment(until)}", "turn the two round"
        )
    return since, until


def point_of(session: Session, code: str) -> Point:
    """The point that receives under the code; UsageError where none does."""
    from storage import deliveries, points

    point = points.find(session, code)
    if point is None and code in deliveries.codes(session):
        raise UsageError(f"the point {code} was removed, so nothing can be sent to it", "`mirrorpoint points list`")
    if point is None:
        raise UsageError(f'there is no point "{code}"', did_you_mean(code, [p.code for p in points.list_all(session)]))
    if point.state != PointState.ACTIVE:
        why = f": {point.state_reason}" if point.state_reason else ""
        raise UsageError(
            f"the point {code} is {point.state}{why}, so nothing can be sent to it",
            f"`mirrorpoint points enable {code}` has it receive again; then replay",
        )
    if not point.url:
        hint = "with after= or since= it reads the feed again from there"
        raise UsageError(f"nothing is sent to the point {code}: it pulls", hint)
    return point


def selection(
    session: Session, settings: Settings, wanted: Wanted, *, point: Point, span: tuple[datetime, datetime]
) -> Selection:
    """What the step looks for."""
    from changes.records import Kind
    from tasks.delivery import replay as step
    from worker import bootstrap

    for kind in wanted.kinds:
        check(kind, [each.value for each in Kind], option="--kind")
    resources = None
    if wanted.resources:
        known = former_rows.with_former(session, bootstrap.load_catalogues(settings))
        resources = {(source, each.name) for source, each in selecting.resources(known, wanted.resources)}
    return step.Selection(
        point.code,
        routes=_routes(session, settings, point),
        since=span[0],
        until=span[1],
        resources=resources,
        kinds=set(wanted.kinds) or None,
    )


def _routes(session: Session, settings: Settings, point: Point) -> list[Route]:
    """Those that lead to the point."""
    from changes import routes
    from storage import points
    from worker import bootstrap

    known = points.receivers(session)
    found = [
        each for each in bootstrap.routes(settings) if routes.leads_to(each, point.code, type=point.type, known=known)
    ]
    if not found:
        raise UsageError(f"no route leads to {point.code}", "add one under [[routes]] in the configuration")
    return found
