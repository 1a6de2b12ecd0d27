"""Reads a page of the feed: the events behind a cursor that a reader may see, up to a number of them and of bytes.

What a page did not let through was looked at all the same: `reached` says up to where, so that nobody looks again.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any

from sqlmodel import Session

from changes import events
from storage import feed
from storage.feed import Span
from storage.history import Logged
from web.feed.sieve import Sieve

#: A page is full with so many bytes, too.
_FULL_BYTES = 16 * 1024 * 1024
#: Changes that are read at a time while routes sift them.
_BATCH = 1000
_REMEMBERED = 1000


@dataclass(slots=True)
class Page:
    """Events in their order."""

    reached: int  #: everything up to this number was looked at
    span: Span
    events: list[tuple[str, bytes]] = field(default_factory=list)  #: id and event


class Reached:
    """Up to where readers found nothing for them: the log only grows, so that stays so. Of this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: OrderedDict[Hashable, int] = OrderedDict()

    def skip(self, reader: Hashable, after: int) -> int:
        """Where to begin to look for a reader whose cursor is at `after`."""
        with self._lock:
            return max(after, self._known.get((reader, after), 0))

    def note(self, reader: Hashable, after: int, reached: int) -> None:
        with self._lock:
            self._known[reader, after] = reached
            self._known.move_to_end((reader, after))
            if len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)


def read(session: Session, sieve: Sieve, *, after: int, limit: int, is_compact: bool) -> Page:
    """The next page of changes: empty only where nothing more comes through the sieve."""
    span = feed.span(session)
    page, size = Page(after, span), 0
    while page.reached < span.latest and len(page.events) < limit and size < _FULL_BYTES:
        wanted = limit - len(page.events) if sieve.routes is None else _BATCH
        rows = (
            []
            if sieve.is_empty
            else feed.read(
                session,
                after=page.reached,
                limit=min(wanted, _BATCH),
                resources=sieve.resources,
                kinds=sieve.kinds,
                is_compact=is_compact,
            )
        )
        if not rows:
            page.reached = span.latest
            break
        for seq, logged in rows:
            if len(page.events) >= limit or size >= _FULL_BYTES:
                break
            page.reached = seq
            if sieve.lets_through(logged.change):
                body = events.body(event_of(seq, logged))
                page.events.append((logged.id, body))
                size += len(body)
    return page


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
        page.events.append((written.id, events.body(event)))
        page.reached = number
    if len(page.events) < limit:
        page.reached = max(page.reached, page.span.latest)
    return page
