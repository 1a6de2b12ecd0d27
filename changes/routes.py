"""Decides to which points a change, or a notice, is owed.

Called by the scan for every change that it commits, by who writes a notice, and by what sends changes again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from changes import notices
from changes.records import Change, Kind

#: What a route takes if it names no kinds: a first scan is no news.
DEFAULT_KINDS = (Kind.CREATED, Kind.UPDATED, Kind.DELETED, Kind.RESTORED)


@dataclass(frozen=True, slots=True)
class Route:
    """Which changes, and which notices, go to which points; names may be globs."""

    points: tuple[str, ...]
    types: tuple[str, ...] = ()  #: of points; if there are any, only points that have one of them
    resources: tuple[str, ...] = ("*",)
    kinds: tuple[str, ...] = DEFAULT_KINDS
    fields: tuple[str, ...] = ()  #: JSON Pointers; if there are any, only updates that touch one of them


def owed_to(
    routes: Iterable[Route],
    change: Change,
    receivers: Mapping[str, str | None],
    *,
    without: Collection[str] = (),
) -> tuple[str, ...]:
    """The codes, in their order, of the points to which a route sends the change; `receivers`: code -> type.

    Those that are left out are receivers all the same: a route that is their code means no other point.
    """
    if not receivers:
        return ()
    taking = [route for route in routes if takes(route, change.resource, kind=change.kind, changed=change.changed)]
    return tuple(code for code in _those_led_to(taking, receivers) if code not in without)


def notice_owed_to(routes: Iterable[Route], type: str, receivers: Mapping[str, str | None]) -> tuple[str, ...]:  # noqa: A002
    """The same for a notice of that type. `kinds` and `fields` are about changes: they sift no notices."""
    return _those_led_to([route for route in routes if _asks_for(route, type)], receivers)


def led_to(routes: Iterable[Route], receivers: Mapping[str, str | None]) -> tuple[str, ...]:
    """The codes, in their order, of the points to which any of the routes leads; `receivers`: code -> type."""
    return _those_led_to(list(routes), receivers)


def _those_led_to(taking: Collection[Route], receivers: Mapping[str, str | None]) -> tuple[str, ...]:
    return tuple(
        code
        for code, type_ in receivers.items()
        if any(leads_to(route, code, type=type_, known=receivers) for route in taking)
    )


def leads_to(route: Route, code: str, *, type: str | None, known: Collection[str]) -> bool:  # noqa: A002
    """Whether the route names the point, whatever the change is.

    An entry that is a known code means that point alone, even if it can be read as a glob (`EU[1]`). `*` and `?` are
    always wildcards: a point called `*` must not take away the events of all others.
    """
    if route.types and not _matches(type or "", route.types):
        return False
    return any(
        entry == code or (fnmatchcase(code, entry) and (entry not in known or "*" in entry or "?" in entry))
        for entry in route.points
    )


def takes(route: Route, resource: str, *, kind: Kind, changed: Iterable[str]) -> bool:
    """Whether the route is about such a change; `changed`: its pointers."""
    return (
        kind in route.kinds
        and _matches(resource, route.resources)
        and (not route.fields or kind is not Kind.UPDATED or _touches(route.fields, changed))
    )


def _asks_for(route: Route, type: str) -> bool:  # noqa: A002
    """Only by their own name: a route with `*` is about all resources, and its receiver may know nothing of notices."""
    return _matches(type, [name for name in route.resources if notices.is_meant(name)])


def _matches(name: str, globs: Iterable[str]) -> bool:
    return any(fnmatchcase(name, glob) for glob in globs)


def _touches(fields: Iterable[str], changed: Iterable[str]) -> bool:
    return any(_is_within(pointer, field) or _is_within(field, pointer) for field in fields for pointer in changed)


def _is_within(pointer: str, ancestor: str) -> bool:
    return pointer == ancestor or pointer.startswith(ancestor + "/")
