"""The write verbs of a configured source; given by `Mirror.write`."""

from __future__ import annotations

from collections.abc import Callable

from tasks.services import Services
from upstream import writing
from worker import bootstrap
from worker.settings import Settings


class Writer(writing.Writer):
    """create, update, replace, delete and lookup, within the limits and with the token that all processes share."""

    def __init__(self, services: Services, source: str, *, closed: Callable[[Writer], object]) -> None:
        super().__init__(services.sources[source].client)
        self._services = services
        self._told_closed = closed

    def __enter__(self) -> Writer:
        return self

    def close(self) -> None:
        """Close its connections; closing twice does no harm."""
        self._services.close()
        self._told_closed(self)


def connect(settings: Settings, source: str, *, closed: Callable[[Writer], object]) -> Writer:
    """For that source alone: secrets of others are not asked for."""
    services = bootstrap.build(settings, prepare=False, only_sources=(source,), with_points=False)
    return Writer(services, source, closed=closed)
