"""What a reader of the feed asks for: its parameters, and the cursor from which on it reads."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session
from starlette.requests import Request

from changes import notices
from changes.problems import Problem, did_you_mean
from changes.records import Kind
from storage import feed
from web import queries

DEFAULT_LIMIT, MOST = 500, 5000
LONGEST_MS = 60_000

_NAMES = ("lastEventId", "timeout", "after", "since", "resource", "kind", "limit", "compact")


@dataclass(frozen=True, slots=True)
class Asked:
    """As it was understood."""

    last_id: str | None
    after: int | None
    since: datetime | None
    resources: tuple[str, ...]  #: names or globs; none: all
    kinds: tuple[str, ...]
    limit: int
    timeout_seconds: float
    is_compact: bool

    @property
    def is_of_notices(self) -> bool:
        return bool(self.resources) and all(notices.is_meant(name) for name in self.resources)

    def next_query(self, after: int) -> str:
        """What goes on behind this number; the rest as it was asked."""
        same = {"resource": self.resources, "kind": self.kinds, "compact": self.is_compact}
        limit = None if self.limit == DEFAULT_LIMIT else self.limit
        timeout = int(self.timeout_seconds * 1000) or None
        return queries.written(same, limit=limit, timeout=timeout, after=after)


class CursorGone(Problem):  # named like the others that people read
    """A place in the log that is not there: what lies behind it cannot be told without a gap."""

    code = "gone"

    def __init__(self, message: str, *, span: feed.Span) -> None:
        super().__init__(message, _ANEW)
        self.args = (message, span)
        self.span = span


_ANEW = (
    "begin anew: read from the beginning (leave lastEventId out; compact=true gives the last version of each record), "
    "and take what comes for the present state"
)


def read(request: Request) -> Asked:
    """BadQuery with the parameter's name and what it may be."""
    for name in request.query_params:
        if name not in _NAMES:
            raise queries.BadQuery(f'there is no parameter "{name}"', did_you_mean(name, _NAMES))
    header = request.headers.get("last-event-id")
    last_id = header.strip() if header else queries.one(request, "lastEventId")
    after, since = queries.number(request, "after"), _moment(request)
    if sum(each is not None for each in (last_id, after, since)) > 1:
        raise queries.BadQuery("lastEventId, after and since say each where to begin", "give one of them")
    kinds = queries.every(request, "kind")
    for kind in kinds:
        if kind not in {each.value for each in Kind}:
            raise queries.BadQuery(f'there is no kind "{kind}"', did_you_mean(kind, [each.value for each in Kind]))
    limit, timeout = queries.number(request, "limit"), queries.number(request, "timeout")
    if limit is not None and not 1 <= limit <= MOST:
        raise queries.BadQuery(f"limit={limit} is not possible", f"write 1 to {MOST:,}")
    resources = queries.every(request, "resource")
    meant = [notices.is_meant(name) for name in resources]
    if any(meant) and not all(meant):
        raise queries.BadQuery("notices and changes are two logs", "read them apart: resource=mirrorpoint.* alone")
    return Asked(
        last_id=None if last_id in {None, "", "null"} else last_id,
        after=after,
        since=since,
        resources=resources,
        kinds=kinds,
        limit=DEFAULT_LIMIT if limit is None else limit,
        timeout_seconds=min(timeout or 0, LONGEST_MS) / 1000,
        is_compact=queries.is_on(request, "compact"),
    )


def start(session: Session, asked: Asked) -> int:
    """The number behind which to read; CursorGone where nobody knows what lies behind it."""
    of_notices = asked.is_of_notices
    span = feed.notice_span(session) if of_notices else feed.span(session)
    if asked.since is not None:
        if of_notices:
            raise queries.BadQuery("since is about changes", "read notices from a lastEventId, or from the beginning")
        return feed.before(session, asked.since)
    after = asked.after or 0
    if asked.last_id is not None:
        found = (feed.notice_number if of_notices else feed.seq_of)(session, asked.last_id)
        if found is None:
            raise CursorGone("this lastEventId was never given here, or what it named is not kept any more", span=span)
        after = found
    if after > span.latest:
        raise CursorGone(
            f"after={after:,} lies behind the last change, {span.latest:,}: of another database", span=span
        )
    if after and after < span.oldest - 1:
        raise CursorGone(f"after={after:,} lies before the oldest that is kept, {span.oldest:,}", span=span)
    return after


def _moment(request: Request) -> datetime | None:
    text = queries.one(request, "since")
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise queries.BadQuery(f'since="{text[:60]}" is no time', "write 2026-11-22T10:00:00Z") from None
    from datetime import UTC

    return at.replace(tzinfo=UTC) if at.tzinfo is None else at
