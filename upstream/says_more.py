"""Where an answer says itself that more rows follow; read by the walk where one answer was taken for a whole list.

Only names that mean nothing else count: the cursor of the page itself, or of its last row (`endCursor`), is there on
the last page too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

from changes import members
from changes.records import Json
from changes.resources import Resource
from upstream.paging_table import LINK_HEADER

#: Levels of objects that are looked into: `paging`, `links` and the like.
_DEEPEST = 3
_NEXT = re.compile(
    r"(odata)?next(page)?(cursor|token|link|links|url|uri|marker|href|key|offset|number)?|continuation(token)?"
)
_MORE = re.compile(r"(is|has)?(more|next)(page|pages|results|items|records|rows|data)?(available)?|(is)?truncated")
_LINK_TO_NEXT = re.compile(r'(?i)rel="?[^",;]*\bnext\b')


def finder(resource: Resource, headers: Mapping[str, str], body: Callable[[], Json]) -> Callable[[], str]:
    """Finds the header or member of an answer that says it; empty where none does. `headers`: names in lower case."""

    def found() -> str:
        if _LINK_TO_NEXT.search(headers.get("link", "")):
            return LINK_HEADER
        return next((name for name, value in _members(resource, body()) if _says_more(name, value)), "")

    return found


def _members(resource: Resource, body: Json) -> Iterator[tuple[str, Json]]:
    """Those beside the rows, the outer ones first."""
    level, rows = [("", body)], {f"/{name}".replace("//", "/") for name in resource.envelope.rows}
    if "/$" in rows and not isinstance(body, dict):
        return
    for _ in range(_DEEPEST):
        below = []
        for place, outer in level:
            for name, member in outer.items() if isinstance(outer, dict) else ():
                inner = f"{place}/{name}"
                if inner not in rows:
                    yield name if not place else inner, member
                    below.append((inner, member))
        level = below


def is_flag(name: str, value: Json) -> bool:
    """Whether a member says that there is more, and not where."""
    return value is True and _MORE.fullmatch(_word(name)) is not None


def _word(name: str) -> str:
    return re.sub(r"[^a-z]", "", members.last_step(name).lower())


def _says_more(name: str, value: Json) -> bool:
    if isinstance(value, bool):
        return is_flag(name, value)
    if not _NEXT.fullmatch(_word(name)):
        return False
    if isinstance(value, dict):
        value = value.get("href")
    return bool(value) and isinstance(value, str | int) and str(value).strip() not in ("", "0", "null", "false")
