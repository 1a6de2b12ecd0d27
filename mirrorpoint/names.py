"""Finds the resources that a caller names; used by `mirror.py` and `past.py`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from changes.resources import Resource
from upstream.catalogue import Catalogue
from worker.problems import UsageError, did_you_mean

Catalogues = Mapping[str, Catalogue]  #: by the source's name


def sources(catalogues: Catalogues, source: str | None) -> list[str]:
    """The source of that name, or all; UsageError with the one that was meant."""
    if source is not None and source not in catalogues:
        raise UsageError(f'there is no source "{source}"', did_you_mean(source, catalogues))
    return list(catalogues) if source is None else [source]


def found(catalogues: Catalogues, resource: str, source: str | None) -> list[tuple[str, Resource]]:
    """Every source's resource of that name; at least one."""
    everywhere = sources(catalogues, source)
    hits = [
        (each, catalogues[each].resources[resource]) for each in everywhere if resource in catalogues[each].resources
    ]
    if not hits:
        where = f" in {source}" if source else ""
        known = {name for each in everywhere for name in catalogues[each].resources}
        raise UsageError(f'there is no resource "{resource}"{where}', did_you_mean(resource, known))
    return hits


def one(catalogues: Catalogues, resource: str, source: str | None) -> tuple[str, Resource]:
    """The only one; UsageError where several sources have it."""
    hits = found(catalogues, resource, source)
    if len(hits) > 1:
        raise UsageError(f'several sources have "{resource}"', f"give source=: {', '.join(name for name, _ in hits)}")
    return hits[0]


def utc(moment: datetime | None, *, name: str) -> datetime | None:
    """The moment in UTC; UsageError where it has no zone."""
    if moment is None:
        return None
    if moment.tzinfo is None:
        raise UsageError(
            f"{name} has no time zone: {moment.isoformat()}", "give an aware time, such as datetime.now(UTC)"
        )
    return moment.astimezone(UTC)
