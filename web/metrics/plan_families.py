"""Metrics of what is planned and promised, and of what is kept of it; called by scrape.py."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily, Metric

from changes.cadence import judging
from changes.cadence.terms import Promise
from storage.scans import ResourceState
from tasks.cadence import observed
from web.metrics.figures import Figures

_PLACE = ("source", "resource")
_PROMISE = (*_PLACE, "which")


def families(figures: Figures) -> Iterator[Metric]:
    """A resource that is off has no value in any of them."""
    promised = GaugeMetricFamily(
        "mirrorpoint_resource_promise_seconds",
        "A change is promised to be seen at the latest so long after it happened.",
        labels=_PROMISE,
    )
    kept = GaugeMetricFamily(
        "mirrorpoint_resource_promise_kept",
        "0 where the look that finds such changes began longer ago than is promised.",
        labels=_PROMISE,
    )
    staleness = GaugeMetricFamily(
        "mirrorpoint_resource_promised_staleness_seconds",
        "How old the last complete scan may become: what is promised of updates.",
        labels=_PLACE,
    )
    interval = GaugeMetricFamily(
        "mirrorpoint_resource_interval_seconds",
        "Planned between two full scans; of a cron line the longest.",
        labels=_PLACE,
    )
    head = GaugeMetricFamily(
        "mirrorpoint_resource_head_interval_seconds",
        "Planned between two head scans; none where there are none.",
        labels=_PLACE,
    )
    cost = GaugeMetricFamily("mirrorpoint_resource_requests_per_scan", "What a full scan costs.", labels=_PLACE)
    for place in figures.places:
        plan = figures.planned.get(place)
        if plan is None:
            continue
        seen = observed.of(plan, figures.states.get(place, ResourceState()), now=figures.now)
        late = judging.late(plan, seen, now=figures.now)
        for which, seconds in plan.promises.items():
            promised.add_metric((*place, which), seconds)
            kept.add_metric((*place, which), int(which not in late))
        staleness.add_metric(place, plan.promises[Promise.UPDATED])
        if plan.interval_seconds is not None:
            interval.add_metric(place, plan.interval_seconds)
        if plan.head_interval_seconds is not None:
            head.add_metric(place, plan.head_interval_seconds)
        cost.add_metric(place, plan.requests_per_scan)
    yield from (promised, kept, staleness, interval, head, cost)
