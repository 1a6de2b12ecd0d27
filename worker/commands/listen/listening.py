"""What `listen` does: reads the change log as it grows, and hands each event to whoever builds a receiver."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from worker import output
from worker.commands import selecting, times
from worker.commands.points import pinging, point_values
from worker.problems import SettingsError, UsageError, did_you_mean

if TYPE_CHECKING:
    from changes.records import Change
    from changes.sealing import Vault
    from storage.engine import Database
    from storage.history import Logged
    from storage.points import Point
    from webhooks.retry import Attempt
    from webhooks.sender import Target
    from worker.settings import Settings

_BATCH = 500
_LOOK_SECONDS = 0.5
#: A person has typed the address: it may be any, this machine itself above all.
_ANYWHERE = ("0.0.0.0/0", "::/0")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was said on the command line."""

    forward_to: str | None
    point: str | None
    secret: str | None
    resources: tuple[str, ...]
    kinds: tuple[str, ...]
    since: str | None
    after_seq: int | None
    limit: int | None
    shows_bodies: bool


@dataclass(frozen=True, slots=True)
class _Told:
    """An event, and what came of forwarding it."""

    event: Mapping[str, Any]
    attempt: Attempt | None


Takes = Callable[["Change"], bool]
Send = Callable[[Mapping[str, Any]], Any]


def run(settings: Settings, wanted: Wanted, *, wants_json: bool) -> None:
    """Until Ctrl-C, or the limit."""
    from worker import bootstrap

    if wanted.secret is not None and wanted.forward_to is None:
        raise UsageError("--secret signs what is forwarded", "add --forward-to URL")
    catalogues, vault = bootstrap.load_catalogues(settings), bootstrap.open_vault(settings)
    secret = _secret(settings, wanted)
    database = bootstrap.open_reading(settings) if wanted.point is None else bootstrap.open_database(settings)
    try:
        if wanted.point is not None:
            try:
                bootstrap.write_points(settings, database, vault)
            except SettingsError as error:
                output.warn(f"the points of the configuration are not brought up to date: {error}", error.hint)
        takes, point = _sieve(settings, wanted, catalogues, database)
        target = None if wanted.forward_to is None else _target(settings, wanted, point, vault, secret)
        asyncio.run(_follow(settings, wanted, database, takes, target, wants_json=wants_json))
    finally:
        database.dispose()


async def _follow(
    settings: Settings, wanted: Wanted, database: Database, takes: Takes, target: Target | None, *, wants_json: bool
) -> None:
    after, count, has_told = _start(wanted, database), 0, False
    if not wants_json:
        where = f", forwarding to {wanted.forward_to}" if wanted.forward_to else ""
        output.note(f"listening from change {after + 1:,} on{where}; Ctrl-C ends it")
    async with _sending(settings, target) as send:
        while True:
            rows = _read(database, wanted, after)
            for seq, logged in rows:
                after = seq
                if not takes(logged.change):
                    continue
                if logged.is_erased:
                    if not has_told:
                        output.note("changes whose content was erased are left out")
                    has_told = True
                    continue
                _print(await _told(logged, seq, send), wanted, wants_json=wants_json)
                count += 1
                if count == wanted.limit:
                    return
            if not rows:
                await asyncio.sleep(_LOOK_SECONDS)


def _start(wanted: Wanted, database: Database) -> int:
    """The change behind which to begin."""
    from storage import history

    if wanted.after_seq is not None:
        return wanted.after_seq
    with database.read() as session:
        if wanted.since is None:
            return history.last_seq(session)
        since = times.moment(wanted.since, option="--since", now=times.now())
        first = history.read(session, since=since, limit=1)
        return first[0].seq - 1 if first else history.last_seq(session)


def _read(database: Database, wanted: Wanted, after: int) -> list[tuple[int, Logged]]:
    from changes.routes import DEFAULT_KINDS
    from storage import history

    # With a point its routes choose, and one of them may well ask for snapshots.
    kinds = wanted.kinds or (None if wanted.point is not None else DEFAULT_KINDS)
    with database.read() as session:
        rows = history.read(session, kinds=kinds, after_seq=after, limit=_BATCH)
        return [(row.seq, history.logged(row)) for row in rows]


async def _told(logged: Logged, seq: int, send: Send | None) -> _Told:
    from changes import events

    event = events.cloud_event(logged.change, seq=seq, id=logged.id)
    return _Told(event, None if send is None else await send(event))


def _sieve(
    settings: Settings, wanted: Wanted, catalogues: selecting.Catalogues, database: Database
) -> tuple[Takes, Point | None]:
    """Which changes are wanted, and the point whose routes choose, where one is named."""
    from changes import routes
    from changes.records import Kind
    from storage import points
    from worker import bootstrap

    for kind in wanted.kinds:
        if kind not in list(Kind):
            raise UsageError(f'there is no kind "{kind}"', did_you_mean(kind, list(Kind)))
    named = set(_names(catalogues, wanted))
    if wanted.point is None:
        return (lambda change: (change.source, change.resource) in named), None
    with database.read() as session:
        point = points.find(session, wanted.point)
        receivers = points.receivers(session)
        known = [each.code for each in points.list_all(session)]
    if point is None:
        raise UsageError(f'there is no point "{wanted.point}"', did_you_mean(wanted.point, known))
    code, receivers = point.code, {**receivers, point.code: point.type}  # also of one that receives nothing just now
    chosen = [r for r in bootstrap.routes(settings) if routes.leads_to(r, code, type=point.type, known=receivers)]
    if not chosen:
        raise UsageError(f"no route leads to {code}", "add one under [[routes]], or listen without --point")
    return (
        lambda change: (change.source, change.resource) in named and code in routes.owed_to(chosen, change, receivers)
    ), point


def _names(catalogues: selecting.Catalogues, wanted: Wanted) -> Iterator[tuple[str, str]]:
    for source, resource in selecting.resources(catalogues, wanted.resources):
        yield source, resource.name


def _secret(settings: Settings, wanted: Wanted) -> str | None:
    given = point_values.checked(settings, {"secret": wanted.secret}, is_own=True) if wanted.secret else {}
    return given.get("secret")


def _target(settings: Settings, wanted: Wanted, point: Point | None, vault: Vault, secret: str | None) -> Target:
    """The typed address, with what the point would be sent; not its certificates and its proxy, made for another."""
    from tasks.delivery import points as deliver_points
    from webhooks import address_guard, sender, signature
    from worker import bootstrap

    url = str(wanted.forward_to)
    problems = address_guard.url_problems(url)
    if problems:
        raise UsageError(f"--forward-to: {problems[0]}", "write http://localhost:8000/hook")
    target = sender.Target("listen", url=url)
    if point is not None:
        target = deliver_points.target_of(point, vault=vault, policy=bootstrap.delivery_policy(settings))
        target = replace(target, url=url, ca=None, client_certificate=None, client_key=None, proxy=None)
    return target if secret is None else replace(target, secrets=signature.split(secret))


@asynccontextmanager
async def _sending(settings: Settings, target: Target | None) -> AsyncIterator[Send | None]:
    from changes import events
    from webhooks import address_guard, sender

    if target is None:
        yield None
        return
    posting = sender.Sender(timeout_seconds=settings.delivery.timeout, allow=address_guard.networks(_ANYWHERE))

    async def send(event: Mapping[str, Any]) -> Attempt:
        return await posting.send(target, event_id=event["id"], body=events.body(dict(event)))

    try:
        yield send
    finally:
        await posting.aclose()


def _print(told: _Told, wanted: Wanted, *, wants_json: bool) -> None:
    attempt = told.attempt
    if wants_json:
        came = None
        if attempt is not None:
            came = {
                "url": wanted.forward_to,
                "status": attempt.status,
                "duration_ms": attempt.duration_ms,
                "error": attempt.error,
                "answer": attempt.answer,
            }
        output.line({"event": told.event, "forwarded": came})
        return
    event, line = told.event, ""
    if attempt is not None:
        line = f"  {attempt.error or f'answered {attempt.status}'} after {attempt.duration_ms} ms"
    is_fine = attempt is None or attempt.error is None
    fields = " ".join(pointer for pointer in event["data"]["changed"] if pointer)
    first = "  ".join(each for each in (event["time"], event["type"], event["subject"], fields) if each)
    output.say(f"{first}{line}", style="" if is_fine else "red")
    if attempt is not None and attempt.answer:
        output.say(f"  {pinging.said(attempt.answer)}")
    if attempt is None or wanted.shows_bodies:
        output.pretty(event)
    sys.stdout.flush()  # whoever builds a receiver looks at it now, also through a pipe
