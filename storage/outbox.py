"""Deliveries: owed in the page's transaction, leased when due, settled with their outcome; a record's events in order.

Called by the scan step and `notices.py` (`owe`), the delivery step (`lease_due`, `settle`) and `points.py`
(`skip_owed`). What people ask of deliveries is in `deliveries.py`.

Of the events that a point is owed for one record only the first has a due time: it is the head, and the others wait
behind it without one. So an index alone finds what is due, however many wait behind failing heads. Whoever takes a head
away promotes the next. On PostgreSQL a lock keeps an event from being put behind a head that is just being settled.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

from changes import clocks
from changes.pauses import doubled
from storage import locks, outbox_sql, point_backoff, point_rates, sql, tally
from storage.locks import Lock
from storage.outbox_outcomes import Leased, Outcome, attempt, leased_as, settled
from storage.session import Session
from storage.states import DeliveryState
from storage.tally import Counted, Key

__all__ = ["Leased", "Outcome", "Owed"]

#: Statements with a list in them stay below every driver's limit of parameters.
CHUNK = 500
#: A delivery rests if its process ended so often before there was an outcome, and twice as long each further time.
LOSSES = 5
LOSS_SECONDS, LOSS_MOST_SECONDS, LOSS_APART_SECONDS = 10, 3600, 0.5
#: A delivery that was never attempted is never due later than this, the longest pause of a breaker.
LONGEST_WAIT_UNTOUCHED = timedelta(minutes=5)
#: What is due within this time need not be hurried: a receiver that is overloaded keeps its short pauses.
SOON = timedelta(minutes=1)
#: More attempts than there can be.
LARGEST_COUNT = 2**31 - 1
#: No caller leases for longer.
LONGEST_LEASE_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class Owed:
    """One event owed to one point."""

    change_seq: int | None  #: None: it is a notice
    point: str
    record: str  #: the event's partition key
    notice_id: str | None = None
    event_id: str | None = None  #: None: its change's, or its notice's own


def owe(session: Session, owed: Collection[Owed], *, now: datetime) -> None:
    """Write down what is owed; deliveries that are there already stay as they are."""
    if not owed:
        return
    lock(session)
    rows = [
        {
            "change_seq": item.change_seq,
            "notice_id": item.notice_id,
            "event_id": item.event_id,
            "point": item.point,
            "record": item.record,
            "now": now,
        }
        for item in sorted(owed, key=lambda item: item.change_seq or 0)  # the first of a record becomes the head
    ]
    sql.change_each(session, outbox_sql.OWE, rows)


def lease_due(
    session: Session,
    *,
    now: datetime,
    lease_seconds: float,
    limit: int,
    per_point: Mapping[str, int],
    at_once: int,
    held: Mapping[str, int] = MappingProxyType({}),
    rates: Mapping[str, float] = MappingProxyType({}),
    holder: str | None = None,
) -> list[Leased]:
    """Take deliveries that are due, in the order of the change log; of each record only the first that is owed.

    `per_point` names the points, with how many the caller wants to have leased in all; `held` says how many it has.
    If another process has leased some of a point too, all together get no more than `at_once`: no point may have more
    under way, although processes lease ahead. When `limit` cuts, each point has a turn before one gets a second.
    At a point with a rate (starts a second, over all processes) each delivery is given the time at which it may begin.
    `holder` is the process: when it dies, they are freed early.
    """
    lock(session)
    take_back(session, now)
    room: dict[str, int] = {}
    taken = dict(sql.rows(session, outbox_sql.UNDER_WAY))
    for point, most in per_point.items():
        own, all_ = held.get(point, 0), taken.get(point, 0)
        room[point] = most - own if all_ <= own else min(most, at_once) - all_
    starts = point_rates.free(session, rates, now=now)
    room.update({point: min(room.get(point, 0), start.count) for point, start in starts.items()})
    chosen = _choose(session, {point: count for point, count in room.items() if count > 0}, now=now, limit=limit)
    until = now + timedelta(seconds=lease_seconds)
    leased = [
        leased_as(row)
        for ids in chunks(chosen)
        for row in sql.rows(session, outbox_sql.lease(session), ids=tuple(ids), until=until, holder=holder)
    ]
    leased.sort(key=lambda item: (item.change_seq or 0, item.point, item.id))
    if not starts:
        return leased
    times = point_rates.reserve(session, leased, starts)
    return [replace(item, start_at=at) for item, at in zip(leased, times, strict=True)]


def renew(session: Session, leased: Sequence[Leased], *, now: datetime, lease_seconds: float) -> list[Leased]:
    """Extend these leases from now on; returns those that another process has taken meanwhile."""
    lock(session)
    ours, lost = _sorted_out(session, leased)
    until = now + timedelta(seconds=lease_seconds)
    sql.change_each(session, outbox_sql.RENEW, [{"id": item.id, "until": until} for item in ours])
    return lost


def give_back(session: Session, leased: Sequence[Leased], *, now: datetime) -> None:
    """Give these leases back: the deliveries were not attempted, and are due."""
    lock(session)
    ours, _ = _sorted_out(session, leased)
    sql.change_each(session, outbox_sql.GIVE_BACK, [{"id": item.id, "now": now} for item in ours])


def settle(session: Session, outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Write the outcomes; returns those that counted.

    An outcome does not count if another process took its lease meanwhile; its attempt is kept all the same.
    """
    if not outcomes:
        return []
    lock(session)
    ours, _ = _sorted_out(session, [outcome.leased for outcome in outcomes])
    ids = {item.id for item in ours}
    counted = [outcome for outcome in outcomes if outcome.leased.id in ids]
    sql.change_each(session, outbox_sql.SETTLE, [settled(outcome) for outcome in counted])
    attempted = [outcome for outcome in outcomes if outcome.attempted_at is not None]
    sql.change_each(session, outbox_sql.NOTE_ATTEMPT, [attempt(outcome) for outcome in attempted])
    ended = [outcome for outcome in counted if outcome.state != DeliveryState.DUE]
    if ended:
        promote(session, [(o.leased.point, o.leased.record) for o in ended], now=ended[-1].settled_at)
    return counted


def promote(session: Session, records: Iterable[tuple[str, str]], *, now: datetime) -> None:
    """For each (point, record) make the first delivery that is owed the head, unless one of them is under way."""
    rows = [{"point": point, "record": record, "now": now} for point, record in dict.fromkeys(records)]
    sql.change_each(session, outbox_sql.PROMOTE, rows)


def skip_owed(session: Session, point: str, *, reason: str, now: datetime) -> int:
    """Skip what is owed, since the point does not receive any more; returns how many. What is under way may arrive."""
    lock(session)
    skipped = sql.change(session, outbox_sql.SKIP, point=point, reason=reason)
    tally.add(session, {Key(Counted.DELIVERIES, (point, DeliveryState.SKIPPED.value)): skipped}, now=now)
    return skipped


def catch_up(session: Session, points: Mapping[str, int | None], *, now: datetime) -> None:
    """These points answer well again: what waits for long and failed at most so often (None: any number) is due now."""
    lock(session)
    rows = [
        {
            "point": point,
            "now": now,
            "soon": now + SOON,
            "most": LARGEST_COUNT if most is None else most,
            "losses": LOSSES,
        }
        for point, most in sorted(points.items())
    ]
    sql.change_each(session, outbox_sql.CATCH_UP, rows)


def waiting(session: Session) -> dict[str, datetime]:
    """Each point that is owed something that is not under way, with the time at which the first of it is due."""
    return {point: due_at for point, due_at, _ in _waiting(session)}


def untouched_ahead(session: Session, *, now: datetime) -> set[str]:
    """Points whose first delivery was never attempted and is due much later: a clock that was ahead wrote that."""
    latest = clocks.latest(now, LONGEST_WAIT_UNTOUCHED)
    return {point for point, due_at, tries in _waiting(session) if not tries and due_at > latest}


def _waiting(session: Session) -> list[tuple[str, datetime, int]]:
    return [(point, due_at, tries) for point, due_at, tries in sql.rows(session, outbox_sql.WAITING)]


def paused(session: Session) -> dict[str, datetime]:
    """Each point whose breaker is not closed, with the end of its pause; after that one delivery may be attempted."""
    return dict(point_backoff.read(session).until)


def next_due_at(
    session: Session, *, now: datetime | None = None, pauses: point_backoff.Pauses | None = None
) -> datetime | None:
    """When there may be work: a delivery is due, or a lease has run out; None if nothing is owed.

    What is owed to a point that a person has paused is no work.
    """
    now = now or datetime.now(UTC)
    due: list[datetime] = [ends_at for (ends_at,) in sql.rows(session, outbox_sql.FIRST_LEASE)]
    waiting = _waiting(session)
    if not waiting:  # mostly so, and the clock asks often: then no pause of a point matters
        return min(due, default=None)
    pauses = pauses or point_backoff.read(session, now=now)
    for point, due_at, tries in waiting:
        is_wrong = point in pauses.ahead or (not tries and due_at > clocks.latest(now, LONGEST_WAIT_UNTOUCHED))
        if point not in pauses.by_hand:
            starts_at = pauses.starts[point] - point_rates.AHEAD if point in pauses.starts else due_at
            due.append(now if is_wrong else max(due_at, starts_at, pauses.until.get(point, due_at)))
    return min(due, default=None)


def lock(session: Session) -> None:
    """Take the lock; a caller that needs the time reads the clock afterwards, since this may wait.

    A transaction that appends to the change log as well takes the log's lock first (`change_log.lock`).
    """
    locks.take(session, Lock.OUTBOX)


def take_back(session: Session, now: datetime) -> None:
    """Make due again what was leased by processes that have ended.

    If an attempt ends its process, deliveries that were leased beside it suffer too. So what was lost again and again
    rests, and comes back one by one: then the others arrive, and only the culprit goes on resting.
    """
    latest = clocks.latest(now, timedelta(seconds=LONGEST_LEASE_SECONDS))
    rows: list[dict[str, object]] = []
    for number, (id_, before) in enumerate(sql.rows(session, outbox_sql.LOST, now=now, latest=latest)):
        losses, due_at, error = before + 1, now, None
        if losses >= LOSSES:
            rest_seconds = doubled(LOSS_SECONDS, losses - LOSSES + 1, LOSS_MOST_SECONDS)
            due_at = now + timedelta(seconds=rest_seconds + number * LOSS_APART_SECONDS)
            error = f"the process that attempted it has ended {losses} times"
        rows.append({"id": id_, "due_at": due_at, "losses": losses, "error": error})
    sql.change_each(session, outbox_sql.TAKE_BACK, rows)


def _choose(session: Session, room: Mapping[str, int], *, now: datetime, limit: int) -> list[int]:
    if not room or limit <= 0:
        return []
    due = outbox_sql.DUE[session.dialect]
    rounds: dict[str, int] = {}
    chosen: list[tuple[int, int]] = []
    for id_, point in sql.rows(session, due, points=sorted(room), now=now, most=max(room.values())):
        turn = rounds[point] = rounds.get(point, 0) + 1
        if turn <= room[point]:
            chosen.append((turn, id_))
    chosen.sort(key=lambda item: item[0])
    return [id_ for _, id_ in chosen[:limit]]


def _sorted_out(session: Session, leased: Sequence[Leased]) -> tuple[list[Leased], list[Leased]]:
    """Those whose lease is still theirs, and the others."""
    fences: dict[int, int] = {}
    for ids in chunks([item.id for item in leased]):
        fences.update(sql.rows(session, outbox_sql.held(session), ids=tuple(ids)))
    ours = [item for item in leased if fences.get(item.id) == item.fence]
    return ours, [item for item in leased if fences.get(item.id) != item.fence]


def chunks(ids: Sequence[int]) -> Iterable[Sequence[int]]:
    return (ids[start : start + CHUNK] for start in range(0, len(ids), CHUNK))
