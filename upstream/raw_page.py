"""What one list request brought; made by the client, read by the walk."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from changes import bodies, normalise, raw_rows
from changes.raw_rows import Slices
from changes.records import Json
from changes.resources import HEADER, Resource
from upstream import says_more
from upstream.answers import Answer

#: An answer without a body: a list with nothing in it.
NO_CONTENT = 204
#: What an answer to a path names as the page behind it, from its body, its headers and its rows.
NextOf = Callable[[str, Json, Mapping[str, str], Sequence[Json]], str | None]


@dataclass(frozen=True, slots=True)
class RawPage:
    """What one list request brought."""

    rows: list[Json]  #: empty where there are slices
    total: int | None  #: how many rows the source says there are
    size_bytes: int
    requested_at: datetime  #: the rows are as they were at this moment or later
    slices: Slices | None = None  #: the rows, cut out of the body and not yet read
    next: str | None = None  #: what asks for the page behind it; empty: there is none; None: the answer does not say
    says_more: says_more.Finder = field(default=says_more.silent, compare=False)


def read(resource: Resource, path: str, answer: Answer, *, in_slices: bool, next_of: NextOf | None) -> RawPage:
    """The page that `path` was answered; `next_of`: where pages name the next one. ValueError where it is none.

    `in_slices`: unread where that is possible; a page that names the next one is read.
    """
    if answer.status == NO_CONTENT:
        behind = next_of(path, None, answer.headers, ()) if next_of else None
        return RawPage([], None, 0, answer.requested_at, next=behind)
    cut = raw_rows.cut(resource, answer.body) if in_slices and next_of is None else None
    if cut is not None:
        more = says_more.finder(resource, answer.headers, partial(normalise.parse, answer.body))
        total = total_of(resource, cut.total, answer.headers)
        return RawPage([], total, len(answer.body), answer.requested_at, cut, says_more=more)
    body = normalise.parse(answer.body)
    rows = normalise.rows_of(resource, body)
    behind = next_of(path, body, answer.headers, rows.rows) if next_of else None
    more = says_more.finder(resource, answer.headers, lambda: body)
    total = total_of(resource, rows.total, answer.headers)
    return RawPage(rows.rows, total, len(answer.body), answer.requested_at, next=behind, says_more=more)


def total_of(resource: Resource, told: int | None, headers: Mapping[str, str]) -> int | None:
    """`told` in the body, else in the header that the envelope names. `headers`: names in lower case."""
    names = (name.removeprefix(HEADER).lower() for name in resource.envelope.total if name.startswith(HEADER))
    counts = (bodies.count(headers.get(name)) for name in names)
    return told if told is not None else next((count for count in counts if count is not None), None)
