"""Where an answer says itself that more rows follow; read by the walk where it takes an answer for the last one.

Only names that mean nothing else count: the cursor of the page itself, or of its last row (`endCursor`), is there on
the last page too. A catalogue may name other members, or none (`envelope = { more = … }`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Protocol

from changes import bodies, members
from changes.records import Json
from changes.resources import HEADER, Resource
from upstream import links
from upstream.paging_table import LINK_HEADER

#: Levels of objects that are looked into: `paging`, `links` and the like.
_DEEPEST = 3
#: Names of members that say where the next page is, without case and signs; a regular expression.
NEXT = (
    r"(odata)?next(page|records|results)?(cursor|token|link|links|url|uri|marker|href|key|offset|number)?"
    r"|continuation(token)?"
)
_NEXT = re.compile(NEXT)
_MORE = re.compile(r"(is|has)?(more|next)(page|pages|results|items|records|rows|data)?(available)?|(is)?truncated")
_LAST = re.compile(r"(is)?last(page)?")
_PAGES = re.compile(r"(total|num|numberof)?pages|pagecount|lastpage|maxpage")
#: Headers that count the rows of the whole list.
TOTALS = ("x-total-count", "x-total", "total-count", "x-pagination-total-count", "x-wp-total")


class Finder(Protocol):
    """Names the header or member of one answer that says it; empty: none does."""

    def __call__(self, rows: int, /, *, is_first: bool) -> str:
        """`rows`: that have come so far. `is_first`: all of them with this answer, so that a number of pages counts."""


def silent(_rows: int, /, *, is_first: bool) -> str:  # noqa: ARG001
    """Of an answer without a body."""
    return ""


def finder(resource: Resource, headers: Mapping[str, str], body: Callable[[], Json]) -> Finder:
    """For an answer with these headers (names in lower case) and this body, which is read only when it is asked."""

    def found(rows: int, /, *, is_first: bool) -> str:
        told = resource.envelope.more
        if told is not None:
            return next((name for name in told if _is_told(members.value(body(), name))), "")
        if links.in_header(headers):
            return LINK_HEADER
        is_known = any(name.startswith(HEADER) for name in resource.envelope.total)  # and weighed as a total is
        totals = ((name, bodies.count(headers.get(name)) or 0) for name in TOTALS if not is_known)
        counting = (f"{name}: {total:,}" for name, total in totals if total > rows)
        beside = list(_members(resource, body()))
        saying = (name for name, value in beside if says_more(name, value))
        pages = (name for name, value in beside if is_first and _PAGES.fullmatch(_word(name)) and _is_many(value))
        return next(counting, "") or next(saying, "") or next(pages, "")

    return found


def _members(resource: Resource, body: Json) -> Iterator[tuple[str, Json]]:
    """Those beside the rows, the outer ones first."""
    level, rows = [("", body)], {name if members.is_pointer(name) else f"/{name}" for name in resource.envelope.rows}
    for _ in range(_DEEPEST):
        below = []
        for place, outer in level:
            for name, member in outer.items() if isinstance(outer, dict) else ():
                inner = f"{place}/{name}"
                if inner not in rows:
                    yield name if not place else inner, member
                    below.append((inner, member))
        level = below


def says_more(name: str, value: Json) -> bool:
    """Whether the member of an answer says that there is more, or where it is."""
    if isinstance(value, bool):
        return is_flag(name, value)
    word = _word(name)
    if word == "links" and isinstance(value, list):
        return any(isinstance(each, dict) and each.get("rel") == "next" and each.get("href") for each in value)
    return _NEXT.fullmatch(word) is not None and _is_told(value)


def is_flag(name: str, value: Json) -> bool:
    """Whether a member says that there is more, and not where."""
    word = _word(name)
    return (value is True and _MORE.fullmatch(word) is not None) or (
        value is False and _LAST.fullmatch(word) is not None
    )


def _is_told(value: Json) -> bool:
    if isinstance(value, dict):
        value = value.get("href")
    return bool(value) and isinstance(value, str | int) and str(value).strip() not in ("", "0", "null", "false")


def _is_many(value: Json) -> bool:
    return not isinstance(value, bool) and (bodies.count(value) or 0) > 1


def _word(name: str) -> str:
    return re.sub(r"[^a-z]", "", members.last_step(name).lower())
