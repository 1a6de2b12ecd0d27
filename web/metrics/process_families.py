"""Metrics of the processes, and of this one: who gave a sign of life, which version it is; called by scrape.py."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily, Metric

from web.metrics.figures import Figures


def families(figures: Figures) -> Iterator[Metric]:
    """A process that does two things gives its sign for both."""
    beats: dict[str, float] = {}
    for process in figures.processes:
        for kind in process.kind.split("+"):
            beats[kind] = max(beats.get(kind, 0.0), process.beat_at.timestamp())
    last = GaugeMetricFamily(
        "mirrorpoint_process_last_beat_timestamp_seconds",
        "The last sign of life of any process of this kind; none where it ended as it was asked to.",
        labels=("kind",),
    )
    for kind, at in sorted(beats.items()):
        last.add_metric((kind,), at)
    yield last


def build(version: str) -> Metric:
    """Known without any database."""
    python = ".".join(str(each) for each in sys.version_info[:3])
    found = GaugeMetricFamily("mirrorpoint_build_info", "Always 1.", labels=("version", "python"))
    found.add_metric((version, python), 1)
    return found


def up(*, is_up: bool) -> Metric:
    """Whether the database could be read."""
    return GaugeMetricFamily("mirrorpoint_up", "1 where the database can be read.", value=int(is_up))


def writable(*, is_writable: bool) -> Metric:
    """Whether it could be written."""
    return GaugeMetricFamily(
        "mirrorpoint_database_writable", "1 where the database can be written.", value=int(is_writable)
    )
