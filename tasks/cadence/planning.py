"""Makes the plan of each source and stores it: once an hour, when a clock starts with other settings, or when the first
complete scan of a resource has shown what it costs. Called by the clock.

Two clocks decide alike: who comes second finds a plan that is new.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog
from sqlmodel import Session

from changes import clocks
from changes.cadence import plan
from storage import cadence, reports
from storage.cadence import Made
from tasks.cadence import gathering
from tasks.cadence.gathering import Configured, PaceOf
from tasks.services import Services

log = structlog.get_logger("mirrorpoint.plan")

#: A plan holds for so long.
EVERY = timedelta(hours=1)
#: After the first complete scan of a resource its plan is made anew, but no sooner than this after the plan before.
SOONEST = timedelta(minutes=1)


def plan_if_due(services: Services, *, pace_of: PaceOf, is_start: bool = False) -> list[str]:
    """The sources whose plan was made just now. `is_start`: a clock begins, so settings may be others than before."""
    now = services.now()
    with services.database.read() as session:
        made = cadence.made(session)
        newest = _newest_baselines(session)
    planned = []
    for name, source in services.sources.items():
        before, configured = made.get(name, Made()), Configured.of(source)
        is_same_rule = not is_start or before.rule == configured.rule
        if is_same_rule and not _is_due(before, newest.get(name), now):
            continue
        if _make(services, configured, before, pace_of=pace_of, now=now):
            planned.append(name)
    return planned


def _is_due(made: Made, newest_baseline: datetime | None, now: datetime) -> bool:
    at = made.planned_at
    if at is None or now - at >= EVERY or at > clocks.latest(now):
        return True
    return newest_baseline is not None and newest_baseline > at and now - at >= SOONEST


def _newest_baselines(session: Session) -> dict[str, datetime]:
    """By source: when a resource of it had its first complete scan, the latest."""
    found: dict[str, datetime] = {}
    for (source, _), state in reports.resource_states(session).items():
        if state.baseline_at is not None:
            found[source] = max(state.baseline_at, found.get(source, state.baseline_at))
    return found


def _make(services: Services, configured: Configured, before: Made, *, pace_of: PaceOf, now: datetime) -> bool:
    """False where another clock was first."""
    rule = configured.rule
    with services.database.read() as session:  # what is read takes a while, and nobody has to wait for it
        gathered = gathering.gather(
            session, configured, pace_of=pace_of, now=now, is_same_rule=before.rule in ("", rule)
        )
    made = plan.make(gathered.known, configured.budget, now=now)
    with services.database.write() as session:
        if cadence.lock(session, configured.name) != before:
            return False
        cadence.write(session, configured.name, made, gathered.counted, rule=rule, now=now)
    if made.cure is not None:
        log.warning("budget_exceeded", source=configured.name, cure=made.cure.text)
    log.debug("planned", source=configured.name, requests_per_hour=round(made.planned_per_hour))
    return True
