"""What may be meant otherwise in a configuration that is valid: the warnings of `check`."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from worker.commands import unsigned
from worker.problems import did_you_mean, nearest

if TYPE_CHECKING:
    from changes.resources import Resource
    from upstream.catalogue import Catalogue
    from worker.settings import Settings


class Warned(NamedTuple):
    """Something to look at that stops nothing."""

    where: str
    message: str
    hint: str = ""


def warnings(
    settings: Settings,
    catalogues: Mapping[str, Catalogue],
    *,
    signed_points: Mapping[str, bool],
    types: Mapping[str, str | None] = MappingProxyType({}),
) -> list[Warned]:
    """All of them; `signed_points`: codes that receive, mirrored ones too, and whether each has a secret, or pulls.

    `types`: those of the same points.
    """
    types = {**types, **{point.code: point.type for point in settings.points}}
    return [
        *_literal_secrets(settings),
        *_open_key(settings),
        *_plain_http(settings),
        *_orphans(settings, catalogues),
        *_without_heads(settings, catalogues),
        *_routes(settings, catalogues, {code: types.get(code) for code in (*signed_points, *types)}),
        *_unsigned(settings, signed_points, types),
    ]


def is_routed(settings: Settings, code: str, *, type: str | None) -> bool:  # noqa: A002  # the field's name
    """Whether any route leads to the point."""
    from changes import routes
    from worker import bootstrap

    known = {code, *(point.code for point in settings.points)}
    return any(routes.leads_to(route, code, type=type, known=known) for route in bootstrap.routes(settings))


#: Members of `auth` that say who signs in, and nothing that only he knows.
_NO_SECRETS = frozenset({"client_id", "username", "user", "email", "login", "scope", "audience", "tenant", "realm"})


def _literal_secrets(settings: Settings) -> Iterator[Warned]:
    for secret in settings.secrets():
        if secret.is_literal and secret.field.rpartition(".")[2] not in _NO_SECRETS:
            yield Warned(
                secret.field, "the secret itself is written in the configuration", "write env:NAME or file:PATH"
            )


def _open_key(settings: Settings) -> Iterator[Warned]:
    reference = settings.storage.seal_key.reference
    if reference.startswith("file:"):
        path = settings.folder / reference.removeprefix("file:")
        if path.exists() and path.stat().st_mode & 0o077:
            yield Warned("storage.seal_key", f"other users of this machine may read {path}", f"chmod 600 {path}")


def _plain_http(settings: Settings) -> Iterator[Warned]:
    hint = "use https:// where it is offered"
    for name, source in settings.sources.items():
        if source.base_url.startswith("http://") and source.auth.method != "none" and not _is_local(source.base_url):
            yield Warned(f"sources.{name}.base_url", "credentials and data travel unencrypted", hint)
    for point in settings.points:
        if point.url is not None and point.url.startswith("http://") and not _is_local(point.url):
            yield Warned(f"points[{point.code}].url", "events travel unencrypted", hint)


def _is_local(url: str) -> bool:
    host = url.removeprefix("http://").split("/")[0].rsplit(":", 1)[0]
    return host in {"localhost", "127.0.0.1", "[::1]"}


def _orphans(settings: Settings, catalogues: Mapping[str, Catalogue]) -> Iterator[Warned]:
    """A nested resource is walked parent by parent, and the parents come from the mirror."""
    from changes import schedules

    for name, catalogue in catalogues.items():
        table = settings.sources[name].schedule
        is_off = {each.name: schedules.resolve(each, table).strip() == "off" for each in catalogue.resources.values()}
        for resource in catalogue.resources.values():
            if resource.parent is not None and not is_off[resource.name] and is_off[resource.parent]:
                yield Warned(
                    f"{name}:{resource.name}",
                    f"nothing of it is found while its parent {resource.parent} is off",
                    f"give {resource.parent} a schedule, or switch {resource.name} off",
                )


#: Lists that lack the same thing are named in one warning, so many of them.
_NAMED = 4


def _without_heads(settings: Settings, catalogues: Mapping[str, Catalogue]) -> Iterator[Warned]:
    """Lists that have an interval for head scans and can have none: what a plan does without."""
    from changes import schedules
    from upstream import heads

    for name, catalogue in catalogues.items():
        alike: dict[tuple[str, str], list[str]] = {}
        for resource in catalogue.resources.values():
            wanted = schedules.timing(schedules.resolve(resource, settings.sources[name].schedule)).head
            if isinstance(wanted, schedules.Every) and not heads.can_have_heads(catalogue, resource):
                alike.setdefault(_no_heads(resource), []).append(resource.name)
        for (message, hint), names in alike.items():
            more = f" (also: {', '.join(names[1:_NAMED])}{', …' if len(names) > _NAMED else ''})"
            yield Warned(f"{name}:{names[0]}", message + more * (len(names) > 1), hint)


def _no_heads(resource: Resource) -> tuple[str, str]:
    """Why there are none and what happens instead, and what helps."""
    if resource.parent is not None:
        why, hint = "it has a list below each parent", "shorten its full interval, or that of its parent"
    elif not resource.paged:
        why, hint = "it is read in one request", "shorten its full interval: a scan costs one request"
    else:
        why = "its catalogue names nothing by which new rows come first or last"
        hint = "name `created` or `sort` in its catalogue, or shorten its full interval"
    return f"its head interval has no effect, since {why}: what is created is seen by full scans", hint


def _routes(
    settings: Settings, catalogues: Mapping[str, Catalogue], codes: Mapping[str, str | None]
) -> Iterator[Warned]:
    """`codes`: known points, each with its type."""
    if codes and not settings.routes:
        yield Warned(
            "routes", "there are points but no route leads to them", "add [[routes]] with points and resources"
        )
    from changes import notices

    known = {resource for catalogue in catalogues.values() for resource in catalogue.resources}
    for number, route in enumerate(settings.routes):
        for code in route.points:
            if code not in codes and not any(fnmatchcase(each, code) for each in codes):
                hint = _which_point(catalogues, code, codes)
                yield Warned(f"routes[{number}].points", f'no point "{code}" is known', hint)
        for type_ in route.types:
            if codes and not any(fnmatchcase(each or "", type_) for each in codes.values()):
                hint = did_you_mean(type_, {each for each in codes.values() if each})
                yield Warned(f"routes[{number}].types", f'no point of type "{type_}" is known', hint)
        for name in route.resources:
            what, those = ("notice", set(notices.Notice)) if notices.is_meant(name) else ("resource", known)
            if not any(fnmatchcase(each, name) for each in those):
                hint = did_you_mean(name, those)
                yield Warned(f"routes[{number}].resources", f'no {what} is called "{name}"', hint)


def _which_point(catalogues: Mapping[str, Catalogue], code: str, codes: Collection[str]) -> str:
    """A point that is not known may be one of a platform that was not scanned yet."""
    mirrored = {each.name for catalogue in catalogues.values() for each in catalogue.resources.values() if each.points}
    if nearest(code, codes) is None and mirrored:
        return f"one of a platform is known after its first scan: `mirrorpoint sync {min(mirrored)}`"
    return did_you_mean(code, codes)


def _unsigned(
    settings: Settings, signed_points: Mapping[str, bool], types: Mapping[str, str | None]
) -> Iterator[Warned]:
    signs = dict(signed_points) | {point.code: point.secret is not None or not point.url for point in settings.points}
    signed = {code for code, is_signed in signs.items() if is_signed}
    for code in unsigned.codes(settings, {code: types.get(code) for code in signs}, signed=signed):
        yield Warned(f"points[{code}]", "deliveries to it are not signed", unsigned.HINT)
