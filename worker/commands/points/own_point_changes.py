"""What `points add`, `edit`, `remove`, `enable`, `pause` and `resume` do to the points in our database."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from worker import output
from worker.commands import times
from worker.commands.acting import acting
from worker.commands.check import config_warnings
from worker.commands.points import own_points, point_given, point_values
from worker.problems import UsageError

if TYPE_CHECKING:
    from changes.sealing import Vault
    from storage.points import Point
    from worker.commands.points.point_given import Given
    from worker.settings import Settings

_FIELDS = ("url", "type", "token_remote", "secret")


def add(settings: Settings, code: str, given: Given, *, wants_json: bool) -> None:
    """A point of one's own, in the database."""
    from storage import point_tokens, points
    from storage.point_options import Options

    point_values.check_code(code)
    _refuse_platform_fields(given)
    values = _checked(settings, given)
    made = None if given.token_local is not None else secrets.token_hex(16)
    token_local = made or _local_token(given)
    options = point_given.merged(Options(), given, has_token=bool(values.get("token_remote")))
    with own_points.desk_of(settings) as desk:
        encrypted = _encrypted(values, desk.vault)
        told = {"fields": [*values, *point_given.option_names(given)]}
        with acting(desk.database, "points add", target=code, arguments=told), desk.database.write() as session:
            point = points.add(
                session,
                code=code,
                url=values.get("url") or None,
                type=given.type,
                token=encrypted.get("token"),
                secret=encrypted.get("secret"),
                options=options.open(),
                sealed_options=options.sealed(desk.vault),
                token_local=point_tokens.sealed(desk.vault, token_local),
                now=times.now(),
            )
        text = f"added {code}" if point.url else f"added {code}, which pulls: it has no url"
        own_points.tell(desk, point, text, wants_json=wants_json, token_local=made)
    if not config_warnings.is_routed(settings, code, type=given.type):
        output.warn(f"no route leads to {code}", "add one under [[routes]] in the configuration")


def edit(settings: Settings, code: str, given: Given, *, wants_json: bool) -> None:
    """Some of its fields; of a mirrored one how it is sent to."""
    from storage import points

    _refuse_platform_fields(given)
    values, names = _checked(settings, given), point_given.option_names(given)
    if not values and not names:
        raise UsageError("nothing to change was given", "`mirrorpoint points edit --help` shows what there is")
    with own_points.desk_of(settings) as desk:
        with desk.database.read() as session:
            point = own_points.existing(session, code)
        _refuse_configured(settings, point)
        changes: dict[str, Any] = {name: values[name] or None for name in ("url", "type") if name in values}
        changes |= _encrypted(values, desk.vault)
        if names or values.get("token_remote"):
            kept = _options_of(point, desk.vault, is_replaced=given.proxy is not None or bool(given.headers))
            has_token = bool(values.get("token_remote", point.token))
            options = point_given.merged(kept, given, has_token=has_token)
            if names:
                changes |= {"options": options.open(), "sealed_options": options.sealed(desk.vault)}
        told = {"fields": [*values, *names]}
        with acting(desk.database, "points edit", target=code, arguments=told), desk.database.write() as session:
            point = points.edit(session, code, values=changes, now=times.now())
        own_points.tell(desk, point, f"changed {code}", wants_json=wants_json)


def remove(settings: Settings, code: str, *, is_sure: bool, wants_json: bool) -> None:
    """Gone from our database; a configured or mirrored one is refused."""
    from storage import deliveries, points

    with own_points.desk_of(settings) as desk:
        with desk.database.read() as session:
            point = own_points.existing(session, code)
            due = deliveries.counts(session).get(code, deliveries.Counts()).due
        _refuse_configured(settings, point)
        deliveries_are = "1 delivery that it is owed is" if due == 1 else f"{due:,} deliveries that it is owed are"
        owed = f"; {deliveries_are} skipped" if due else ""
        if point.origin == "added":
            point_values.confirm(f"remove the point {code}{owed}?", is_sure=is_sure)
        with acting(desk.database, "points remove", target=code), desk.database.write() as session:
            points.remove(session, code, now=times.now())
    if wants_json:
        output.document({"removed": code})
    else:
        output.say(f"removed {code}{owed}")


def enable(settings: Settings, code: str, *, wants_json: bool) -> None:
    """Active again, and sent at once what it is owed."""
    from storage import points

    with own_points.desk_of(settings) as desk:
        with desk.database.read() as session:
            own_points.existing(session, code)
        with acting(desk.database, "points enable", target=code), desk.database.write() as session:
            point = points.enable(session, code, now=times.now())
        own_points.tell(desk, point, _standing(point), wants_json=wants_json)


def pause(settings: Settings, code: str, *, wants_json: bool) -> None:
    """Nothing is attempted any more, whatever is owed."""
    from storage import deliveries, point_pauses

    with own_points.desk_of(settings) as desk:
        with desk.database.read() as session:
            if not own_points.existing(session, code).url:
                raise UsageError(f"nothing is posted to {code}: it pulls", "it reads the feed whenever it likes")
        with acting(desk.database, "points pause", target=code), desk.database.write() as session:
            point_pauses.begin(session, code, now=times.now())
            point = own_points.existing(session, code)
            due = deliveries.counts(session).get(code, deliveries.Counts()).due
        wait = "1 delivery waits" if due == 1 else f"{due:,} deliveries wait"
        text = f"{code} is {point.shown_state}; {wait}, and more may come to be owed"
        own_points.tell(desk, point, text, wants_json=wants_json)


def resume(settings: Settings, code: str, *, wants_json: bool) -> None:
    """What is due is attempted again."""
    from storage import point_pauses

    with own_points.desk_of(settings) as desk:
        with desk.database.read() as session:
            was_paused = own_points.existing(session, code).paused_at is not None
        with acting(desk.database, "points resume", target=code), desk.database.write() as session:
            point_pauses.end(session, code)
            point = own_points.existing(session, code)
        own_points.tell(desk, point, _standing(point), wants_json=wants_json)
    if not was_paused:
        output.note(f"nobody had paused {code}")


def _standing(point: Point) -> str:
    return f"{point.code} pulls" if not point.url else f"{point.code} is {point.shown_state}"


def _local_token(given: Given) -> str:
    """The one that was given; UsageError where it is none."""
    from storage import point_tokens

    token = point_values.resolved("token_local", given.token_local) or ""
    problem = point_tokens.problem(token)
    if problem is not None:
        raise UsageError(f"--token-local: {problem}", "leave it out, and one is made")
    return token


def _checked(settings: Settings, given: Given) -> dict[str, str | None]:
    values = {name: getattr(given, name) for name in _FIELDS}
    return point_values.checked(
        settings, {name: value for name, value in values.items() if value is not None}, is_own=True
    )


def _refuse_platform_fields(given: Given) -> None:
    if given.code is not None:
        hint = "add a point with the other code and remove this one; with --source a platform's is renamed"
        raise UsageError("a point of one's own keeps its code, since what it is owed goes by it", hint)
    if given.sets:
        raise UsageError("--set is for points of an integration platform", "add --source SOURCE")


def _refuse_configured(settings: Settings, point: Point) -> None:
    if point.origin == "configured":
        raise UsageError(f"the point {point.code} stands in the configuration", f"change it in {settings.file}")


def _options_of(point: Point, vault: Vault, *, is_replaced: bool) -> Any:
    """What is set so far; `is_replaced`: what cannot be decrypted any more is given anew."""
    from changes.sealing import SealKeyError
    from storage import point_options

    try:
        return point_options.read(point.options, point.sealed_options, vault=vault)
    except SealKeyError:
        if not is_replaced:
            raise
        output.warn("its headers and its proxy were encrypted with another seal key", "give those again that it needs")
        return point_options.read(point.options, None, vault=vault)


def _encrypted(values: Mapping[str, str | None], vault: Vault) -> dict[str, str | None]:
    """Token and secret as the database keeps them; what is not given is left out."""
    return {
        column: vault.encrypt(value) if (value := values[name]) else None
        for name, column in (("token_remote", "token"), ("secret", "secret"))
        if name in values
    }
