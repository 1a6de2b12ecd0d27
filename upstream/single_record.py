"""Finds the record in the answer of its own path; used by the client."""

from __future__ import annotations

from dataclasses import dataclass

from changes import bodies, members, normalise
from changes.records import Id, Json
from changes.resources import Resource, Shape
from upstream.answers import Answer


@dataclass(frozen=True, slots=True)
class LookedUp:
    """What an own path says of a record: it is there, or denied, or neither."""

    row: Json | None
    is_denied: bool
    status: int


def read(resource: Resource, id: Id, answer: Answer, *, is_denied: bool) -> LookedUp:  # noqa: A002
    """ValueError where the answer is no JSON."""
    is_said = not is_denied and answer.body.strip()
    row = record_of(resource, id, normalise.parse(answer.body)) if is_said else None
    return LookedUp(row, is_denied, answer.status)


def record_of(resource: Resource, id: Id, body: Json) -> Json | None:  # noqa: A002
    """The record in the answer of its own path, bare or one member deep; None where that is not in it.

    What has no key is no record, and what has another key is another one: `{}`, `{"data": null}`, `{"success": false}`.
    """
    if resource.shape is Shape.OBJECT and isinstance(body, (dict, list)):
        return None if bodies.is_error(body) else body
    if id.key in normalise.keys_of(resource, body):
        return body
    names = (name for each in resource.envelope.rows for name in members.outer(each))
    inner = [*(body.values() if isinstance(body, dict) else ()), *(members.value(body, name) for name in names)]
    return next((row for row in inner if isinstance(row, dict) and id.key in normalise.keys_of(resource, row)), None)
