"""Deliveries that a person wants tried again: those that have ended, and those that wait for their next attempt.

Called by `deliveries retry`. None of them may overtake: what a point has of a record never becomes older by it.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, or_, select, text, update
from sqlalchemy.orm import aliased
from sqlmodel import col

from storage import erasures, outbox, outbox_sql, point_health, sql, superseded
from storage.session import Session
from storage.states import DeliveryState
from storage.tables import ChangeRow, DeliveryRow, NoticeRow

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
    statement = select(text("count(*)")).select_from(DeliveryRow)
    return int(sql.run(session, statement.where(*chosen.conditions(DeliveryRow, states))).scalar() or 0)


@dataclass(frozen=True, slots=True)
class _Chosen:
    ids: Collection[int] | None
    points: Collection[str] | None
    since: datetime | None
    until: datetime | None

    def conditions(self, row: Any, states: Collection[str]) -> list[ColumnElement[bool]]:
        which: list[ColumnElement[bool]] = [col(row.state).in_(sorted(states))]
        if self.ids is not None:
            which.append(col(row.id).in_(self.ids))
        if self.points is not None:
            which.append(col(row.point).in_(sorted(self.points)))
        if self.since is not None:
            which.append(col(row.created_at) >= self.since)
        if self.until is not None:
            which.append(col(row.created_at) < self.until)
        return which


def _revive(session: Session, chosen: _Chosen, states: Collection[str], concerned: set[str], *, now: datetime) -> Again:
    """What has ended is owed again, unless it would arrive behind a newer version of its record."""
    if not states:
        return Again()
    statement = select(
        col(DeliveryRow.id),
        col(DeliveryRow.point),
        col(DeliveryRow.record),
        col(DeliveryRow.state),
        _IS_BEING_SENT.label("is_sending"),
        _is_superseded(chosen, states).label("late"),
        _IS_ERASED.label("erased"),
    ).where(*chosen.conditions(DeliveryRow, states))
    found = sql.run(session, statement).all()
    again = [row for row in found if not (row.late or row.erased)]
    for ids in outbox.chunks([row.id for row in again]):
        sql.run(session, outbox_sql.KEEP_TOLD, {"ids": ids})
        sql.run(session, _REVIVE.where(col(DeliveryRow.id).in_(ids)))
    records = list(dict.fromkeys((row.point, row.record) for row in again))
    if records:
        # An older event that is owed again goes before a newer one that has been waiting for its next attempt.
        sql.run(session, outbox_sql.DEMOTE, [{"point": point, "record": record} for point, record in records])
        outbox.promote(session, records, now=now)
        concerned.update(point for point, _ in records)
    dead = [row for row in found if row.state == DeliveryState.DEAD]
    superseded.skip(session, [row.id for row in dead if row.erased], reason=erasures.REASON, now=now)
    # While one of the record is being sent, nobody knows whether it arrives.
    over = [row.id for row in dead if row.late and not (row.erased or row.is_sending)]
    superseded.skip(session, over, reason=superseded.REASON, now=now)
    erased = sum(bool(row.erased) for row in found)
    return Again(len(again), len(found) - len(again) - erased, erased)


def _is_superseded(chosen: _Chosen, states: Collection[str]) -> ColumnElement[bool]:
    """The point has, or is being sent, a newer event of the record that does not go out again as well.

    Found by way of the change log or the notices, which have an index for the record; deliveries that have ended have
    none.
    """
    this, later, newer = aliased(ChangeRow), aliased(ChangeRow), aliased(DeliveryRow)
    has_newer_change = exists(
        select(1)
        .select_from(this)
        .join(later, _same_record(this, later))
        .join(newer, and_(col(newer.change_seq) == col(later.seq), col(newer.point) == col(DeliveryRow.point)))
        .where(col(this.seq) == col(DeliveryRow.change_seq), _is_ahead(newer, chosen, states))
    )
    about, other, told = aliased(NoticeRow), aliased(NoticeRow), aliased(DeliveryRow)
    has_newer_notice = exists(
        select(1)
        .select_from(about)
        .join(other, col(other.subject) == col(about.subject))
        .join(told, and_(col(told.notice_id) == col(other.id), col(told.point) == col(DeliveryRow.point)))
        .where(
            col(about.id) == col(DeliveryRow.notice_id),
            col(told.id) > col(DeliveryRow.id),
            _is_ahead(told, chosen, states),
        )
    )
    return or_(has_newer_change, has_newer_notice)


def _is_ahead(newer: Any, chosen: _Chosen, states: Collection[str]) -> ColumnElement[bool]:
    goes_out_too = and_(*chosen.conditions(newer, states))
    return or_(
        col(newer.state) == DeliveryState.LEASED, and_(col(newer.state) == DeliveryState.DELIVERED, ~goes_out_too)
    )


def _same_record(this: Any, later: Any) -> ColumnElement[bool]:
    names = ("source", "resource", "parent_key", "key")
    same = [col(getattr(later, name)) == col(getattr(this, name)) for name in names]
    return and_(*same, col(later.version) > col(this.version))


def _hurry(session: Session, chosen: _Chosen, concerned: set[str], *, now: datetime) -> Again:
    """The heads of all records that something chosen is owed of."""
    owed = aliased(DeliveryRow, name="owed")
    has_chosen = exists(
        select(1).where(
            col(owed.point) == col(DeliveryRow.point),
            col(owed.record) == col(DeliveryRow.record),
            text("owed.state IN ('due', 'leased')"),
            *chosen.conditions(owed, (DeliveryState.DUE,)),
        )
    )
    ahead = (text("state = 'due'"), col(DeliveryRow.due_at).is_not(None), col(DeliveryRow.due_at) > now)
    statement = update(DeliveryRow).where(*ahead, has_chosen).values(due_at=now, attempts=0, losses=0)
    found = sql.run(session, statement.returning(col(DeliveryRow.point))).scalars().all()
    concerned.update(found)
    if chosen.points is not None:
        concerned.update(chosen.points)
    return Again(len(found))


_IS_ERASED = exists(select(1).where(col(ChangeRow.seq) == col(DeliveryRow.change_seq), col(ChangeRow.salt).is_(None)))
_UNDER_WAY = aliased(DeliveryRow, name="under_way")
# What is said twice of the state lets both databases use the index of what is owed.
_IS_BEING_SENT = exists(
    select(1).where(
        col(_UNDER_WAY.point) == col(DeliveryRow.point),
        col(_UNDER_WAY.record) == col(DeliveryRow.record),
        text("under_way.state IN ('due', 'leased') AND under_way.state = 'leased'"),
    )
)
_REVIVE = update(DeliveryRow).values(state=DeliveryState.DUE, due_at=None, attempts=0, losses=0, delivered_at=None)
