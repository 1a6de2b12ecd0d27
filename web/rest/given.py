"""Bodies of POST and PATCH: which members may be written, and that each is what it must be; for rest.py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

import orjson

from changes import point_entities, sealing
from changes.records import Json
from changes.sealing import Seal
from storage import point_tokens
from storage.points import Point
from tasks.delivery import point_values
from web.rest.refusals import Refusal, of_field

_TOKENS = ("token_remote", "token_remote2", "secret")
#: Members that are texts; `secret` is ours: it signs, and a point of the reference has none.
_TEXTS = ("code", "type", "url", *_TOKENS, *point_entities.SCRIPTS)
_KNOWN = frozenset((*_TEXTS, "opts", "ext", "id", "token_local"))
#: So deep may a member of `opts` be that nobody knows.
_DEPTH = 20


@dataclass(frozen=True, slots=True)
class Given:
    """What was written, member by member; what was not is not in it."""

    texts: Mapping[str, str] = field(repr=False)
    opts: Mapping[str, Json]
    id: str | None = None
    token_local: str | None = field(default=None, repr=False)

    @property
    def names(self) -> list[str]:
        """What was written, without values, for the log of actions."""
        own = [name for name in ("id", "token_local") if getattr(self, name) is not None]
        return sorted([*own, *self.texts, *(f"opts.{name}" for name in self.opts)])


def parse(body: bytes) -> Json:
    """Refusal where it is no JSON, or holds what no database keeps."""
    try:
        parsed: Json = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Refusal(400, f"the body is no JSON: {error.msg} at character {error.pos}") from None
    _check_texts(parsed, _DEPTH)
    return parsed


def for_creation(body: bytes, *, allow_networks: Sequence[str]) -> Given:
    """All of a new point: `code` and `type` are required; an id and a local token may be chosen."""
    members = _members(body)
    given = _read(members, allow_networks=allow_networks)
    for name in ("code", "type"):
        if name not in given.texts:
            raise of_field(name, "is required")
    for name in _TOKENS:
        if sealing.is_sealed(members.get(name)):
            raise of_field(name, "is a seal, not the value itself")
    token = members.get("token_local")
    if token not in (None, ""):
        problem = point_tokens.problem(token) if isinstance(token, str) else "must be a text"
        if problem is not None:
            raise of_field("token_local", problem)
    return Given(given.texts, given.opts, _uuid(members.get("id")), token or None)


def for_change(body: bytes, point: Point, *, seal: Seal, allow_networks: Sequence[str]) -> Given:
    """Some of the point, which may be written back as a whole: a seal means that it is unchanged."""
    members = _members(body)
    if "id" in members and members["id"] != point.id:
        raise of_field("id", "is prohibited for modification")
    if "token_local" in members and seal(members["token_local"]) != (point.token_local or ""):
        raise of_field("token_local", "is prohibited for modification")
    given = _read(members, allow_networks=allow_networks)
    texts = {name: text for name, text in given.texts.items() if not (name in _TOKENS and sealing.is_sealed(text))}
    return Given(texts, given.opts)


def _members(body: bytes) -> dict[str, Json]:
    members = parse(body)
    if not isinstance(members, dict):
        raise Refusal(400, "an object is wanted")
    for name in members:
        if name == "tokenlocal":
            raise of_field(name, "is prohibited for modification")
        if name not in _KNOWN:
            raise of_field(name, "is unknown")
    return members


def _read(members: Mapping[str, Json], *, allow_networks: Sequence[str]) -> Given:
    texts = {}
    for name in _TEXTS:
        if name not in members:
            continue
        value = members[name]
        if not isinstance(value, str):
            raise of_field(name, "must be a text")
        problem = _problem(name, value, allow_networks=allow_networks)
        if problem is not None:
            raise of_field(name, problem)
        texts[name] = value
    opts = members.get("opts", {})
    for name in ("opts", "ext"):  # the times are ours: those that come back are left aside
        if not isinstance(members.get(name, {}), dict):
            raise of_field(name, "must be an object")
    wrong = point_entities.wrong_option(opts)
    if wrong is not None:
        raise of_field(f"opts.{wrong[0]}", f"must be {wrong[1]}")
    return Given(texts, opts)


def _problem(name: str, value: str, *, allow_networks: Sequence[str]) -> str | None:
    """What is wrong with a member's text; an empty one takes the value away, where the point need not have it."""
    if name in ("code", "type") and not value:
        return "is required"
    if name == "code" and not point_entities.is_code(value):
        return "must have 1 to 200 characters, neither * nor ?, and no space at either end"
    if not value or (name in _TOKENS and sealing.is_sealed(value)):
        return None
    if name == "url":
        return point_values.url_refusal(value, allow_networks=allow_networks)
    if name == "secret":
        return point_values.secret_refusal(value)
    return point_values.token_refusal(value) if name == "token_remote" else None


def _uuid(value: Json) -> str | None:
    if value is None:
        return None
    try:
        return str(UUID(value))
    except (ValueError, AttributeError, TypeError):
        raise of_field("id", "must be a uuid") from None


def _check_texts(value: Json, depth: int) -> None:
    if depth < 0:
        raise Refusal(400, f"the body is nested deeper than {_DEPTH} times")
    if isinstance(value, str) and "\0" in value:
        raise Refusal(400, "the body has a character U+0000, which cannot be kept")
    if isinstance(value, dict):
        for name, member in value.items():
            _check_texts(name, depth)
            _check_texts(member, depth - 1)
    elif isinstance(value, list):
        for each in value:
            _check_texts(each, depth - 1)
