"""Metrics of points and of what they are owed; called by scrape.py."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from storage import tally_histograms
from storage.deliveries import Counts
from storage.states import DeliveryState, PointState
from storage.tally import Counted, Key
from web.metrics.figures import Figures

_POINT = ("point",)
#: `Point.shown_state` of those that have a code.
_STATES = (PointState.ACTIVE.value, "paused", PointState.DISABLED.value, PointState.GONE.value)
#: How a delivery ends.
_OUTCOMES = (DeliveryState.DELIVERED, DeliveryState.DEAD, DeliveryState.SKIPPED)


def families(figures: Figures) -> Iterator[Metric]:
    """Of the points that have a code."""
    yield from _gauges(figures)
    yield _outcomes(figures)
    codes = [point.code for point in figures.points]
    yield _histogram(
        figures,
        codes,
        Counted.ATTEMPT_SECONDS,
        name="mirrorpoint_attempt_duration_seconds",
        help_text="How long each attempt took, whatever came of it.",
    )
    yield _histogram(
        figures,
        codes,
        Counted.DELIVERY_SECONDS,
        name="mirrorpoint_change_to_delivery_seconds",
        help_text="From the change that was seen to its arrival; without what is sent once more.",
    )


def _gauges(figures: Figures) -> Iterator[Metric]:
    due = GaugeMetricFamily("mirrorpoint_point_due", "Deliveries that are owed, now or later.", labels=_POINT)
    dead = GaugeMetricFamily("mirrorpoint_point_dead", "Deliveries that were given up.", labels=_POINT)
    oldest = GaugeMetricFamily(
        "mirrorpoint_point_oldest_due_timestamp_seconds",
        "Since when the oldest of what is owed waits; none where nothing does.",
        labels=_POINT,
    )
    state = GaugeMetricFamily("mirrorpoint_point_state", "1 for the state of the point.", labels=(*_POINT, "state"))
    paused = GaugeMetricFamily(
        "mirrorpoint_point_paused_until_timestamp_seconds",
        "Until when the breaker leaves the point alone; none while it is closed.",
        labels=_POINT,
    )
    for point in figures.points:
        counts = figures.owed.get(point.code, Counts())
        due.add_metric((point.code,), counts.due)
        dead.add_metric((point.code,), counts.dead)
        if point.code in figures.owed_since:
            oldest.add_metric((point.code,), figures.owed_since[point.code].timestamp())
        for each in _STATES:
            state.add_metric((point.code, each), int(point.shown_state == each))
        if point.paused_until is not None:
            paused.add_metric((point.code,), point.paused_until.timestamp())
    yield from (due, dead, oldest, state, paused)


def _outcomes(figures: Figures) -> Metric:
    found = CounterMetricFamily(
        "mirrorpoint_deliveries", "Deliveries that have ended, by how.", labels=(*_POINT, "outcome")
    )
    for point in figures.points:
        for outcome in _OUTCOMES:
            number = figures.totals.get(Key(Counted.DELIVERIES, (point.code, outcome)), 0)
            found.add_metric((point.code, outcome), number)
    return found


def _histogram(figures: Figures, codes: Sequence[str], counted: Counted, *, name: str, help_text: str) -> Metric:
    """Of the points of which anything was counted; of the others two dozen zeros would be told."""
    found = HistogramMetricFamily(name, help_text, labels=_POINT)
    known = set(codes)
    for each in tally_histograms.read(figures.totals, counted):
        if each.point in known:
            buckets = [(_limit(limit), float(number)) for limit, number in each.buckets]
            found.add_metric((each.point,), buckets, each.seconds)
    return found


def _limit(limit: float) -> str:
    return "+Inf" if limit == float("inf") else str(float(limit))
