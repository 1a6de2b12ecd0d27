"""Within how many seconds a change is seen, as `check` reckons it for its plan; used by `verify --live`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from changes.cadence.terms import Pace
    from tasks.record.live import Promised
    from upstream.catalogue import Catalogue
    from worker.plan import Line
    from worker.settings import Settings

#: A scan may have to wait for its turn; `status` calls nothing late before, either.
GRACE_SECONDS = 60.0


def of(
    settings: Settings,
    catalogues: Mapping[str, Catalogue],
    rows: Mapping[tuple[str, str], int],
    *,
    now: datetime,
) -> Promised:
    """`rows`: how many the mirror has, by source and resource. What is off promises nothing."""
    from worker import plan

    pace_of = cache(lambda schedule: plan.pace_of(schedule, now=now))

    @cache
    def of_source(name: str, answer_seconds: float) -> dict[str, float]:
        lines = _lines(settings, name, catalogues[name], rows, pace_of, answer_seconds)
        shared = plan.shared(lines, requests_per_second=settings.sources[name].limits.requests_per_second)
        return {line.resource: line.staleness_seconds for line in shared}

    def promised(source: str, resource: str, answer_seconds: float) -> float:
        return of_source(source, round(answer_seconds, 2)).get(resource, float("inf")) + GRACE_SECONDS

    return promised


def _lines(
    settings: Settings,
    name: str,
    catalogue: Catalogue,
    rows: Mapping[tuple[str, str], int],
    pace_of: Callable[[str], Pace | None],
    answer_seconds: float,
) -> list[Line]:
    from changes import schedules
    from worker import plan
    from worker.commands.check import sizing
    from worker.commands.check.probing import Probed

    source, found = settings.sources[name], []
    sizes = sizing.Sizes(name, catalogue, Probed({}), rows)
    for resource in catalogue.resources.values():
        schedule = schedules.resolve(resource, source.schedule)
        pace = pace_of(schedule.strip())
        if pace is not None:
            found.append(
                plan.line(
                    name,
                    resource.name,
                    schedule=schedule,
                    pace=pace,
                    size=sizes.of(resource),
                    page_size=resource.page_size or source.limits.page_size,
                    requests_per_second=source.limits.requests_per_second,
                    answer_seconds=answer_seconds,
                )
            )
    return found
