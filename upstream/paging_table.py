"""`paging` of a source or a resource in a catalogue; names that belong to another style are refused."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, PlainValidator, model_validator

from changes.problems import Misfit
from changes.tables import Table, Text
from upstream.catalogue_fields import Members, member

#: As a `next`: the header of RFC 8288. A member of this name is written "/Link".
LINK_HEADER = "Link"


class Style(StrEnum):
    """How the next page is asked for."""

    OFFSET = "offset"  #: by the number of rows before it
    PAGE = "page"  #: by its own number
    CURSOR = "cursor"  #: by a text that the page before it named
    LINK = "link"  #: at an address that the page before it named


#: What each style is made of, beside `style` and `limit`.
_MEMBERS = {
    Style.OFFSET: ("offset",),
    Style.PAGE: ("page", "first"),
    Style.CURSOR: ("cursor", "next", "after"),
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
#: Members that are true where nothing follows.
_ENDS = {"islast", "islastpage", "lastpage"}
#: Members that say whether there is a next page, and not which.
_FLAGS = {"hasmore", "hasnext", "hasnextpage", "more", "ismore"}


def _first(value: object) -> int:
    if type(value) is not int or value not in (0, 1):
        raise Misfit("the first page has the number 0 or 1", "write first = 0 or first = 1")
    return value


class Paging(Table):
    """Names of the query parameters that choose a page, and where an answer says what comes next."""

    style: Style = Style.OFFSET
    limit: Text = "limit"
    offset: Text = "offset"  #: of style offset
    page: Text = "page"  #: of style page
    first: Annotated[int, PlainValidator(_first)] = 1  #: the number of the first page
    cursor: Text = "cursor"  #: of style cursor
    next: Members = ()  #: of styles cursor and link: members and JSON Pointers, the first that is there
    #: Of style cursor: the member of a page's last row that is the cursor.
    after: Annotated[Text, AfterValidator(member)] = ""

    @property
    def is_chain(self) -> bool:
        """Whether each page names the next one, so that none can be asked for without the one before it."""
        return self.style in (Style.CURSOR, Style.LINK)

    @property
    def names(self) -> frozenset[str]:
        """The parameters that it sends."""
        own = {Style.OFFSET: self.offset, Style.PAGE: self.page, Style.CURSOR: self.cursor}.get(self.style)
        return frozenset({self.limit, own} - {None})  # type: ignore[arg-type]

    @model_validator(mode="after")
    def _check(self) -> Paging:
        _refuse_strangers(self)
        if self.is_chain:
            _check_next(self)
        _check_names(self)
        return self


def _refuse_strangers(paging: Paging) -> None:
    own = ("limit", *_MEMBERS[paging.style])
    for name in Paging.model_fields:
        if name in paging.model_fields_set - {"style", *own}:
            styles = [f'style = "{style}"' for style, members in _MEMBERS.items() if name in members]
            hint = f"there is: {', '.join(own)}; {name} belongs to {' and '.join(styles)}"
            raise Misfit(f'style "{paging.style}" has no {name}', hint, at=name)


def _check_next(paging: Paging) -> None:
    if not paging.next:
        if paging.after:  # the list ends with an empty page
            return
        hint = (
            'say where an answer has it, such as next = "/meta/next_cursor"; or after = "id" for that of the last row'
        )
        if paging.style is Style.LINK:
            hint = 'say where an answer has it, such as next = "/links/next", or next = "Link" for the header'
        raise Misfit("this key is missing", hint, at="next")
    for place in paging.next:
        if place == LINK_HEADER:
            if paging.style is Style.CURSOR:
                raise Misfit("the header Link holds a link, not a cursor", 'write style = "link"', at="next")
            continue
        name = _plain(place.rpartition("/")[2])
        if name in _ELSEWHERE | _ENDS:
            raise Misfit(f'"{place}" does not lead to the next page', "name the member that does", at="next")
        if name in _FLAGS and not paging.after:
            message = f'"{place}" says whether there is a next page, and not which'
            hint = "name the member with the cursor or link"
            if paging.style is Style.CURSOR:
                hint += '; where the cursor is the id of the last row, write after = "id" beside it'
            raise Misfit(message, hint, at="next")


def _check_names(paging: Paging) -> None:
    limit, name = _plain(paging.limit), str(paging.style)
    for style, known in _KNOWN.items():
        if limit in known:
            message = f'"{paging.limit}" is a name for {_MEANINGS[style]}, but limit is how many rows a page has'
            raise Misfit(message, 'name the parameter that says so, such as "per_page"', at="limit")
    if paging.style is Style.LINK:
        return
    parameter = getattr(paging, name)
    if parameter == paging.limit:
        raise Misfit(f"limit and {name} are the same parameter", "give each its own name", at=name)
    if _plain(parameter) in _LIMITS:
        message = f'"{parameter}" is a name for how many rows a page has, but {name} is {_MEANINGS[paging.style]}'
        raise Misfit(message, f'write limit = "{parameter}", and {name} = "…"', at=name)
    if "style" in paging.model_fields_set:  # who writes it means it: in some APIs `offset` is the number of a page
        return
    for style, known in _KNOWN.items():
        if _plain(parameter) in known and style is not paging.style:
            hint = f'write style = "{style}", {style} = "{parameter}"'
            if style is Style.CURSOR:
                hint += ', and next = "…", where an answer has it'
            message = f'"{parameter}" is a name for {_MEANINGS[style]}, but {name} is {_MEANINGS[paging.style]}'
            raise Misfit(message, hint, at=name)


def is_limit(parameter: str) -> bool:
    """Whether a parameter is known to say how many rows a page has."""
    return _plain(parameter) in _LIMITS


def _plain(name: str) -> str:
    return re.sub(r"[^a-z]", "", name.lower())
