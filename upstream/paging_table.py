"""Reads `paging` of a source or a resource, and refuses names that belong to another style; used by catalogue.py."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from changes.strict_toml import Table, meant
from upstream import resource_table

#: As a `next`: the header of RFC 8288. A member of this name is written "/Link".
LINK_HEADER = "Link"


class Style(StrEnum):
    """How the next page is asked for."""

    OFFSET = "offset"  #: by the number of rows before it
    PAGE = "page"  #: by its own number
    CURSOR = "cursor"  #: by a text that the page before it named
    LINK = "link"  #: at an address that the page before it named


@dataclass(frozen=True, slots=True)
class Paging:
    """Names of the query parameters that choose a page, and where an answer says what comes next."""

    limit: str = "limit"
    offset: str = "offset"  #: of style offset
    style: Style = Style.OFFSET
    page: str = "page"  #: of style page
    first: int = 1  #: the number of the first page
    cursor: str = "cursor"  #: of style cursor
    next: tuple[str, ...] = ()  #: of styles cursor and link: members and JSON Pointers, the first that is there

    @property
    def is_chain(self) -> bool:
        """Whether each page names the next one, so that none can be asked for without the one before it."""
        return self.style in (Style.CURSOR, Style.LINK)

    @property
    def names(self) -> frozenset[str]:
        """The parameters that it sends."""
        own = {Style.OFFSET: self.offset, Style.PAGE: self.page, Style.CURSOR: self.cursor}.get(self.style)
        return frozenset({self.limit, own} - {None})  # type: ignore[arg-type]


#: What each style is made of, beside `style` and `limit`.
_MEMBERS = {
    Style.OFFSET: ("offset",),
    Style.PAGE: ("page", "first"),
    Style.CURSOR: ("cursor", "next"),
    Style.LINK: ("next",),
}
#: Parameters that are known to be of one style, without case and signs; in another one they show a mistake.
_KNOWN = {
    Style.OFFSET: {"offset", "skip", "startindex", "startat", "start", "pageoffset"},
    Style.PAGE: {"page", "pagenumber", "pageno", "pagenum", "pageindex", "pagenr", "currentpage", "p"},
    Style.CURSOR: {"cursor", "pagetoken", "nextpagetoken", "nexttoken", "continuationtoken", "startingafter", "after"}
    | {"pagecursor", "pageafter", "nextcursor", "bookmark", "marker"},
}
_LIMITS = {"limit", "perpage", "pagesize", "pagelimit", "size", "maxresults", "itemsperpage", "take", "top"}
_MEANINGS = {
    Style.OFFSET: "the number of rows before a page",
    Style.PAGE: "the number of a page",
    Style.CURSOR: "a cursor",
}
#: Members that lead elsewhere than to the next page.
_ELSEWHERE = {"prev", "previous", "first", "last", "self", "prevcursor", "previouscursor", "prevpage", "previouspage"}
#: Members that say whether there is a next page, and not which.
_FLAGS = {"hasmore", "hasnext", "hasnextpage", "more", "ismore", "islast", "lastpage"}


def read(table: Table, default: Paging) -> Paging:
    """The `paging` of `table`; `default` where it has none."""
    own = table.table("paging", ("style", "limit", *dict.fromkeys(name for each in _MEMBERS.values() for name in each)))
    if own is None:
        return default
    style = _style(own)
    for name in own.names():
        if name not in ("style", "limit", *_MEMBERS[style]):
            hint = f"Known here: {', '.join(('limit', *_MEMBERS[style]))}; {_styles_with(name)}"
            raise own.error(name, f'style "{style}" has no {name}', hint)
    paging = Paging(
        limit=own.text("limit") or "limit",
        offset=own.text("offset") or "offset",
        style=style,
        page=own.text("page") or "page",
        first=_first(own),
        cursor=own.text("cursor") or "cursor",
        next=_next(own, style),
    )
    _check_names(own, paging)
    return paging


def _style(own: Table) -> Style:
    word = own.text("style") or Style.OFFSET
    if word not in set(Style):
        raise own.error("style", f'"{word}" is not one of its values', meant(word, set(Style)))
    return Style(word)


def _styles_with(name: str) -> str:
    styles = [f'style = "{style}"' for style, members in _MEMBERS.items() if name in members]
    return f"{name} belongs to {' and '.join(styles)}"


def _first(own: Table) -> int:
    first = own.values().get("first", 1)
    if type(first) is not int or first not in (0, 1):
        raise own.error("first", "the first page has the number 0 or 1", "Write first = 0 or first = 1")
    return first


def _next(own: Table, style: Style) -> tuple[str, ...]:
    if style not in (Style.CURSOR, Style.LINK):
        return ()
    places = own.texts("next", ())
    if not places:
        hint = 'Say where an answer has it, such as next = "/meta/next_cursor"'
        if style is Style.LINK:
            hint = 'Say where an answer has it, such as next = "/links/next", or next = "Link" for the header'
        raise own.error("next", "this key is missing", hint)
    for place in places:
        if place == LINK_HEADER:
            if style is Style.CURSOR:
                raise own.error("next", "the header Link holds a link, not a cursor", 'Write style = "link"')
            continue
        if place.startswith("/"):
            resource_table.pointer(own, "next", place)
        member = _plain(place.rpartition("/")[2])
        if member in _ELSEWHERE:
            raise own.error("next", f'"{place}" does not lead to the next page', "Name the member that does")
        if member in _FLAGS:
            message = f'"{place}" says whether there is a next page, and not which'
            raise own.error("next", message, "Name the member with the cursor or link")
    return places


def _check_names(own: Table, paging: Paging) -> None:
    limit, name = _plain(paging.limit), str(paging.style)
    for style, known in _KNOWN.items():
        if limit in known:
            message = f'"{paging.limit}" is a name for {_MEANINGS[style]}, but limit is how many rows a page has'
            raise own.error("limit", message, 'Name the parameter that says so, such as "per_page"')
    if paging.style is Style.LINK:
        return
    parameter = getattr(paging, name)
    if parameter == paging.limit:
        raise own.error(name, f"limit and {name} are the same parameter", "Give each its own name")
    if _plain(parameter) in _LIMITS:
        message = f'"{parameter}" is a name for how many rows a page has, but {name} is {_MEANINGS[paging.style]}'
        raise own.error(name, message, f'Write limit = "{parameter}", and {name} = "…"')
    if "style" in own.names():  # who writes it means it: in some APIs `offset` is the number of a page
        return
    for style, known in _KNOWN.items():
        if _plain(parameter) in known and style is not paging.style:
            hint = f'Write style = "{style}", {style} = "{parameter}"'
            if style is Style.CURSOR:
                hint += ', and next = "…", where an answer has it'
            message = f'"{parameter}" is a name for {_MEANINGS[style]}, but {name} is {_MEANINGS[paging.style]}'
            raise own.error(name, message, hint)


def _plain(name: str) -> str:
    return re.sub(r"[^a-z]", "", name.lower())
