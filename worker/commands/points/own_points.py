"""What `points …` shows without `--source`: the points in our database, added, configured and mirrored."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from storage.states import PointState
from worker import output
from worker.commands.points import point_lists, point_values
from worker.problems import SettingsError, UsageError, did_you_mean

if TYPE_CHECKING:
    from changes.resources import Resource
    from changes.sealing import Vault
    from storage.engine import Database
    from storage.points import Point
    from storage.session import Session
    from upstream.catalogue import Catalogue
    from worker.commands.points.point_lists import Wanted
    from worker.settings import Settings


@dataclass(frozen=True, slots=True)
class Desk:
    """What these commands, and those of `own_point_changes.py`, work with."""

    settings: Settings
    database: Database
    vault: Vault
    catalogues: Mapping[str, Catalogue]


@contextmanager
def desk_of(settings: Settings, *, only_reads: bool = False) -> Iterator[Desk]:
    """The database with the points of the configuration in it; as it is where it `only_reads`."""
    from worker import bootstrap

    catalogues, vault = bootstrap.load_catalogues(settings), bootstrap.open_vault(settings)
    opens = bootstrap.open_reading if only_reads else bootstrap.open_database
    database = opens(settings, catalogues=catalogues)
    try:
        try:
            if not only_reads:
                bootstrap.write_points(settings, database, vault)
            elif not bootstrap.has_points(settings, database, vault):
                output.warn(
                    "the points of the configuration have changed since the last start",
                    "`mirrorpoint run` takes them over when it starts, or at SIGHUP",
                )
        except SettingsError as error:
            # The others can be looked at and changed all the same.
            output.warn(f"the points of the configuration are not brought up to date: {error}", error.hint)
        yield Desk(settings, database, vault, catalogues)
    finally:
        database.dispose()


def show_all(settings: Settings, wanted: Wanted, *, wants_json: bool) -> None:
    """Own points and live records of mirrored ones, also those without a url."""
    from changes import routes
    from storage import points
    from worker import bootstrap

    with desk_of(settings, only_reads=True) as desk, desk.database.read() as session:
        found = point_lists.chosen(_entities(desk, session), wanted)
        routed = routes.led_to(bootstrap.routes(settings), points.receivers(session))
    if wants_json:
        output.document(found)
        return
    if not found and not wanted.filters:
        output.say("no points yet: `mirrorpoint points add CODE --url URL`, or [[points]] in the configuration")
        return
    if wanted.mask:
        point_lists.print_masked(found, wanted.mask)
        return
    output.table(
        ("code", "source", "type", "url", "state", ""),
        (
            (
                point.get("code"),
                point["source"] or "(own)",
                point.get("type"),
                point.get("url"),
                (output.text(point["state"]), "green" if point["state"] in _FINE else "yellow"),
                (_remark(point, routed), "dim"),
            )
            for point in found
        ),
        gives_way=("type", "source"),
        shortens=("", "url"),
    )


#: `pulls` is a point without a url that reads the feed.
_FINE = (PointState.ACTIVE, "pulls")


def _remark(point: Mapping[str, Any], routed: Collection[str]) -> str:
    """`routed`: the codes that routes lead to."""
    if point["state"] == "paused":
        return f"since {output.moment(point['paused_at'])}: `mirrorpoint points resume` lets it receive again"
    if point["paused_until"] is not None:
        return f"it failed too often: paused until {output.moment(point['paused_until'])}, then tried again"
    if point["state"] in _FINE and point.get("code") not in routed:
        return "no route leads to it"
    return output.text(point.get("state_reason") or "")


def show(settings: Settings, code: str, *, wants_json: bool) -> None:
    """One of them."""
    with desk_of(settings, only_reads=True) as desk, desk.database.read() as session:
        found = [point for point in _entities(desk, session) if point.get("code") == code]
        if not found:
            raise _unknown(session, code)
    if wants_json:
        output.document(found[0])
    else:
        output.pretty(found[0])


def lookup(settings: Settings, value: str, *, wants_json: bool) -> int:
    """By id, code or local token; 3 where nothing has it."""
    from storage import point_tokens, points

    with desk_of(settings, only_reads=True) as desk, desk.database.read() as session:
        sealed = point_tokens.sealed(desk.vault, value)
        ids = [
            point.id
            for point in points.list_all(session)
            if value in {point.id, point.code} or (sealed is not None and sealed == point.token_local)
        ]
    return point_values.print_ids(ids, wants_json=wants_json)


def _entities(desk: Desk, session: Session) -> list[dict[str, Any]]:
    from storage import mirror, points

    rows = points.list_all(session)
    found = [_entity(point, desk.vault) for point in rows if point.origin != "mirrored"]
    states: dict[tuple[str | None, str | None], Point] = {(point.source, point.key): point for point in rows}
    for source, resource in _point_resources(desk.catalogues):
        assert resource.points is not None  # noqa: S101  # that is what was looked for
        for stored in mirror.stored(
            session, resource, source, list(mirror.walk_live(session, resource, source))
        ).values():
            if stored.document is None:  # erased
                continue
            point = states.get((source, stored.id.key))
            is_complete = bool(stored.document.get(resource.points.code))
            reason = None if is_complete else "its record has no code"
            found.append(
                {
                    **stored.document,
                    "source": source,
                    "state": point.shown_state if point is not None else PointState.REMOVED,
                    "state_reason": point.state_reason if point is not None else reason,
                    "paused_until": point.paused_until if point is not None else None,
                    "paused_at": point.paused_at if point is not None else None,
                    "secret": _sealed_secret(point, desk.vault) if point is not None else None,
                    "options": shown_options(point, desk.vault) if point is not None else {},
                }
            )
    return sorted(found, key=lambda entity: str(entity.get("code")))


def _point_resources(catalogues: Mapping[str, Catalogue]) -> list[tuple[str, Resource]]:
    return [
        (source, resource)
        for source, catalogue in catalogues.items()
        for resource in catalogue.resources.values()
        if resource.points is not None
    ]


def _entity(point: Point, vault: Vault) -> dict[str, Any]:
    """An own point: the platform's entity, and how it is sent to here."""
    from storage import point_entities as entities

    entity = entities.entity(point, vault)
    unset = {name: entity[name] or None for name in ("type", "url", "token_local", "token_remote", "token_remote2")}
    return {
        **entity,
        **unset,
        "secret": _sealed_secret(point, vault),
        "options": shown_options(point, vault),
        "source": point.source,
        "origin": point.origin,
        "state": point.shown_state,
        "state_reason": point.state_reason,
        "created_at": point.created_at,
        "changed_at": point.changed_at,
        "last_status": point.last_status,
        "last_attempt_at": point.last_attempt_at,
        "paused_until": point.paused_until,
        "paused_at": point.paused_at,
    }


def shown_options(point: Point, vault: Vault) -> dict[str, Any]:
    """How it is sent to where that differs from [delivery]; secrets sealed."""
    from storage import point_options

    options = point_options.read(point.options, point.sealed_options, vault=vault)
    shown = options.open()
    if options.headers:
        shown["headers"] = {name: vault.seal(value) for name, value in options.headers.items()}
    if options.proxy:
        credentials, mark, place = options.proxy.partition("://")[2].rpartition("@")
        shown["proxy"] = f"http://{vault.seal(credentials) if mark else ''}{mark}{place}"
    return shown


def _sealed_secret(point: Point, vault: Vault) -> Any:
    return vault.seal(vault.decrypt(point.secret)) if point.secret else None


def tell(desk: Desk, point: Point, text: str, *, wants_json: bool, token_local: str | None = None) -> None:
    """The point after what was done to it; with the local token that was made for it, this once in clear."""
    if wants_json:
        entity = _entity(point, desk.vault)
        output.document(entity if token_local is None else {**entity, "token_local": token_local})
        return
    output.say(text)
    if token_local is not None:
        output.say(f"token_local: {token_local}")
        output.note("with this token it reads the feed; it is shown this once")


def existing(session: Session, code: str) -> Point:
    """The point that holds the code; UsageError with the one that was meant."""
    from storage import points

    point = points.find(session, code)
    if point is None:
        raise _unknown(session, code)
    return point


def _unknown(session: Session, code: str) -> UsageError:
    from storage import points

    known = [point.code for point in points.list_all(session)]
    return UsageError(f'there is no point "{code}"', did_you_mean(code, known) or "`mirrorpoint points add` makes one")
