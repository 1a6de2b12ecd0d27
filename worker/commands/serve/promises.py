"""Settings -> what they promise, in numbers; called by wiring.py."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from worker.commands import times

if TYPE_CHECKING:
    from upstream.catalogue import Catalogue
    from web.promises import Intervals, Promises
    from worker.settings import Settings


def of(settings: Settings, catalogues: dict[str, Catalogue]) -> Promises:
    """Schedules are followed when somebody asks: a cron line takes a moment, and a page need not wait for it."""
    from web.promises import Limits, Promises
    from worker import record_policy

    @functools.cache
    def intervals() -> Intervals:
        return _intervals(settings, catalogues)

    return Promises(
        intervals=intervals,
        limits={
            name: Limits(source.limits.requests_per_second, source.limits.concurrency)
            for name, source in settings.sources.items()
        },
        keep=tuple(dict.fromkeys(record_policy.kept_at(settings))),
        keep_every_seconds=float(settings.record.keep_every),
    )


def _intervals(settings: Settings, catalogues: dict[str, Catalogue]) -> Intervals:
    from changes import schedules
    from worker.commands.status import remarks

    found, now = {}, times.now()
    for source, catalogue in catalogues.items():
        for name, resource in catalogue.resources.items():
            schedule = schedules.resolve(resource, settings.sources[source].schedule).strip()
            if schedule != "off":
                found[source, name] = remarks.interval_seconds(schedule, now)
    return found
