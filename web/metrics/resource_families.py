"""Metrics of sources and of their resources; called by scrape.py."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from changes.records import Kind
from storage.scans import ResourceState
from storage.slots import FULL, HEAD
from storage.states import ScanState, SuspectState
from storage.tally import Counted, Key
from web.metrics.figures import Figures
from web.services import Limits

_PLACE = ("source", "resource")
#: The states that a scan ends with.
_ENDS = tuple(state for state in ScanState if state is not ScanState.RUNNING)
_SCANS = (FULL, HEAD)


def families(figures: Figures, limits: Mapping[str, Limits]) -> Iterator[Metric]:
    """What nothing is known of has no value, but counters begin at zero: a rate needs the first step too."""
    yield from _gauges(figures)
    yield from _counters(figures)
    yield from _sources(figures, limits)


def _gauges(figures: Figures) -> Iterator[Metric]:
    last = GaugeMetricFamily(
        "mirrorpoint_resource_last_complete_timestamp_seconds",
        "When the last complete scan ended; none where there was none.",
        labels=_PLACE,
    )
    rows = GaugeMetricFamily("mirrorpoint_resource_rows", "Records that exist.", labels=_PLACE)
    suspects = GaugeMetricFamily(
        "mirrorpoint_resource_suspects",
        "Records that a complete scan did not have, and that are not deleted yet.",
        labels=_PLACE,
    )
    held = GaugeMetricFamily("mirrorpoint_resource_held", "Deletions that wait for a person.", labels=_PLACE)
    for place in figures.places:
        complete_at = figures.states.get(place, ResourceState()).last_complete_at
        if complete_at is not None:
            last.add_metric(place, complete_at.timestamp())
        states = figures.suspects.get(place, {})
        of_held = states.get(SuspectState.HELD, 0)
        rows.add_metric(place, figures.rows[place])
        suspects.add_metric(place, sum(states.values()) - of_held)
        held.add_metric(place, of_held)
    yield from (last, rows, suspects, held)


def _counters(figures: Figures) -> Iterator[Metric]:
    changes = CounterMetricFamily(
        "mirrorpoint_changes", "Changes written to the log, by their kind.", labels=(*_PLACE, "kind")
    )
    scans = CounterMetricFamily(
        "mirrorpoint_scans", "Scans that have ended, by how.", labels=(*_PLACE, "kind", "state")
    )
    requests = CounterMetricFamily(
        "mirrorpoint_requests", "Requests for lists and single records; not sign-ins.", labels=_PLACE
    )
    totals = figures.totals
    for place in figures.places:
        for kind in Kind:
            changes.add_metric((*place, kind), totals.get(Key(Counted.CHANGES, (*place, kind)), 0))
        for scan, state in product(_SCANS, _ENDS):
            scans.add_metric((*place, scan, state), totals.get(Key(Counted.SCANS, (*place, scan, state)), 0))
        asked = totals.get(Key(Counted.REQUESTS, place), 0) + figures.running_requests.get(place, 0)
        requests.add_metric(place, asked)
    yield from (changes, scans, requests)


def _sources(figures: Figures, limits: Mapping[str, Limits]) -> Iterator[Metric]:
    under_way = GaugeMetricFamily(
        "mirrorpoint_source_requests_under_way", "Scans that have a permit to ask the source.", labels=("source",)
    )
    most = GaugeMetricFamily("mirrorpoint_source_concurrency_limit", "How many permits there are.", labels=("source",))
    rate = GaugeMetricFamily(
        "mirrorpoint_source_requests_per_second_limit", "Requests started in any second.", labels=("source",)
    )
    paused = GaugeMetricFamily(
        "mirrorpoint_source_paused_until_timestamp_seconds",
        "Until when the source is left alone: it asked for it, or it failed again and again; none where it never was.",
        labels=("source",),
    )
    refused = GaugeMetricFamily(
        "mirrorpoint_source_credentials_refused", "1 where the source refuses the credentials.", labels=("source",)
    )
    for source, asking in figures.asking.items():
        under_way.add_metric((source,), figures.under_way.get(source, 0))
        if source in limits:
            rate.add_metric((source,), limits[source].requests_per_second)
            most.add_metric((source,), limits[source].concurrency)
        until = [at for at in (asking.paused_until, asking.rests_until) if at is not None]
        if until:
            paused.add_metric((source,), max(until).timestamp())
        refused.add_metric((source,), int(asking.refused_at is not None))
    yield from (under_way, most, rate, paused, refused)
