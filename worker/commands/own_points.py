"""What `points …` does without `--source`: the points in our database, added, configured and mirrored."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from worker.commands import advice, output, point_values, times
from worker.problems import SettingsError, UsageError, did_you_mean

if TYPE_CHECKING:
    from sqlmodel import Session

    from changes.resources import Resource
    from changes.sealing import Vault
    from storage.engine import Database
    from storage.points import Point
    from upstream.catalogue import Catalogue
    from worker.settings import Settings


@dataclass(frozen=True, slots=True)
class _Desk:
    """What the commands of this file work with."""

    settings: Settings
    database: Database
    vault: Vault
    catalogues: Mapping[str, Catalogue]


@contextmanager
def _desk(settings: Settings, *, only_reads: bool = False) -> Iterator[_Desk]:
    from worker import bootstrap

    catalogues, vault = bootstrap.load_catalogues(settings), bootstrap.open_vault(settings)
    opens = bootstrap.open_reading if only_reads else bootstrap.open_database
    database = opens(settings, catalogues=catalogues)
    try:
        if only_reads:
            yield _Desk(settings, database, vault, catalogues)
            return
        try:
            bootstrap.write_points(settings, database, vault)
        except SettingsError as error:
            # The others can be looked at and changed all the same.
            output.warn(f"the points of the configuration are not brought up to date: {error}", error.hint)
        yield _Desk(settings, database, vault, catalogues)
    finally:
        database.dispose()


def show_all(settings: Settings, *, wants_json: bool) -> None:
    """Own points and live records of mirrored ones, also those without a url."""
    with _desk(settings, only_reads=True) as desk, desk.database.read() as session:
        found = _entities(desk, session)
    if wants_json:
        output.document(found)
        return
    if not found:
        output.say("no points yet: `mirrorpoint points add CODE --url URL`, or [[points]] in the configuration")
        return
    output.table(
        ("code", "source", "type", "url", "state", ""),
        (
            (
                point.get("code"),
                point["source"] or "(own)",
                point.get("type"),
                point.get("url"),
                (output.text(point["state"]), "green" if point["state"] == "active" else "yellow"),
                (_remark(point), "dim"),
            )
            for point in found
        ),
    )


def _remark(point: Mapping[str, Any]) -> str:
    if point["paused_until"] is not None:
        return f"it failed too often: paused until {output.moment(point['paused_until'])}, then tried again"
    return output.text(point.get("state_reason") or "")


def show(settings: Settings, code: str, *, wants_json: bool) -> None:
    """One of them."""
    with _desk(settings, only_reads=True) as desk, desk.database.read() as session:
        found = [point for point in _entities(desk, session) if point.get("code") == code]
        if not found:
            raise _unknown(session, code)
    if wants_json:
        output.document(found[0])
    else:
        output.pretty(found[0])


def add(settings: Settings, code: str, given: Mapping[str, str | None], *, wants_json: bool) -> None:
    """A point of one's own, in the database."""
    from storage import points

    point_values.check_code(code)
    values = point_values.checked(settings, given, is_own=True)
    with _desk(settings) as desk:
        encrypted = _encrypted(values, desk.vault)
        with desk.database.write() as session:
            point = points.add(
                session,
                code=code,
                url=str(values["url"]),
                type=values["type"],
                token=encrypted.get("token"),
                secret=encrypted.get("secret"),
                now=times.now(),
            )
        _tell(desk, point, f"added {code}", wants_json=wants_json)
    if not advice.is_routed(settings, code):
        output.warn(f"no route leads to {code}", "add one under [[routes]] in the configuration")


def edit(settings: Settings, code: str, given: Mapping[str, str | None], *, wants_json: bool) -> None:
    """Some of its fields."""
    from storage import points

    values = point_values.checked(
        settings, {name: value for name, value in given.items() if value is not None}, is_own=True
    )
    if not values:
        raise UsageError("nothing to change was given", "add --url, --type, --token-remote or --secret")
    with _desk(settings) as desk:
        changed = {name: value for name, value in values.items() if name in {"url", "type"}}
        with desk.database.write() as session:
            _existing(session, code)
            point = points.edit(session, code, values={**changed, **_encrypted(values, desk.vault)}, now=times.now())
        _tell(desk, point, f"changed {code}", wants_json=wants_json)


def remove(settings: Settings, code: str, *, is_sure: bool, wants_json: bool) -> None:
    """Gone from our database; a configured or mirrored one is refused."""
    from storage import deliveries, points

    with _desk(settings) as desk:
        with desk.database.read() as session:
            point = _existing(session, code)
            due = deliveries.counts(session).get(code, deliveries.Counts()).due
        owed = f"; {due:,} deliveries that it is owed are skipped" if due else ""
        if point.origin == "added":
            point_values.confirm(f"remove the point {code}{owed}?", is_sure=is_sure)
        with desk.database.write() as session:
            points.remove(session, code, now=times.now())
    if wants_json:
        output.document({"removed": code})
    else:
        output.say(f"removed {code}{owed}")


def enable(settings: Settings, code: str, *, wants_json: bool) -> None:
    """Active again."""
    from storage import points

    with _desk(settings) as desk:
        with desk.database.write() as session:
            _existing(session, code)
            point = points.enable(session, code, now=times.now())
        _tell(desk, point, f"{code} is {point.state}", wants_json=wants_json)


def lookup(settings: Settings, value: str, *, wants_json: bool) -> None:
    """By id or code."""
    from storage import points

    with _desk(settings, only_reads=True) as desk, desk.database.read() as session:
        ids = [point.id for point in points.list_all(session) if value in {point.id, point.code}]
    point_values.print_ids(ids, wants_json=wants_json)


def _entities(desk: _Desk, session: Session) -> list[dict[str, Any]]:
    from storage import mirror, points

    rows = points.list_all(session)
    found = [_entity(point, desk.vault) for point in rows if point.origin != "mirrored"]
    states: dict[tuple[str | None, str | None], Point] = {(point.source, point.key): point for point in rows}
    for source, resource in _point_resources(desk.catalogues):
        assert resource.points is not None  # noqa: S101  # that is what was looked for
        for stored in mirror.stored(
            session, resource, source, list(mirror.walk_live(session, resource, source))
        ).values():
            point = states.get((source, stored.id.key))
            has_url = bool(stored.document.get(resource.points.url))
            reason = None if has_url else "its record has no url"
            found.append(
                {
                    **stored.document,
                    "source": source,
                    "state": point.state if point is not None else "removed",
                    "state_reason": point.state_reason if point is not None else reason,
                    "paused_until": point.paused_until if point is not None else None,
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
    """An own point with the names of the platform's entity."""
    return {
        "id": point.id,
        "code": point.code,
        "type": point.type,
        "url": point.url,
        "token_remote": vault.seal(vault.decrypt(point.token)) if point.token else None,
        "secret": vault.seal(vault.decrypt(point.secret)) if point.secret else None,
        "source": None,
        "origin": point.origin,
        "state": point.state,
        "state_reason": point.state_reason,
        "created_at": point.created_at,
        "changed_at": point.changed_at,
        "last_status": point.last_status,
        "last_attempt_at": point.last_attempt_at,
        "paused_until": point.paused_until,
    }


def _tell(desk: _Desk, point: Point, text: str, *, wants_json: bool) -> None:
    if wants_json:
        output.document(_entity(point, desk.vault))
    else:
        output.say(text)


def _encrypted(values: Mapping[str, str | None], vault: Vault) -> dict[str, str | None]:
    """Token and secret as the database keeps them; what is not given is left out."""
    return {
        column: vault.encrypt(value) if (value := values[name]) else None
        for name, column in (("token_remote", "token"), ("secret", "secret"))
        if name in values
    }


def _existing(session: Session, code: str) -> Point:
    from storage import points

    point = points.find(session, code)
    if point is None:
        raise _unknown(session, code)
    return point


def _unknown(session: Session, code: str) -> UsageError:
    from storage import points

    known = [point.code for point in points.list_all(session)]
    return UsageError(f'there is no point "{code}"', did_you_mean(code, known) or "`mirrorpoint points add` makes one")
