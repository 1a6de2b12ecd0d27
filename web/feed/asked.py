"""What a reader of the feed asks for: its parameters. Where in the log that leads to is found by cursors.py."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase

from starlette.requests import Request

from changes import notices
from changes.problems import did_you_mean
from changes.records import Kind
from web import queries
from web.queries import BadQuery

DEFAULT_LIMIT, MOST = 500, 5000
LONGEST_MS = 60_000

_NAMES = ("lastEventId", "timeout", "after", "since", "resource", "kind", "limit", "compact")
_KINDS = tuple(kind.value for kind in Kind)


@dataclass(frozen=True, slots=True)
class Asked:
    """As it was understood. Of `last_id`, `after` and `since` at most one is there."""

    last_id: str | None
    after: int | None
    since: datetime | None
    resources: tuple[str, ...]  #: names or globs; none: all
    kinds: tuple[str, ...]  #: the words for them, no globs; none: all
    limit: int
    timeout_seconds: float
    is_compact: bool

    @property
    def is_of_notices(self) -> bool:
        return bool(self.resources) and all(notices.is_meant(name) for name in self.resources)

    def next_query(self, after: int, *, id: str | None) -> str:  # noqa: A002  # the event's member
        """What goes on behind this number, named by the id that stands there; the rest as it was asked.

        The id of another database is noticed, a number is not.
        """
        same = {"resource": self.resources, "kind": self.kinds, "compact": self.is_compact}
        limit = None if self.limit == DEFAULT_LIMIT else self.limit
        timeout = int(self.timeout_seconds * 1000) or None
        return queries.written(
            same, limit=limit, timeout=timeout, lastEventId=id, after=after if after and id is None else None
        )


def read(request: Request) -> Asked:
    """BadQuery with the parameter's name and what it may be."""
    for name in request.query_params:
        if name not in _NAMES:
            raise BadQuery(f'there is no parameter "{name[:60]}"', did_you_mean(name, _NAMES))
    last_id, after, since = _begin(request)
    limit, timeout = queries.number(request, "limit"), queries.number(request, "timeout")
    if limit is not None and not 1 <= limit <= MOST:
        raise BadQuery(f"limit={limit} is not possible", f"write 1 to {MOST:,}")
    asked = Asked(
        last_id=last_id,
        after=after,
        since=since,
        resources=queries.every(request, "resource"),
        kinds=_kinds(request),
        limit=DEFAULT_LIMIT if limit is None else limit,
        timeout_seconds=min(timeout or 0, LONGEST_MS) / 1000,
        is_compact=_is_compact(request),
    )
    _check_notices(asked)
    return asked


def _begin(request: Request) -> tuple[str | None, int | None, datetime | None]:
    """Where to begin. What comes back to a stream asks for the same address again, and its header has the id that it
    came to: so that counts.
    """
    header = _id(request.headers.get("last-event-id"))
    if header is not None:
        return header, None, None
    found = (_id(queries.one(request, "lastEventId")), queries.number(request, "after"), _moment(request))
    if sum(each is not None for each in found) > 1:
        raise BadQuery("lastEventId, after and since each say where to begin", "give one of them")
    return found


def _id(text: str | None) -> str | None:
    text = (text or "").strip()
    return None if text in {"", "null"} else text


def _kinds(request: Request) -> tuple[str, ...]:
    found: list[str] = []
    for pattern in queries.every(request, "kind"):
        meant = [kind for kind in _KINDS if fnmatchcase(kind, pattern)]
        if not meant:
            raise BadQuery(f'kind: there is no "{pattern[:60]}"', did_you_mean(pattern, _KINDS))
        found += meant
    return tuple(dict.fromkeys(found))


def _is_compact(request: Request) -> bool:
    text = queries.one(request, "compact")
    if text is not None and text.lower() not in {"1", "true", "yes", "on", "0", "false", "no", "off"}:
        raise BadQuery(f'compact="{text[:60]}" says neither yes nor no', "write compact=true, or leave it out")
    return queries.is_on(request, "compact")


def _moment(request: Request) -> datetime | None:
    text = queries.one(request, "since")
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        raise BadQuery(f'since="{text[:60]}" is no time', "write since=2026-11-22T10:00:00Z") from None


def _check_notices(asked: Asked) -> None:
    """Notices are read apart, and by nothing but their types and their order."""
    if not any(notices.is_meant(name) for name in asked.resources):
        return
    if not asked.is_of_notices:
        raise BadQuery("resource: notices and changes are two logs", "read them apart: resource=mirrorpoint.* alone")
    for name, is_there in (("since", asked.since), ("kind", asked.kinds), ("compact", asked.is_compact)):
        if is_there:
            raise BadQuery(f"{name} is about changes, and resource asks for notices", f"leave {name} out")
