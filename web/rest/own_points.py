"""What the points API does to own points in the database, each change written down as an action; for rest.py."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any

from changes import point_entities
from storage import outbox, point_options, point_tokens, points
from storage import point_entities as entities
from storage.points import Point
from storage.session import Session
from tasks.acting import Action, acting
from web.rest.given import Given
from web.rest.refusals import Refusal, not_found, of_field
from web.services import Web


def listed(web: Web) -> list[dict[str, Any]]:
    """All, the oldest first."""
    with web.reading.read() as session:
        found = entities.own(session)
    return [entity(web, point) for point in found]


def one(web: Web, id_: str) -> Point:
    """Refusal where no own point has the id."""
    with web.reading.read() as session:
        return _existing(session, id_)


def changeable(web: Web, id_: str) -> Point:
    """Refusal also where the point is changed in the configuration."""
    point = one(web, id_)
    _refuse_configured(web, point)
    return point


def entity(web: Web, point: Point) -> dict[str, Any]:
    """As everybody may see it who may read; a signing secret is there where the point has one."""
    shown = entities.entity(point, web.vault)
    return {**shown, "secret": web.vault.seal(web.vault.decrypt(point.secret))} if point.secret else shown


def looked_up(web: Web, value: str) -> list[str]:
    """The ids of those with this id, code or local token."""
    sealed = point_tokens.sealed(web.vault, value)
    with web.reading.read() as session:
        found = entities.own(session)
    return [
        point.id
        for point in found
        if value in {point.id, point.code} or (sealed is not None and sealed == point.token_local)
    ]


def create(web: Web, given: Given, *, who: str) -> dict[str, Any]:
    """The entity with its local token in clear, for this one time."""
    texts, token_local = given.texts, given.token_local or secrets.token_hex(16)
    with _acting(web, "points add", texts["code"], given, who=who), web.writing.write() as session:
        point = points.add(
            session,
            code=texts["code"],
            type=texts["type"],
            url=texts.get("url") or None,
            token=_encrypted(web, texts.get("token_remote")),
            secret=_encrypted(web, texts.get("secret")),
            id=given.id,
            token_local=point_tokens.sealed(web.vault, token_local),
            entity=_kept(web, given, {}),
            now=web.now(),
        )
    return {**entity(web, point), "token_local": token_local}


def change(web: Web, point: Point, given: Given, *, who: str) -> dict[str, Any]:
    """The entity as it is now."""
    with (
        _acting(web, "points edit", point.code, given, who=who),
        web.writing.write() as session,
    ):
        outbox.lock(session)  # two that change members of `opts` at a time keep each other's
        point = _changeable(web, session, point.id)
        _refuse_two_authorizations(web, point, given)
        values: dict[str, Any] = {name: given.texts[name] for name in ("code", "type") if name in given.texts}
        if "url" in given.texts:
            values["url"] = given.texts["url"] or None
        for name, column in (("token_remote", "token"), ("secret", "secret")):
            if name in given.texts:
                values[column] = _encrypted(web, given.texts[name])
        values["entity"] = _kept(web, given, point.entity)
        changed = points.edit(session, point.code, values=values, now=web.now())
    return entity(web, changed)


def remove(web: Web, point: Point, *, who: str) -> None:
    """What it is owed is skipped."""
    none = Given({}, {})
    with (
        _acting(web, "points remove", point.code, none, who=who),
        web.writing.write() as session,
    ):
        points.remove(session, _changeable(web, session, point.id).code, now=web.now())


def _refuse_configured(web: Web, point: Point) -> None:
    if point.origin == "configured":
        raise Refusal(403, f"the point {point.code} stands in the configuration: change it in {web.configuration}")


def _changeable(web: Web, session: Session, id_: str) -> Point:
    point = _existing(session, id_)
    _refuse_configured(web, point)
    return point


def _existing(session: Session, id_: str) -> Point:
    point = next((each for each in entities.own(session) if each.id == id_), None)
    if point is None:
        raise not_found()
    return point


def _acting(web: Web, what: str, code: str, given: Given, *, who: str) -> AbstractContextManager[Action]:
    arguments = {"fields": given.names} if given.names else {}
    return acting(web.writing, what, who=who, how="rest", target=code, arguments=arguments, now=web.now)


def _kept(web: Web, given: Given, present: Mapping[str, Any]) -> dict[str, Any]:
    """What is only kept, for whoever asks again: members of `opts` that were not given stay."""
    texts = {name: given.texts[name] for name in point_entities.SCRIPTS if name in given.texts}
    if "token_remote2" in given.texts:
        texts["token_remote2"] = str(web.vault.seal(given.texts["token_remote2"]))
    return {**present, **texts, "opts": {**present.get("opts", {}), **given.opts}}


def _encrypted(web: Web, text: str | None) -> str | None:
    return web.vault.encrypt(text) if text else None


def _refuse_two_authorizations(web: Web, point: Point, given: Given) -> None:
    if given.texts.get("token_remote"):
        options = point_options.read(point.options, point.sealed_options, vault=web.vault)
        if any(name.lower() == "authorization" for name in options.headers):
            raise of_field("token_remote", "is sent in the header Authorization, which the point sets by itself")
