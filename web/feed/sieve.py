"""Which changes a reader sees: with a role all that it asks for, as a point what its routes send it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from changes import routes
from changes.problems import did_you_mean
from changes.records import Kind
from changes.routes import Route
from storage import feed, points
from storage.feed import About, Heading
from storage.session import Session
from web.access import Caller
from web.feed.asked import Asked
from web.queries import BadQuery
from web.services import Web


@dataclass(frozen=True, slots=True)
class Sieve:
    """`resources` and `kinds` are sifted by the database, and None means all; `routes` for each change, where given."""

    resources: Collection[tuple[str, str]] | None
    kinds: Collection[str] | None
    routes: Sequence[Route] | None
    patterns: Sequence[str] = ()  #: what `resources` were found by; none: all

    def lets_through(self, heading: Heading) -> bool:
        """Whether a change of its resources is seen."""
        if self.kinds is not None and heading.kind not in self.kinds:
            return False
        kind = Kind(heading.kind)
        return self.routes is None or any(
            routes.takes(route, heading.resource, kind=kind, changed=heading.changed) for route in self.routes
        )

    def is_for(self, about: About) -> bool:
        """Whether such a change may be let through; also of a resource of which there was nothing before."""
        if self.kinds is not None and about.kind not in self.kinds:
            return False
        if self.patterns and not any(_fits(pattern, about.source, about.resource) for pattern in self.patterns):
            return False
        return self.routes is None or any(
            fnmatchcase(about.resource, pattern) for route in self.routes for pattern in route.resources
        )

    @property
    def is_empty(self) -> bool:
        """Nothing can come through it."""
        return self.resources is not None and not self.resources


def of(session: Session, web: Web, caller: Caller, asked: Asked, *, named: Collection[tuple[str, str]]) -> Sieve:
    """The one of this reader. `named`: what the log has anything of."""
    own = None if caller.point is None else leading_to(session, web.routes, caller.point)
    names = None
    if asked.resources or own is not None:
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
    return Sieve(names, kinds, own, asked.resources)


def check(web: Web, asked: Asked, *, named: Collection[tuple[str, str]]) -> None:
    """BadQuery for a name, not a glob, of which there is neither a resource nor anything in the log: it is misspelt."""
    known = {*named, *((source, name) for source, resources in web.resources.items() for name in resources)}
    for asked_name in asked.resources:
        is_glob = any(mark in asked_name for mark in "*?[")
        if not is_glob and not any(_fits(asked_name, source, name) for source, name in known):
            names = {name for _, name in known}
            raise BadQuery(f'resource: there is no "{asked_name[:60]}"', did_you_mean(asked_name, names))


def notice_types(session: Session, web: Web, caller: Caller, asked: Asked) -> list[str]:
    """The same as `of` for notices."""
    found = [
        type_ for type_ in feed.notice_types(session) if any(fnmatchcase(type_, pattern) for pattern in asked.resources)
    ]
    if caller.point is None:
        return found
    receivers = _receivers(session, caller.point)
    return [type_ for type_ in found if caller.point in routes.notice_owed_to(web.routes, type_, receivers)]


def leading_to(session: Session, all_routes: Sequence[Route], code: str) -> list[Route]:
    """The routes that lead to this point, by the same rule as for those that are posted to."""
    receivers = _receivers(session, code)
    return [route for route in all_routes if routes.leads_to(route, code, type=receivers[code], known=receivers)]


def _receivers(session: Session, code: str) -> dict[str, str | None]:
    """All that routes can lead to, this one among them, also while nothing would be posted to it."""
    found = points.receivers(session)
    if code not in found:
        point = points.find(session, code)
        found[code] = None if point is None else point.type
    return found


def _fits(pattern: str, source: str, name: str) -> bool:
    return fnmatchcase(name, pattern) or fnmatchcase(f"{source}:{name}", pattern)
