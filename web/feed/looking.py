"""Looks for what a reader is to be told, as often as it is asked, and remembers what need not be looked at again.

Called by feed.py, from several threads.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable

from storage import feed
from storage.session import Session
from web import point_tokens
from web.access import Caller
from web.feed import cursors, reading, sieve
from web.feed.asked import Asked
from web.feed.cursors import Place
from web.feed.fresh import Fresh
from web.feed.reading import Page
from web.feed.watching import Latest
from web.services import Web

#: Readers whose last look is remembered.
_REMEMBERED = 1000


class Looks:
    """Those of one process."""

    def __init__(self, web: Web) -> None:
        self._web = web
        self._lock = threading.Lock()
        #: Up to where a reader found nothing behind its cursor, and the id of what stands there: it is looked for
        #: again, since a database that was put back from a backup has something else there.
        self._nothing: OrderedDict[Hashable, tuple[int, str]] = OrderedDict()
        self.fresh = Fresh()
        self._named: tuple[str | None, list[tuple[str, str]]] = (None, [])

    def latest(self) -> Latest:
        """What the watcher looks for."""
        with self._web.reading.read() as session:
            changes = feed.span(session).latest
            self.fresh.note(session, changes)
            return Latest(changes, feed.notice_span(session).latest)

    def start(self, asked: Asked) -> tuple[Place, feed.Span]:
        """Where the reader goes on; CursorGone, or BadQuery for a name that nothing has."""
        with self._web.reading.snapshot() as session:
            place = cursors.start(session, asked)
            if asked.resources and not asked.is_of_notices:
                sieve.check(self._web, asked, named=self._names(session))
            return place, cursors.span_of(session, asked)

    def page(self, caller: Caller, asked: Asked, place: Place) -> Page:
        """What comes next; empty at the end, and where nothing was found in the time that a page has.

        NotItsToken where the reader is a point that may not read any more, CursorGone where its place is not there.
        """
        after = place.after
        # One state for all of it: a resource that is new meanwhile must not be passed over.
        with self._web.reading.snapshot() as session:
            point_tokens.check(session, caller)
            cursors.check(session, asked, place)
            if asked.is_of_notices:
                types = sieve.notice_types(session, self._web, caller, asked)
                return reading.read_notices(session, types, after=after, limit=asked.limit)
            is_sifted = bool(asked.resources) or caller.point is not None
            named = self._names(session) if is_sifted else []
            found = sieve.of(session, self._web, caller, asked, named=named)
            own = None if found.routes is None else tuple(found.routes)
            reader = (own, asked.resources, asked.kinds, asked.is_compact, after)
            page = reading.read(
                session, found, after=self._known(session, reader, after), limit=asked.limit,
                is_compact=asked.is_compact,
            )  # fmt: skip
            page.is_for = found.is_for
            if not page.events and page.cursor is not None:
                self._remember(reader, page.reached, page.cursor)
            return page

    def _known(self, session: Session, reader: Hashable, after: int) -> int:
        with self._lock:
            reached, id_ = self._nothing.get(reader, (after, None))
        return reached if id_ is not None and feed.id_of(session, reached) == id_ else after

    def _remember(self, reader: Hashable, reached: int, id_: str) -> None:
        with self._lock:
            self._nothing[reader] = (reached, id_)
            self._nothing.move_to_end(reader)
            if len(self._nothing) > _REMEMBERED:
                self._nothing.popitem(last=False)

    def _names(self, session: Session) -> list[tuple[str, str]]:
        """What the log has anything of; the same as long as its last change is."""
        last = feed.id_of(session, feed.span(session).latest)
        of, found = self._named
        if last is None or of != last:
            found = feed.named(session)
            self._named = (last, found)
        return found
