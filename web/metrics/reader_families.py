"""Metrics of the feed: how far each of its readers is; called by scrape.py."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily, Metric

from storage.seals import Log
from web.metrics.figures import Figures


def families(figures: Figures) -> Iterator[Metric]:
    """By name: of a token, or the code of a point."""
    behind = GaugeMetricFamily(
        "mirrorpoint_feed_reader_behind_changes",
        "Changes that a reader of the feed has not asked to go past yet; with filters it may not want them all.",
        labels=("kind", "reader"),
    )
    asked = GaugeMetricFamily(
        "mirrorpoint_feed_reader_last_request_timestamp_seconds",
        "When a reader of the feed last asked, to within a minute.",
        labels=("kind", "reader"),
    )
    for reader in figures.readers:
        labels = (reader.kind, reader.name)
        behind.add_metric(labels, max(0, figures.sizes[Log.CHANGES] - reader.seq))
        asked.add_metric(labels, reader.at.timestamp())
    yield behind
    yield asked
