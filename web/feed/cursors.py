"""Where in the log a reader goes on: from an event's id, from a number or from a time; and when nobody knows."""

from __future__ import annotations

from typing import NamedTuple

from changes.problems import Problem
from storage import feed
from storage.feed import Span
from storage.session import Session
from web.feed.asked import Asked

_ANEW = (
    "begin anew: read from the beginning (leave lastEventId out; compact=true gives the last version of each record), "
    "and take what comes for the present state"
)


class CursorGone(Problem):  # named like the others that people read
    """A place in the log that is not there: what lies behind it cannot be told without a gap."""

    code = "gone"

    def __init__(self, message: str, span: Span) -> None:
        super().__init__(message, _ANEW)
        self.args = (message, span)
        self.span = span


class Place(NamedTuple):
    """Where a reader is."""

    after: int  #: it has everything up to this number
    id: str | None  #: of what has the number; None at the beginning


def start(session: Session, asked: Asked) -> Place:
    """Behind which to read; CursorGone where nobody knows what lies behind it."""
    after = _after(session, asked)
    return Place(after, _id(session, asked, after))


def check(session: Session, asked: Asked, place: Place) -> None:
    """CursorGone where something else is there by now: while a reader waited, another database was put in place."""
    if place.id is not None and _id(session, asked, place.after) != place.id:
        raise CursorGone("what was read last is not in this log any more: of another database", span_of(session, asked))


def _after(session: Session, asked: Asked) -> int:
    of_notices = asked.is_of_notices
    if asked.since is not None:
        return feed.before(session, asked.since)
    after = asked.after or 0
    if asked.last_id is not None:
        found = _number(session, asked.last_id, of_notices=of_notices)
        if found is None:
            raise CursorGone(
                "this lastEventId was never given here, or what it named is not kept any more",
                span_of(session, asked),
            )
        after = found
    # Read last: the log may have grown since the place was found, and never shrinks.
    span = span_of(session, asked)
    if after > span.latest:
        raise CursorGone(f"after={after:,} lies behind the last number, {span.latest:,}: of another database", span)
    if after and after < span.oldest - 1:
        raise CursorGone(f"after={after:,} lies before the oldest that is kept, {span.oldest:,}", span)
    return after


def span_of(session: Session, asked: Asked) -> Span:
    """Of the log that is asked for."""
    return feed.notice_span(session) if asked.is_of_notices else feed.span(session)


def _id(session: Session, asked: Asked, number: int) -> str | None:
    return feed.notice_id(session, number) if asked.is_of_notices else feed.id_of(session, number)


def _number(session: Session, id_: str, *, of_notices: bool) -> int | None:
    if not id_.isascii() or not id_.isprintable():  # not every database can even be asked for it
        return None
    return feed.notice_number(session, id_) if of_notices else feed.seq_of(session, id_)
