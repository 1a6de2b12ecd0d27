"""One scrape: reads the figures, makes metrics of them and writes them down; called by metrics.py.

What it gives may be two seconds old: whoever scrapes at the same time waits for one and the same result.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import NamedTuple

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.exposition import choose_encoder, generate_latest
from prometheus_client.registry import Collector

from storage import writable
from storage.errors import StorageError
from web.metrics import (
    figures,
    plan_families,
    point_families,
    process_families,
    reader_families,
    record_families,
    resource_families,
)
from web.services import Web

#: How old a result may be, in seconds.
OLDEST_SECONDS = 2.0
#: The same of whether the database can be written: to learn that it cannot takes a second.
WRITABLE_SECONDS = 15.0


class Page(NamedTuple):
    """What is answered."""

    body: bytes
    media_type: str


class Scrape:
    """Of one application; called from several threads. `monotonic` gives seconds."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._metrics: tuple[float, list[Metric]] | None = None
        self._writable: tuple[float, bool] | None = None
        self._pages: dict[str, Page] = {}

    def page(self, web: Web, accept: str) -> Page:
        """In the form that `accept` asks for; StorageError where the database cannot be read."""
        encode, media_type = choose_encoder(accept)
        with self._lock:
            if self._metrics is None or self._monotonic() - self._metrics[0] > OLDEST_SECONDS:
                found = list(self._read(web))
                self._metrics, self._pages = (self._monotonic(), found), {}
            if media_type not in self._pages:
                self._pages[media_type] = Page(encode(_registry(self._metrics[1])), media_type)
            return self._pages[media_type]

    def _read(self, web: Web) -> Iterator[Metric]:
        found = figures.read(web)
        yield process_families.up(is_up=True)
        yield process_families.build(web.version)
        yield process_families.writable(is_writable=self._is_writable(web))
        yield from process_families.families(found)
        yield from plan_families.families(found)
        yield from resource_families.families(found, web.limits)
        yield from point_families.families(found)
        yield from reader_families.families(found)
        yield from record_families.families(found, web.keep_every_seconds)

    def _is_writable(self, web: Web) -> bool:
        if self._writable is None or self._monotonic() - self._writable[0] > WRITABLE_SECONDS:
            try:
                writable.check(web.writing)
                is_so = True
            except StorageError:
                is_so = False
            self._writable = (self._monotonic(), is_so)
        return self._writable[1]


def without_database(web: Web, why: str) -> Page:
    """What is known all the same, below the sentence that says why there is no more."""
    body: bytes = generate_latest(_registry([process_families.up(is_up=False), process_families.build(web.version)]))
    comment = "".join(f"# {line}\n" for line in why.splitlines())
    return Page(comment.encode() + body, choose_encoder("")[1])


class _Found(Collector):
    """What was read, as the library wants it."""

    def __init__(self, metrics: list[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        yield from self._metrics


def _registry(metrics: list[Metric]) -> CollectorRegistry:
    registry = CollectorRegistry()  # our own: the library's tells of this process, which is of no use here
    registry.register(_Found(metrics))
    return registry
