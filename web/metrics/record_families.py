"""Metrics of the record: its seals, the places where its heads are kept, its verification; called by scrape.py."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily, Metric

from storage import kept
from web.metrics.figures import Figures

_LOG, _PLACE = ("log",), ("target", "log")


def families(figures: Figures, keep_every_seconds: float) -> Iterator[Metric]:
    """What was never done has no value."""
    yield from _seals(figures)
    yield from _kept(figures, keep_every_seconds)
    yield from _verified(figures)


def _seals(figures: Figures) -> Iterator[Metric]:
    size = GaugeMetricFamily("mirrorpoint_seal_size", "Rows that the newest checkpoint covers.", labels=_LOG)
    unsealed = GaugeMetricFamily("mirrorpoint_seal_unsealed", "Rows behind it.", labels=_LOG)
    at = GaugeMetricFamily("mirrorpoint_seal_last_timestamp_seconds", "When it was made.", labels=_LOG)
    for log, seal in figures.seals.items():
        size.add_metric((log,), 0 if seal is None else seal.size)
        unsealed.add_metric((log,), max(0, figures.sizes[log] - (0 if seal is None else seal.size)))
        if seal is not None:
            at.add_metric((log,), seal.sealed_at.timestamp())
    yield from (size, unsealed, at)


def _kept(figures: Figures, keep_every_seconds: float) -> Iterator[Metric]:
    size = GaugeMetricFamily("mirrorpoint_seal_kept_size", "Rows of the newest head that is kept there.", labels=_PLACE)
    at = GaugeMetricFamily("mirrorpoint_seal_kept_timestamp_seconds", "When it was kept.", labels=_PLACE)
    due = GaugeMetricFamily(
        "mirrorpoint_seal_keep_deadline_timestamp_seconds",
        "When a newer head is to be there at the latest: twice keep_every behind the last; none where all is kept.",
        labels=_PLACE,
    )
    contradicted = GaugeMetricFamily(
        "mirrorpoint_seal_contradicted", "1 where the place says that the record is another.", labels=_PLACE
    )
    for each in figures.kept:
        place = (each.target, each.log)
        size.add_metric(place, each.standing.size)
        if each.standing.kept_at is not None:
            at.add_metric(place, each.standing.kept_at.timestamp())
        if each.behind_since is not None:
            due.add_metric(place, each.behind_since.timestamp() + 2 * keep_every_seconds)
        contradicted.add_metric(place, int(kept.is_grave(each.standing.error)))
    yield from (size, at, due, contradicted)


def _verified(figures: Figures) -> Iterator[Metric]:
    at = GaugeMetricFamily("mirrorpoint_verify_last_timestamp_seconds", "When the record was last verified.")
    is_ok = GaugeMetricFamily("mirrorpoint_verify_ok", "1 where it was found unaltered.")
    changes = GaugeMetricFamily("mirrorpoint_verify_changes", "Changes that it then had.")
    if figures.verified is not None:
        at.add_metric((), figures.verified.ended_at.timestamp())
        is_ok.add_metric((), int(figures.verified.is_ok))
        changes.add_metric((), figures.verified.changes)
    yield from (at, is_ok, changes)
