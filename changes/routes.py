"""Decides to which points a change is owed.

Called by the scan for every change that it commits.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from changes.records import Change, Kind

#: What a route takes that names no kinds: a first scan is no news.
DEFAULT_KINDS = (Kind.CREATED, Kind.UPDATED, Kind.DELETED, Kind.RESTORED)


@dataclass(frozen=True, slots=True)
class Route:
    """Which changes go to which points; names may be globs."""

    points: tuple[str, ...]
    resources: tuple[str, ...] = ("*",)
    kinds: tuple[str, ...] = DEFAULT_KINDS
    fields: tuple[str, ...] = ()  #: JSON Pointers; where there are any, only updates that touch one of them


def owed_to(routes: Iterable[Route], change: Change, codes: Sequence[str]) -> tuple[str, ...]:
    """The codes, in their order and each once, of the points that some route sends the change to."""
    globs = {glob for route in routes if _takes(route, change) for glob in route.points}
    return tuple(code for code in dict.fromkeys(codes) if _matches(code, globs))


def _takes(route: Route, change: Change) -> bool:
    return (
        change.kind in route.kinds
        and _matches(change.resource, route.resources)
        and (not route.fields or change.kind is not Kind.UPDATED or _touches(route.fields, change.changed))
    )


def _matches(name: str, globs: Iterable[str]) -> bool:
    return any(fnmatchcase(name, glob) for glob in globs)


def _touches(fields: Iterable[str], changed: Iterable[str]) -> bool:
    return any(_is_within(pointer, field) or _is_within(field, pointer) for field in fields for pointer in changed)


def _is_within(pointer: str, ancestor: str) -> bool:
    return pointer == ancestor or pointer.startswith(ancestor + "/")
