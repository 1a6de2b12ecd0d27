"""Whether promises are kept, judged on the starts of complete scans and heads; each breach is told once, and its end.

Called by housekeeping when something may have changed. That is one read; something is written only where a promise is
broken or kept again, and however many processes judge, one of them tells it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from changes.cadence import judging
from changes.cadence.terms import Promise
from changes.notices import Notice
from storage import notices, outbox, promises, scan_costs
from storage.promises import Standing
from storage.scan_costs import Look
from storage.session import Session
from tasks.log_lines import Logger
from tasks.scan.head_state import HeadState
from tasks.services import Services

log = Logger("mirrorpoint.plan")

#: Edges in one transaction: after an outage there may be hundreds, and deliveries wait meanwhile.
_AT_A_TIME = 50
#: Lists of one source with a line each; after a pause every list is late, and one line says how many.
_MOST_LINES = 3
#: At most so long nothing changes: after this another plan may have been made.
MOST_REST_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class _Edge:
    """A promise that is broken from now on, or kept again."""

    standing: Standing
    which: Promise
    is_broken: bool
    since: datetime  #: when it was broken
    observed_seconds: float  #: the greatest age that was seen


def judge(services: Services) -> float:
    """Every promise of every resource that is configured; for how many seconds nothing can change from now on.

    0 where a promise is broken, for the next look may keep it again.
    """
    now = services.now()
    with services.database.read() as session:
        standings = [each for each in promises.standings(session) if _is_mirrored(services, each)]
        edges = [edge for each in standings for edge in _edges(session, each, now)]
    # In the order in which plans are written.
    edges.sort(key=lambda edge: (edge.standing.source, edge.standing.resource))
    told: list[_Edge] = []
    for start in range(0, len(edges), _AT_A_TIME):
        told += _write(services, edges[start : start + _AT_A_TIME], now)
    _log(told)
    return 0.0 if edges else min((_rest_seconds(each, now) for each in standings), default=MOST_REST_SECONDS)


def _rest_seconds(standing: Standing, now: datetime) -> float:
    """For how long each of its promises stays as it is, whether a scan comes or not; at most `MOST_REST_SECONDS`."""
    if standing.broken_at:
        return 0.0
    seconds = MOST_REST_SECONDS
    for which, promised in standing.promises.items():
        until = _seen_until(which, standing)
        if until is not None:
            seconds = min(seconds, judging.broken_after_seconds(promised) - (now - until).total_seconds())
    return max(0.0, seconds)


def _seen_until(which: Promise, standing: Standing) -> datetime | None:
    return judging.seen_until(
        which,
        has_heads=standing.has_heads,
        full_started_at=standing.last_complete_started_at,
        head_started_at=HeadState.from_json(standing.head).started_at if standing.has_heads else None,
    )


def _is_mirrored(services: Services, standing: Standing) -> bool:
    source = services.sources.get(standing.source)
    return source is not None and standing.resource in source.catalogue.resources


def _edges(session: Session, standing: Standing, now: datetime) -> Iterator[_Edge]:
    for which, promised in standing.promises.items():
        until = _seen_until(which, standing)
        if until is None:
            continue
        since, age = standing.broken_at.get(which), (now - until).total_seconds()
        if since is None:
            if judging.is_broken(promised, age, promised_at=standing.promised_at, now=now):
                since = min(now, max(until, standing.promised_at or until) + timedelta(seconds=promised))
                yield _Edge(standing, which, True, since, age)
        elif age <= promised:
            last, *before = _looks(session, standing, which) or [Look(until, until)]
            between = (last.started_at - before[0].started_at).total_seconds() if before else None
            if judging.is_kept_again(promised, age, between):
                mended = before[0] if between is not None and between <= promised else last
                yield _Edge(standing, which, False, since, promised + (mended.ended_at - since).total_seconds())


def _looks(session: Session, standing: Standing, which: Promise) -> list[Look]:
    """The last two that see such changes, the latest first."""
    looks = scan_costs.looks(session, standing.source, standing.resource, last=2)
    if which is Promise.CREATED and standing.has_heads:
        head = HeadState.from_json(standing.head)
        looks += [Look(each, each) for each in (head.started_at, head.before_at) if each is not None]  # they are short
    return sorted(looks, reverse=True)[:2]


def _write(services: Services, edges: list[_Edge], now: datetime) -> list[_Edge]:
    """Put them on record; those that no other process had told before."""
    told: list[_Edge] = []
    with services.database.write() as session:
        outbox.lock(session)  # before any row: who writes changes takes them in this order
        for edge in edges:
            at = (edge.standing.source, edge.standing.resource, edge.which)
            if edge.is_broken:
                is_mine = promises.note_broken(session, *at, since=edge.since)
            else:
                is_mine = promises.note_kept(session, *at)
            if is_mine:
                _tell(session, services, edge, now)
                told.append(edge)
    return told


def _log(told: list[_Edge]) -> None:
    """A line for each list that is late now, or is in time again; what changes in between goes to DEBUG."""
    lists: dict[tuple[str, str], list[_Edge]] = {}
    for edge in told:
        lists.setdefault((edge.standing.source, edge.standing.resource), []).append(edge)
    turned: dict[tuple[str, bool], list[list[_Edge]]] = {}
    for (source, _), edges in lists.items():
        was, is_broken = _were_broken(edges), _are_broken(edges)
        if was == is_broken:
            log.debug("promises_changed", **_line(edges))
        else:
            turned.setdefault((source, is_broken), []).append(edges)
    for (source, is_broken), of_lists in turned.items():
        write, event = (log.warning, "promise_broken") if is_broken else (log.info, "promise_kept")
        if len(of_lists) > _MOST_LINES:
            first = of_lists[0][0].standing.resource
            write(event, source=source, promises=sum(map(len, of_lists)), resources=len(of_lists), first=first)
            continue
        for edges in of_lists:
            write(event, **_line(edges))


def _were_broken(edges: list[_Edge]) -> bool:
    """Whether any promise of the list was broken before; those that are none any more do not count."""
    standing = edges[0].standing
    return not standing.broken_at.keys().isdisjoint(standing.promises)


def _are_broken(edges: list[_Edge]) -> bool:
    """The same with what has changed."""
    standing, now = edges[0].standing, {edge.which: edge.is_broken for edge in edges}
    return any(now.get(which, which in standing.broken_at) for which in standing.promises)


def _line(edges: list[_Edge]) -> dict[str, str | float]:
    """What a list's edges say together: the shortest of its promises, and the greatest age that was seen."""
    return {
        **_data(edges[0]),
        "which": ", ".join(edge.which.value for edge in edges),
        "promised_seconds": min(edge.standing.promises[edge.which] for edge in edges),
        "observed_seconds": max(round(edge.observed_seconds, 1) for edge in edges),
        "since": min(edge.since for edge in edges).isoformat(),
    }


def _tell(session: Session, services: Services, edge: _Edge, now: datetime) -> None:
    type_ = Notice.PROMISE_BROKEN if edge.is_broken else Notice.PROMISE_KEPT
    asking = notices.asking(session, services.routes, type_)
    subject = f"{edge.standing.source}/{edge.standing.resource}"
    notices.add(session, type=type_, subject=subject, data=_data(edge), now=now, points=asking)


def _data(edge: _Edge) -> dict[str, str | float]:
    return {
        "source": edge.standing.source,
        "resource": edge.standing.resource,
        "which": edge.which.value,
        "promised_seconds": edge.standing.promises[edge.which],
        "observed_seconds": round(edge.observed_seconds, 1),
        "since": edge.since.isoformat(),
    }
