"""Deliveries that a person wants tried again: those that have ended, and those that wait for their next attempt.

Called by `deliveries retry`. None of them may overtake: what a point has of a record never becomes older by it.
"""

# ruff: noqa: S608  # values are parameters
from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from storage import erasures, outbox, outbox_sql, point_health, sql, superseded
from storage.session import Session
from storage.states import DeliveryState

#: States from which a person may have a delivery tried again; one that is `due` is only hurried.
ENDED = (DeliveryState.DEAD, DeliveryState.SKIPPED, DeliveryState.DELIVERED)


@dataclass(frozen=True, slots=True)
class Again:
    """What came of it."""

    retried: int = 0  #: due now
    superseded: int = 0  #: left as they are: the point has a newer version of the record, or is just being sent one
    erased: int = 0  #: left as they are: what they told of was erased

    def __add__(self, other: Again) -> Again:
        return Again(self.retried + other.retried, self.superseded + other.superseded, self.erased + other.erased)


def retry(
    session: Session,
    *,
    now: datetime,
    ids: Collection[int] | None = None,
    points: Collection[str] | None = None,
    states: Collection[str] = (DeliveryState.DEAD,),
    since: datetime | None = None,
    until: datetime | None = None,
) -> Again:
    """Make due now what has ended, and what waits for its next attempt, each with all its attempts before it.

    They keep the order of the change log among themselves and with what the point is owed of the same records. One that
    waits behind an older event of its record has that one hurried, since it goes first. A dead one that cannot be tried
    any more, since the point has a newer version or its content was erased, is skipped: nothing is left to be done.
    """
    wrong = set(states) - {*ENDED, DeliveryState.DUE}
    if wrong:
        raise ValueError(f"what is {', '.join(sorted(wrong))} cannot be tried again; possible: due, {', '.join(ENDED)}")
    outbox.lock(session)
    end, concerned = Again(), set[str]()
    for part in outbox.chunks(sorted(ids)) if ids is not None else [None]:
        chosen = _Chosen(part, points, since, until)
        end += _revive(session, chosen, [state for state in states if state != DeliveryState.DUE], concerned, now=now)
        if DeliveryState.DUE in states:
            end += _hurry(session, chosen, concerned, now=now)
    point_health.end_pause(session, concerned, now=now)
    return end


def count(
    session: Session,
    *,
    points: Collection[str] | None = None,
    states: Collection[str],
    since: datetime | None = None,
    until: datetime | None = None,
) -> int:
    """How many there are in these states, among them those that wait behind another."""
    chosen = _Chosen(None, points, since, until)
    text = f"SELECT count(*) FROM mirrorpoint_delivery AS delivery WHERE {chosen.which(session, 'delivery', states)}"
    ((number,),) = sql.rows(session, text, **chosen.values)
    return int(number)


@dataclass(frozen=True, slots=True)
class _Chosen:
    """What was named, None for what was not."""

    ids: Collection[int] | None
    points: Collection[str] | None
    since: datetime | None
    until: datetime | None

    def which(self, session: Session, row: str, states: Collection[str]) -> str:
        """The condition on the delivery that a statement with `values` calls `row`."""
        conditions = {
            f"{row}.id {sql.among(session, 'ids')}": self.ids,
            f"{row}.point {sql.among(session, 'points')}": self.points,
            f"{row}.created_at >= :since": self.since,
            f"{row}.created_at < :until": self.until,
        }
        named = [condition for condition, value in conditions.items() if value is not None]
        return " AND ".join([f"{row}.state {outbox_sql.among_states(states)}", *named])

    @property
    def values(self) -> dict[str, Any]:
        ids, points = tuple(self.ids or ()), tuple(sorted(self.points or ()))
        return {"ids": ids, "points": points, "since": self.since, "until": self.until}


class _Ended(NamedTuple):
    """A delivery that may be owed again; SQLite has 0 and 1 for its answers."""

    id: int
    point: str
    record: str
    state: str
    is_sending: bool  #: an event of the record is under way
    is_late: bool  #: it would arrive behind a newer version
    is_erased: bool


def _revive(session: Session, chosen: _Chosen, states: Collection[str], concerned: set[str], *, now: datetime) -> Again:
    """What has ended is owed again, unless it would arrive behind a newer version of its record."""
    if not states:
        return Again()
    text = f"""
        SELECT delivery.id, delivery.point, delivery.record, delivery.state, {_IS_BEING_SENT},
            {_is_superseded(session, chosen, states)}, {_IS_ERASED}
        FROM mirrorpoint_delivery AS delivery WHERE {chosen.which(session, "delivery", states)}
    """
    found = [_Ended(*row) for row in sql.rows(session, text, **chosen.values)]
    again = [row for row in found if not (row.is_late or row.is_erased)]
    for ids in outbox.chunks([row.id for row in again]):
        sql.change(session, outbox_sql.keep_told(session), ids=tuple(ids))
        sql.change(session, f"{_REVIVE} WHERE id {sql.among(session, 'ids')}", ids=tuple(ids))
    records = list(dict.fromkeys((row.point, row.record) for row in again))
    if records:
        # An older event that is owed again goes before a newer one that has been waiting for its next attempt.
        named = [{"point": point, "record": record} for point, record in records]
        sql.change_each(session, outbox_sql.DEMOTE, named)
        outbox.promote(session, records, now=now)
        concerned.update(point for point, _ in records)
    dead = [row for row in found if row.state == DeliveryState.DEAD]
    superseded.skip(session, [row.id for row in dead if row.is_erased], reason=erasures.REASON, now=now)
    # While one of the record is being sent, nobody knows whether it arrives.
    over = [row.id for row in dead if row.is_late and not (row.is_erased or row.is_sending)]
    superseded.skip(session, over, reason=superseded.REASON, now=now)
    erased = sum(bool(row.is_erased) for row in found)
    return Again(len(again), len(found) - len(again) - erased, erased)


def _is_superseded(session: Session, chosen: _Chosen, states: Collection[str]) -> str:
    """The point has, or is being sent, a newer event of the record that does not go out again as well.

    Found by way of the change log or the notices, which have an index for the record; deliveries that have ended have
    none.
    """
    goes_out_too = chosen.which(session, "newer", states)
    is_ahead = f"(newer.state = 'leased' OR (newer.state = 'delivered' AND NOT ({goes_out_too})))"
    return f"""
        EXISTS (
            SELECT 1 FROM mirrorpoint_change AS this
            JOIN mirrorpoint_change AS later ON later.source = this.source AND later.resource = this.resource
                AND later.parent_key = this.parent_key AND later.key = this.key AND later.version > this.version
            JOIN mirrorpoint_delivery AS newer ON newer.change_seq = later.seq AND newer.point = delivery.point
            WHERE this.seq = delivery.change_seq AND {is_ahead}
        ) OR EXISTS (
            SELECT 1 FROM mirrorpoint_notice AS this
            JOIN mirrorpoint_notice AS other ON other.subject = this.subject
            JOIN mirrorpoint_delivery AS newer ON newer.notice_id = other.id AND newer.point = delivery.point
            WHERE this.id = delivery.notice_id AND newer.id > delivery.id AND {is_ahead}
        )
    """


def _hurry(session: Session, chosen: _Chosen, concerned: set[str], *, now: datetime) -> Again:
    """The heads of all records that something chosen is owed of."""
    text = f"""
        UPDATE mirrorpoint_delivery SET due_at = :now, attempts = 0, losses = 0
        WHERE state = 'due' AND due_at IS NOT NULL AND due_at > :now AND EXISTS (
            SELECT 1 FROM mirrorpoint_delivery AS owed
            WHERE owed.point = mirrorpoint_delivery.point AND owed.record = mirrorpoint_delivery.record
                AND owed.state IN ('due', 'leased') AND {chosen.which(session, "owed", (DeliveryState.DUE,))}
        )
        RETURNING point
    """
    found = [point for (point,) in sql.rows(session, text, now=now, **chosen.values)]
    concerned.update(found)
    if chosen.points is not None:
        concerned.update(chosen.points)
    return Again(len(found))


_IS_ERASED = """EXISTS (
    SELECT 1 FROM mirrorpoint_change WHERE seq = delivery.change_seq AND salt IS NULL
)"""
# What is said twice of the state lets both databases use the index of what is owed.
_IS_BEING_SENT = """EXISTS (
    SELECT 1 FROM mirrorpoint_delivery AS under_way
    WHERE under_way.point = delivery.point AND under_way.record = delivery.record
        AND under_way.state IN ('due', 'leased') AND under_way.state = 'leased'
)"""
_REVIVE = """
    UPDATE mirrorpoint_delivery
    SET state = 'due', due_at = NULL, attempts = 0, losses = 0, delivered_at = NULL
"""
