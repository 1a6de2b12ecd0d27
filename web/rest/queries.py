"""`filter`, `mask`, `order`, `offset`, `limit` and `flat`: which points a list has, and what of each; for rest.py."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import orjson

from changes import point_entities
from changes.records import Json
from changes.sealing import Seal
from web.rest.refusals import Refusal

_NUMBER = re.compile(r"[0-9]{1,18}")
_TRUTHS = {"true": True, "1": True, "false": False, "0": False, "": False}
#: Fields that filters and orders know and masks do not.
_BESIDES = ("url", "opts.comment")


class Shape(NamedTuple):
    """What of a point is shown."""

    mask: tuple[str, ...] = ()  #: members; none: all
    is_flat: bool = False


class Query(NamedTuple):
    """What a list was asked for."""

    shape: Shape
    filters: Mapping[str, tuple[Json, ...]]  #: member -> the values of which it has one
    orders: tuple[tuple[str, bool], ...]  #: member, and whether it is descending
    offset: int
    limit: int | None


def read(params: Mapping[str, str]) -> Query:
    """Refusal says which parameter cannot be read."""
    return Query(
        shape(params),
        filters=_filters(params.get("filter", "")),
        orders=tuple(_orders(params.get("order", "").strip())),
        offset=_number(params, "offset") or 0,
        limit=_number(params, "limit"),
    )


def shape(params: Mapping[str, str]) -> Shape:
    """The part that single points have, too."""
    names = [name.strip() for name in params.get("mask", "").split(",") if name.strip()]
    mask = tuple(point_entities.SPELT.get(name, name) for name in names)
    for name, member in zip(names, mask, strict=True):
        if member not in point_entities.MASKABLE:
            raise Refusal(400, f"mask: unknown field {name}")
    flat = params.get("flat", "").lower()
    if flat not in _TRUTHS:
        raise Refusal(400, "flat: true or false is wanted")
    return Shape(mask, _TRUTHS[flat])


def chosen(entities: Iterable[Mapping[str, Any]], query: Query, *, seal: Seal) -> list[dict[str, Any]]:
    """Those that fit, in their order and shape. A list shows no comments; tokens are compared sealed."""
    found = [(entity, point_entities.flat(entity)) for entity in entities]
    for member, values in query.filters.items():
        wanted = {_text(seal(value) if member.startswith("token_") else value) for value in values}
        found = [each for each in found if _text(each[1].get(member)) in wanted]
    for member, is_descending in reversed(query.orders):
        found.sort(key=lambda each: _text(each[1].get(member)), reverse=is_descending)  # called at once
    end = None if query.limit is None else query.offset + query.limit
    return [shaped(_without_comment(entity), query.shape) for entity, _ in found[query.offset : end]]


def shaped(entity: Mapping[str, Any], shape: Shape) -> dict[str, Any]:
    """As `mask` and `flat` want it."""
    members = point_entities.flat(entity)
    if shape.mask:
        members = {name: members[name] for name in shape.mask if name in members}
    elif not shape.is_flat:
        return dict(entity)
    return members if shape.is_flat else point_entities.nested(members)


def _filters(text: str) -> dict[str, tuple[Json, ...]]:
    wanted = _parsed("filter", text) if text.strip() else {}
    if not isinstance(wanted, dict):
        raise Refusal(400, "filter: an object is wanted")
    return {
        _known("filter", name): tuple(value) if isinstance(value, list) else (value,) for name, value in wanted.items()
    }


def _orders(text: str) -> Iterator[tuple[str, bool]]:
    """`code,type`; `["code", {"type": "desc"}]`."""
    wanted = _parsed("order", text) if text[:1] in ("[", "{") else [name.strip() for name in text.split(",")]
    for each in wanted if isinstance(wanted, list) else [wanted]:
        for name, way in (each if isinstance(each, dict) else {each: "asc"} if isinstance(each, str) else {}).items():
            if not name:
                continue
            if way not in ("asc", "desc"):
                raise Refusal(400, f"order: {name}: asc or desc is wanted")
            yield _known("order", name), way == "desc"
        if not isinstance(each, (dict, str)):
            raise Refusal(400, "order: names of fields are wanted")


def _known(parameter: str, name: str) -> str:
    member = point_entities.SPELT.get(name, name)
    if member not in point_entities.MASKABLE and member not in _BESIDES and not member.startswith("opts."):
        raise Refusal(400, f"{parameter}: unknown field {name}")
    return member


def _number(params: Mapping[str, str], name: str) -> int | None:
    text = params.get(name)
    if text is None:
        return None
    if not _NUMBER.fullmatch(text):
        raise Refusal(400, f"{name}: a whole number is wanted, from 0 on")
    return int(text)


def _parsed(parameter: str, text: str) -> Json:
    try:
        parsed: Json = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise Refusal(400, f"{parameter}: JSON is wanted") from None
    return parsed


def _without_comment(entity: Mapping[str, Any]) -> dict[str, Any]:
    return {**entity, "opts": {name: value for name, value in entity["opts"].items() if name != "comment"}}


def _text(value: Json | Sequence[Any]) -> str:
    """Values that are written alike are alike: a query has texts where documents have truths."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
