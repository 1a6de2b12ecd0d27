"""An integration point as its API tells it: the entity's members, their types, and what queries may name.

Called by the points API (web/rest/) and by the `points` commands, so that a point is the same whoever asks.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from changes.records import Json

#: Script codes: kept as they are given.
SCRIPTS = ("recv_svcscriptcode", "recv_svcscriptcode_ws", "send_svcscriptcode", "send_svcscriptcode_ws")
#: Members of `opts` that every point has, as they are at first; there may be others.
OPTS: Mapping[str, Json] = {"title": "", "comment": "", "allow_files_api": False, "issync": False}
#: The types of the members of `opts` that are known; JSON has its own words for them.
_OPTS_TYPES: Mapping[str, tuple[type, str]] = {
    "title": (str, "a text"),
    "comment": (str, "a text"),
    "userid": (str, "a text"),
    "allow_files_api": (bool, "true or false"),
    "issync": (bool, "true or false"),
    "recv_timeout": (int, "a whole number"),
    "roles": (list, "a list of texts"),
}
#: What a query may ask for: everything but the url and the comment.
MASKABLE = (
    "id", "code", "type", "token_local", "token_remote", "token_remote2", *SCRIPTS, "opts.title",
    "opts.allow_files_api", "opts.issync", "ext.lwt", "ext.ct",
)  # fmt: skip
#: How queries spell tokens, and the member that is meant.
SPELT = {"tokenlocal": "token_local", "tokenremote": "token_remote", "tokenremote2": "token_remote2"}
_CODE = re.compile(r"\S(.{0,198}\S)?")


def is_code(text: str) -> bool:
    """1 to 200 characters, neither `*` nor `?`, no space at either end."""
    return _CODE.fullmatch(text) is not None and not any(mark in text for mark in "*?")


def wrong_option(opts: Mapping[str, Json]) -> tuple[str, str] | None:
    """The first member of `opts` whose value has another type, and what is wanted; None where all fit."""
    for name, value in opts.items():
        kind, wanted = _OPTS_TYPES.get(name, (object, ""))
        fits = isinstance(value, kind) and (kind is not int or not isinstance(value, bool))
        if fits and kind is list:
            fits = isinstance(value, list) and all(isinstance(each, str) for each in value)
        if not fits:
            return name, wanted
    return None


def flat(entity: Mapping[str, Any]) -> dict[str, Any]:
    """With the members of `opts` and `ext` as members of their own: `opts.title`."""
    found: dict[str, Any] = {}
    for name, value in entity.items():
        if isinstance(value, Mapping):
            found |= {f"{name}.{inner}": each for inner, each in value.items()}
        else:
            found[name] = value
    return found


def nested(members: Mapping[str, Any]) -> dict[str, Any]:
    """What `flat` was given."""
    found: dict[str, Any] = {}
    for name, value in members.items():
        outer, _, inner = name.partition(".")
        if inner:
            found.setdefault(outer, {})[inner] = value
        else:
            found[outer] = value
    return found


def stamp(at: datetime) -> str:
    """`2019-08-28T13:34:16.42Z`: UTC, to the hundredth of a second."""
    moment = at.astimezone(UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 10_000:02}Z"
