"""Where in an answer something stands that a catalogue may have to name: rows, totals, what names the next page.

Pure; used by `check`. Only names of members are given, never what they hold.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple
from urllib.parse import unquote_plus

from changes import bodies, pointers
from changes.records import Json
from upstream import links, says_more
from upstream.paging_table import LINK_HEADER, is_limit

#: Levels of objects that are looked into.
_DEEPEST = 4
_LONGEST_NAME = 60
#: Members that are named in one message.
_MOST_NAMES = 12
_TOTAL = re.compile(r"(?i)total|count|results|records|num")
_OF_PAGES = re.compile(r"(?i)page|limit|offset|per")
#: Those of the last page too: what is proposed is tried before it is believed.
_NEXT = re.compile(f"{says_more.NEXT}|(end|page)?cursor|scrollid")
_LIKE_A_KEY = re.compile(
    r"(?i:(?:.*[_.-])?(?:id|uid|uuid|guid|key|code|sku|slug|number|handle|ref|iri))|.*[a-z0-9](?:Id|ID|Key|Code)"
)


class Next(NamedTuple):
    """A member (or the header `Link`) that names the next page."""

    place: str
    is_link: bool  #: else it is a cursor
    is_number: bool = False
    is_flag: bool = False  #: it says that there is one, and not which
    limit: str = ""  #: the parameter of a link that says how many rows a page has


def shown(name: str) -> str:
    """A server's name for a member as it may be printed."""
    text = "".join(character if character.isprintable() else "?" for character in name)
    return text if len(text) <= _LONGEST_NAME else text[: _LONGEST_NAME - 1] + "…"


def listed(names: Sequence[str]) -> str:
    """The first of some names."""
    return ", ".join(shown(name) for name in names[:_MOST_NAMES]) + (", …" if len(names) > _MOST_NAMES else "")


def inside(value: Json) -> Iterator[tuple[str, Json]]:
    """Every member of objects inside of objects, the outer ones first, each with the name that a catalogue uses."""
    level: list[tuple[tuple[str, ...], Json]] = [((), value)]
    for _ in range(_DEEPEST):
        below: list[tuple[tuple[str, ...], Json]] = []
        for steps, outer in level:
            for name, member in outer.items() if isinstance(outer, dict) else ():
                yield _named((*steps, name)), member
                below.append(((*steps, name), member))
        level = below


def lists_of_objects(body: Json) -> list[str]:
    """The places of lists that could be rows."""
    found = ["$"] if _is_list_of_objects(body) else []
    return found + [name for name, member in inside(body) if _is_list_of_objects(member)]


def totals(body: Json) -> list[str]:
    """The places of numbers that could be the total."""
    return [
        name
        for name, member in inside(body)
        if bodies.count(member) is not None and _TOTAL.search(_last(name)) and not _OF_PAGES.search(_last(name))
    ]


def next_pages(body: Json, headers: Mapping[str, str]) -> list[Next]:
    """What names the page behind this one; nothing where that is null or empty. `headers`: names in lower case."""
    header = links.in_header(headers)
    found = [Next(LINK_HEADER, is_link=True, limit=_limit(header))] if header else []
    for name, member in inside(body):
        if member is True and says_more.is_flag(name, member):
            found.append(Next(name, is_link=False, is_flag=True))
        if not _NEXT.fullmatch(re.sub(r"[^a-z]", "", _last(name).lower())):
            continue
        href = member.get("href") if isinstance(member, dict) else None
        if isinstance(href, str) and href:
            found.append(Next(_named((*_steps(name), "href")), is_link=True, limit=_limit(href)))
        elif isinstance(member, str) and member:
            is_link = member.startswith(("http://", "https://", "/", "?"))
            found.append(Next(name, is_link, limit=_limit(member) if is_link else ""))
        elif isinstance(member, int) and not isinstance(member, bool):
            found.append(Next(name, is_link=False, is_number=True))
    return found


def _limit(link: str) -> str:
    """The name by which a link asks for a number of rows, so far as that can be told; empty where it cannot."""
    query = (part.partition("=")[0] for part in link.partition("?")[2].partition("#")[0].split("&"))
    return next((name for name in map(unquote_plus, query) if is_limit(name)), "")


def like_keys(rows: Sequence[Json], *, wanted: Sequence[str] = ()) -> list[str]:
    """Members that tell these rows apart, those first that are called like a wanted one or like a key."""
    held: dict[str, list[str]] = {}
    for row in rows:
        for name, member in inside(row):
            if isinstance(member, str | int) and not isinstance(member, bool) and member != "":
                held.setdefault(name, []).append(str(member))
    names = [name for name, values in held.items() if len(values) == len(set(values)) == len(rows)]
    last = {_last(name) for name in wanted}
    return sorted(names, key=lambda name: (_last(name) not in last, not is_like_a_key(name), len(_steps(name))))


def is_like_a_key(name: str) -> bool:
    """Whether the name says that it identifies."""
    return _LIKE_A_KEY.fullmatch(_last(name)) is not None


def _is_list_of_objects(value: Json) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(each, dict) for each in value)


def _named(steps: tuple[str, ...]) -> str:
    if len(steps) == 1 and not steps[0].startswith("/"):
        return steps[0]
    return "".join(f"/{pointers.escape(step)}" for step in steps)


def _steps(name: str) -> tuple[str, ...]:
    return pointers.split(name) if name.startswith("/") else (name,)


def _last(name: str) -> str:
    return _steps(name)[-1]
