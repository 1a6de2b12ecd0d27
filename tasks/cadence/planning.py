"""Makes the plan of each source and stores it: once an hour, when a clock starts with other settings, or when the first
complete scan of a resource has shown what it costs; a while later once more. Called by the clock.

Two clocks decide alike: who comes second finds a plan that is new.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from changes import clocks
from changes.cadence import plan
from storage import cadence, reports
from storage.cadence import Made
from tasks.cadence import gathering, recorded
from tasks.cadence.gathering import Configured, PaceOf
from tasks.log_lines import Logger
from tasks.services import Services

log = Logger("mirrorpoint.plan")

#: A plan holds for so long.
EVERY = timedelta(hours=1)
#: After the first complete scan of a resource its plan is made anew, but no sooner than this after the plan before.
SOONEST = timedelta(minutes=1)
#: First scans cost more than later ones. So a plan made so soon after one holds no longer than this.
OF_FIRST_SCANS = timedelta(minutes=10)
#: What is known of so many sources is read together: a handful of statements, and not too much in memory.
_AT_A_TIME = 50


def plan_if_due(services: Services, *, pace_of: PaceOf, is_start: bool = False) -> dict[str, datetime]:
    """Make those that are due; then by source when its plan was made, by whichever clock.

    `is_start`: a clock begins, so its settings may be others than those of the plan that stands.
    """
    now = services.now()
    with services.database.read() as session:
        made = cadence.made(session)
        newest = reports.newest_baselines(session)
    all_configured = [Configured.of(source) for source in services.sources.values()]
    rules = gathering.rules(all_configured) if is_start else {}
    due = [
        each
        for each in all_configured
        if _is_due(made.get(each.name, Made()), newest.get(each.name), now)
        or (is_start and made.get(each.name, Made()).rule != rules[each.name])
    ]
    for start in range(0, len(due), _AT_A_TIME):
        _make(services, due[start : start + _AT_A_TIME], made, pace_of=pace_of, now=now)
    if due:
        with services.database.read() as session:
            made = cadence.made(session)
    return {name: each.planned_at for name, each in made.items() if each.planned_at is not None}


def _is_due(made: Made, newest_baseline: datetime | None, now: datetime) -> bool:
    at = made.planned_at
    if at is None or now - at >= EVERY or at > clocks.latest(now):
        return True
    if newest_baseline is None or newest_baseline > clocks.latest(now):
        return False
    if newest_baseline >= at:
        return now - at >= SOONEST
    return at - newest_baseline < OF_FIRST_SCANS <= now - at


def _make(
    services: Services, due: Sequence[Configured], made: Mapping[str, Made], *, pace_of: PaceOf, now: datetime
) -> None:
    """Those of these sources whose plan no other clock has made meanwhile; each is written by itself."""
    with services.database.read() as session:  # what is read takes a while, and nobody has to wait for it
        on_record = recorded.read(session, {each.name: each.catalogue for each in due}, now=now)
    rules = gathering.rules(due)
    for configured in due:
        name, rule, before = configured.name, rules[configured.name], made.get(configured.name, Made())
        gathered = gathering.gather(
            on_record, configured, pace_of=pace_of, now=now, is_same_rule=before.rule in ("", rule)
        )
        new = plan.make(gathered.known, configured.budget, now=now)
        with services.database.write() as session:
            if cadence.lock(session, name) != before:
                continue
            cadence.write(session, name, new, gathered.counted, rule=rule, now=now)
        if new.cure is not None:
            # Before all lists were read the cure is a guess, and `check`, which asks them, may name another.
            guessed = {"lists_not_read_yet": gathered.unread} if gathered.unread else {}
            log.warning("budget_exceeded", source=name, cure=new.cure.text, **guessed)
        log.debug("planned", source=name, requests_per_hour=round(new.planned_per_hour))
