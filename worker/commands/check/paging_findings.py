"""What pages that were asked for say of how the list is paged: which request tells more, and what they amount to.

A page is the identities of its rows, or None where the request was refused. Pure; used by `check`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from worker.commands.check.answer_places import Next, listed
from worker.commands.check.catalogue_findings import Finding, Severity, toml

Page = Sequence[str] | None


@dataclass(frozen=True, slots=True)
class Asked:
    """One request for a page."""

    offset: int
    limit: int


class Counts(StrEnum):
    """How a server takes the offset."""

    ROWS = "rows"  #: as rows, which is what the catalogue says
    UNKNOWN = "unknown"  #: too few rows to tell, or too few requests
    MULTIPLES = "multiples"  #: as rows, rounded down to a multiple of the limit
    ONLY_MULTIPLES = "only-multiples"  #: others are refused
    PAGES_FROM_0 = "pages-from-0"
    PAGES_FROM_1 = "pages-from-1"
    NOT = "not"  #: it is ignored
    REFUSED = "refused"  #: all but 0
    UNSTEADY = "unsteady"  #: the same request brings other rows


def next_request(pages: Mapping[Asked, Page], limit: int) -> Asked | None:
    """The request that tells most; None where enough is known."""
    first = pages[Asked(0, limit)]
    if first is None or len(first) < 2 or limit < 2:
        return None
    for asked in _questions(pages, first, limit):
        if asked not in pages:
            return asked
    return None


def _questions(pages: Mapping[Asked, Page], first: Sequence[str], limit: int) -> list[Asked]:
    second = Asked(1, limit)
    if second not in pages:
        return [second]
    page = pages[second]
    if page is None:
        return [Asked(limit, limit)]
    if list(page) == list(first):
        odd = _odd(limit)
        if odd in pages and list(pages[odd] or ()) == list(first):
            return [Asked(limit, limit)]
        return [odd]
    if page and not _overlaps(first, page):
        return [Asked(0, 2 * limit)]
    return []


def _odd(limit: int) -> Asked:
    """An offset that is no multiple of the limit, and another page than the first one however pages are counted."""
    return Asked(2 if limit > 2 else 3, limit)


def counts(pages: Mapping[Asked, Page], limit: int) -> Counts:
    """What the pages amount to."""
    first, second = pages.get(Asked(0, limit)), Asked(1, limit)
    if not first or len(first) < 2 or second not in pages:
        return Counts.UNKNOWN
    page, behind, odd = pages[second], Asked(limit, limit), _odd(limit)
    if page is None:
        if behind not in pages:
            return Counts.UNKNOWN
        return Counts.REFUSED if pages[behind] is None else Counts.ONLY_MULTIPLES
    if list(page) == list(first):
        if odd not in pages:
            return Counts.UNKNOWN
        third = pages[odd]
        if list(third or ()) == list(first):
            if behind not in pages:
                return Counts.UNKNOWN
            return Counts.NOT if list(pages[behind] or ()) == list(first) else Counts.MULTIPLES
        return Counts.ROWS if third and third[0] in first else Counts.PAGES_FROM_1
    if not page:
        return Counts.PAGES_FROM_0
    if _overlaps(first, page):
        return Counts.ROWS if _follows(first, page) else Counts.UNSTEADY
    again = pages.get(Asked(0, 2 * limit))
    if again is not None and list(again[: len(first)]) != list(first):
        return Counts.UNSTEADY
    return Counts.PAGES_FROM_0


def _overlaps(first: Sequence[str], page: Sequence[str]) -> bool:
    return not set(first).isdisjoint(page)


def _follows(first: Sequence[str], page: Sequence[str]) -> bool:
    """Whether the page goes on within the first one; a row that came or went meanwhile does no harm."""
    place = list(first).index(page[0]) if page[0] in first else None
    if place is None or _overlaps(first[:place], page):
        return False
    rest = list(first[place:])
    return rest == list(page[: len(rest)]) or rest[: len(page)] == list(page)


def looks_like_a_page(rows: int) -> bool:
    """Whether servers like to give so many rows at most."""
    return rows in (10, 15, 20, 25, 30, 40, 50, 100, 200, 250, 500, 1000)


def findings(how: Counts, *, names: tuple[str, str], is_whole: bool, rows: int, nexts: Sequence[Next]) -> list[Finding]:
    """`names`: the parameters for limit and offset; `is_whole`: the first page is the whole list, as it says.

    `rows`: of it, where no total counts them.
    """
    limit, offset = names
    other = by_next(limit, nexts)
    known = f"; the answer names the next page at {listed([each.place for each in nexts])}" if nexts else ""
    match how:
        case Counts.PAGES_FROM_0 | Counts.PAGES_FROM_1:
            seen = f"{offset}=1 brings the rows behind the first page, not the second row: it is a page number"
            if how is Counts.PAGES_FROM_1:
                seen = f"{offset}=1 brings the first page, and {offset}=2 what follows it: it is a page number"
            return [Finding("paging", "page-number", seen, page_style(limit, offset, first=int(how[-1])))]
        case Counts.NOT:
            seen = f"whatever {offset} says, the first page comes: it is ignored{known}"
            if is_whole:
                hint = "paged = false, if all rows always come at once"
                if looks_like_a_page(rows):
                    hint = f'is "{offset}" the name of the parameter? {rows} rows look like a page; or {hint}'
                return [Finding("paging", "offset-ignored", seen, hint)]
            return [Finding("paging", "offset-ignored", seen, other or f'is "{offset}" the name of the parameter?')]
        case Counts.REFUSED:
            seen = f"any {offset} but 0 is refused{known}"
            return [Finding("paging", "offset-refused", seen, other or page_style(limit, offset, first=0))]
        case Counts.UNSTEADY:
            seen = "the order of the rows changes from request to request"
            return [Finding("sort", "order", seen, 'sort = "…", by what never changes and is different in each row')]
        case Counts.MULTIPLES | Counts.ONLY_MULTIPLES:
            what = "refused" if how is Counts.ONLY_MULTIPLES else "rounded down"
            seen = f"an {offset} that is no multiple of {limit} is {what}; the list is read page by page then"
            return [Finding("paging", "offset-multiples", seen, "", Severity.NOTE)]
        case _ if nexts:
            seen = f"the answer names the next page at {listed([each.place for each in nexts])}"
            return [Finding("paging", "next", seen, "", Severity.NOTE)]
    return []


def page_style(limit: str, page: str, *, first: int) -> str:
    """How a list is told to be asked for by page numbers."""
    return f'paging = {{ style = "page", limit = {toml(limit)}, page = {toml(page)}, first = {first} }}'


def by_next(limit: str, nexts: Sequence[Next]) -> str | None:
    """How a list is told to be followed by what its answers name."""
    for each in sorted(nexts, key=lambda each: each.is_flag):
        if each.is_link:
            return f'paging = {{ style = "link", limit = {toml(each.limit or limit)}, next = {toml(each.place)} }}'
        if each.is_flag:
            return (
                f'paging = {{ style = "cursor", limit = {toml(limit)}, cursor = "…", after = "…", '
                f"next = {toml(each.place)} }}: the parameter, and the member of the last row that it takes"
            )
        if not each.is_number:
            cursor = toml(_parameter(each.place))
            return (
                f'paging = {{ style = "cursor", limit = {toml(limit)}, cursor = {cursor}, next = {toml(each.place)} }}'
            )
    return None


def _parameter(place: str) -> str:
    """What is most likely the name of the parameter for what stands there: `cursor` for next_cursor."""
    name = re.sub(r"(?i)^next[_-]?(?=[a-z])", "", place.rpartition("/")[2])
    return "cursor" if name.lower() == "next" else name[:1].lower() + name[1:]
