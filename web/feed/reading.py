"""Reads a page of the feed: the events behind a cursor that a reader may see, up to a number of them and of bytes.

What a page did not let through was looked at all the same: `reached` says up to where, so that nobody looks again.
Called by looking.py.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from changes import events
from storage import feed, history
from storage.feed import About, Heading, Span
from storage.history import Logged
from storage.session import Session
from web.feed.sieve import Sieve

#: A page is full with so many bytes, too.
FULL_BYTES = 16 * 1024 * 1024
#: A page ends where it took so long: a reader who sees little must not wait for a whole log to be gone through.
SECONDS = 5.0
#: Numbers that are gone through at a time, however few of them the database finds to fit.
WINDOW = 20_000
#: Changes that are sifted at a time, and contents that are read at a time: they may be large.
_BATCH, _CONTENTS = 1000, 100


@dataclass(slots=True)
class Page:
    """Events in their order."""

    reached: int  #: everything up to this number was looked at
    span: Span
    events: list[tuple[str, bytes]] = field(default_factory=list)  #: id and event
    cursor: str | None = None  #: the id of what has the number `reached`; None at the beginning
    size: int = 0  #: bytes of the events
    is_for: Callable[[About], bool] = lambda _: True  #: whether the reader may see such a change

    @property
    def is_at_end(self) -> bool:
        """Whether there is nothing more as yet; an empty page may also be one that took long."""
        return self.reached >= self.span.latest

    def add(self, seq: int, id: str, event: dict[str, Any]) -> None:  # noqa: A002  # the event's member
        body = events.body(event)
        self.events.append((id, body))
        self.size += len(body)
        self.reached, self.cursor = seq, id


def read(
    session: Session,
    sieve: Sieve,
    *,
    after: int,
    limit: int,
    is_compact: bool,
    monotonic: Callable[[], float] = time.monotonic,
) -> Page:
    """The next page of changes. `session` sees one state."""
    span = feed.span(session)
    page, ends_at = Page(after, span), monotonic() + SECONDS
    if sieve.is_empty:
        page.reached = max(after, span.latest)
    while not page.is_at_end and len(page.events) < limit and page.size < FULL_BYTES:
        _read_on(session, sieve, page, limit=limit, is_compact=is_compact)
        if monotonic() >= ends_at:
            break
    page.cursor = feed.id_of(session, page.reached)
    return page


def _read_on(session: Session, sieve: Sieve, page: Page, *, limit: int, is_compact: bool) -> None:
    """One window further, or less where there is much in it."""
    until = min(page.reached + WINDOW, page.span.latest)
    room = limit - len(page.events)
    batch = min(room, _BATCH) if sieve.routes is None else _BATCH
    found = feed.headings(
        session,
        after=page.reached,
        until=until,
        limit=batch,
        resources=sieve.resources,
        kinds=sieve.kinds,
        is_compact=is_compact and sieve.routes is None,
    )
    seen = [heading for heading in found if sieve.lets_through(heading)]
    if is_compact and sieve.routes is not None:
        seen = list(_last_of_each(session, sieve, seen))
    for start in range(0, min(room, len(seen)), _CONTENTS):
        part = seen[start : min(start + _CONTENTS, room)]
        contents = history.by_seq(session, [heading.seq for heading in part])
        for heading in part:
            if page.size >= FULL_BYTES:
                return
            logged = contents[heading.seq]
            page.add(heading.seq, logged.id, event_of(heading.seq, logged))
    if len(seen) <= room:
        page.reached = found[-1].seq if len(found) == batch else until


def _last_of_each(session: Session, sieve: Sieve, seen: Iterable[Heading]) -> Iterable[Heading]:
    """Those behind which no version of their record follows that the reader sees, too.

    The database cannot tell: which fields a route is about is told by each change.
    """
    last = {heading.record: heading for heading in seen}
    for heading in sorted(last.values()):
        if not any(sieve.lets_through(each) for each in feed.newer(session, heading)):
            yield heading


def event_of(seq: int, logged: Logged) -> dict[str, Any]:
    """The very event that a point is sent; of an erased change what is left of it."""
    event = events.cloud_event(logged.change, seq=seq, id=logged.id)
    if logged.is_erased:
        event["erased"] = True
        event["data"] = {name: value for name, value in event["data"].items() if name not in {"document", "previous"}}
    return event


def read_notices(session: Session, types: list[str], *, after: int, limit: int) -> Page:
    """The same of notices."""
    page = Page(after, feed.notice_span(session))
    for number, written in feed.notices(session, after=after, limit=limit, types=types) if types else []:
        event = events.notice_event(
            id=written.id, type=written.type, subject=written.subject, at=written.at, data=written.data
        )
        page.add(number, written.id, event)
    if len(page.events) < limit:
        page.reached = max(page.reached, page.span.latest)
    page.cursor = feed.notice_id(session, page.reached)
    return page
