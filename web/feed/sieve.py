"""Which changes a reader sees: with a role all that it asks for, as a point what its routes send it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from sqlmodel import Session

from changes import routes
from changes.records import Change
from changes.routes import Route
from storage import feed, points
from web.access import Caller
from web.feed.asked import Asked
from web.services import Web


@dataclass(frozen=True, slots=True)
class Sieve:
    """`resources` and `kinds` are sifted by the database, and None means all; `routes` for each change, where given."""

    resources: Collection[tuple[str, str]] | None
    kinds: Collection[str] | None
    routes: Sequence[Route] | None

    def lets_through(self, change: Change) -> bool:
        if self.routes is None:
            return True
        return any(
            routes.takes(route, change.resource, kind=change.kind, changed=change.changed) for route in self.routes
        )

    @property
    def is_empty(self) -> bool:
        """Nothing can come through it."""
        return self.resources is not None and not self.resources


def of(session: Session, web: Web, caller: Caller, asked: Asked) -> Sieve:
    """The one of this reader."""
    own = None if caller.point is None else leading_to(session, web.routes, caller.point)
    names = None
    if asked.resources or own is not None:
        named = feed.named(session)
        names = {
            (source, name)
            for source, name in named
            if (not asked.resources or any(_fits(pattern, source, name) for pattern in asked.resources))
            and (own is None or any(fnmatchcase(name, pattern) for route in own for pattern in route.resources))
        }
    kinds: set[str] | None = set(asked.kinds) or None
    if own is not None:
        taken = {str(kind) for route in own for kind in route.kinds}
        kinds = taken if kinds is None else kinds & taken
    return Sieve(names, kinds, own)


def notice_types(session: Session, web: Web, caller: Caller, asked: Asked) -> list[str]:
    """The same for notices."""
    own = None if caller.point is None else leading_to(session, web.routes, caller.point)
    return [
        type_
        for type_ in feed.notice_types(session)
        if any(fnmatchcase(type_, pattern) for pattern in asked.resources)
        and (own is None or routes.notice_owed_to(own, type_, {caller.point or "": _type_of(session, caller)}))
    ]


def leading_to(session: Session, all_routes: Sequence[Route], code: str) -> list[Route]:
    """The routes that name this point."""
    known = {point.code: point.type for point in points.list_all(session)}
    return [route for route in all_routes if routes.leads_to(route, code, type=known.get(code), known=known)]


def _type_of(session: Session, caller: Caller) -> str | None:
    point = points.find(session, caller.point or "")
    return None if point is None else point.type


def _fits(pattern: str, source: str, name: str) -> bool:
    return fnmatchcase(name, pattern) or fnmatchcase(f"{source}:{name}", pattern)
