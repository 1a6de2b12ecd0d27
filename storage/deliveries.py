"""What people ask of deliveries: how many there are, which, and what came of each attempt.

Called by the commands `deliveries`, `deliver` and `status`. The way of a delivery is in `outbox.py`, what people order
for them in `deliveries_again.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_, select, text
from sqlmodel import col

from changes.records import Id
from storage import outbox, outbox_sql, sql
from storage.deliveries_again import Again, retry
from storage.outbox_outcomes import is_once_more
from storage.session import Session
from storage.tables import AttemptRow, ChangeRow, DeliveryRow, PointRow

__all__ = ["Again", "Counts", "Record", "attempts", "codes", "counts", "find", "last_answered", "owed_since"]
__all__ += ["read", "read_told", "resting", "retry"]


@dataclass(frozen=True, slots=True)
class Counts:
    """What there is for one point; how many were delivered is in its row."""

    due: int = 0  #: owed: due now or later, or under way
    dead: int = 0
    first_id: int | None = field(default=None, compare=False)  #: of what is owed, what was written down first


@dataclass(frozen=True, slots=True)
class Record:
    """Whose events are meant."""

    source: str
    resource: str
    id: Id


def counts(session: Session) -> dict[str, Counts]:
    """Per code, for those of which there is something."""
    rows = sql.run(session, outbox_sql.COUNTS)
    return {row.point: Counts(int(row.due), int(row.dead), row.first_id) for row in rows}


def owed_since(session: Session, found: Mapping[str, Counts]) -> dict[str, datetime]:
    """Since when each point waits for the oldest of what it is owed; of what is sent once more, when that is due."""
    names = ("point", "created_at", "due_at", "event_id", "last_status")
    statement = select(*(col(getattr(DeliveryRow, name)) for name in names))
    since: dict[str, datetime] = {}
    for ids in outbox.chunks([each.first_id for each in found.values() if each.first_id is not None]):
        for row in sql.run(session, statement.where(col(DeliveryRow.id).in_(ids))):
            at = row.due_at if is_once_more(row.event_id, row.last_status) else row.created_at
            if at is not None:
                since[row.point] = at
    return since


def read(
    session: Session,
    *,
    point: str | None = None,
    states: Collection[str] | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    after_id: int = 0,
    limit: int = 1000,
) -> list[DeliveryRow]:
    """The next deliveries after `after_id`, the oldest first; `since` and `until` are about when they became owed."""
    points = None if point is None else [point]
    told = read_told(session, points=points, states=states, since=since, until=until, after_id=after_id, limit=limit)
    return [row for row, _, _ in told]


def read_told(
    session: Session,
    *,
    points: Collection[str] | None = None,
    states: Collection[str] | None = None,
    kinds: Collection[str] | None = None,
    records: Collection[Record] | None = None,
    notice_record: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    after_id: int = 0,
    before_id: int | None = None,
    newest_first: bool = False,
    limit: int = 1000,
) -> list[tuple[DeliveryRow, str | None, int | None]]:
    """The same with the kind and the version of the change, None for a notice and where it is not in the log any more.

    Where `records` are given, those of notices are named by `notice_record`, their partition key.
    """
    which: list[ColumnElement[bool]] = [col(DeliveryRow.id) > after_id]
    for column, values in ((DeliveryRow.point, points), (DeliveryRow.state, states), (ChangeRow.kind, kinds)):
        if values is not None:
            which.append(col(column).in_(sorted(values)))
    if records is not None:
        seqs = select(col(ChangeRow.seq)).where(or_(*(_is_of(record) for record in records)))
        is_of_them: ColumnElement[bool] = col(DeliveryRow.change_seq).in_(seqs)
        if notice_record is not None:
            is_notice = and_(col(DeliveryRow.notice_id).is_not(None), col(DeliveryRow.record) == notice_record)
            is_of_them = or_(is_of_them, is_notice)
        which.append(is_of_them)
    if since is not None:
        which.append(col(DeliveryRow.created_at) >= since)
    if until is not None:
        which.append(col(DeliveryRow.created_at) < until)
    if before_id is not None:
        which.append(col(DeliveryRow.id) < before_id)
    statement: Any = (
        select(DeliveryRow, col(ChangeRow.kind), col(ChangeRow.version))
        .outerjoin(ChangeRow, col(ChangeRow.seq) == col(DeliveryRow.change_seq))
        .where(*which)
        .order_by(col(DeliveryRow.id).desc() if newest_first else col(DeliveryRow.id))
        .limit(limit)
    )
    return [(row[0], row[1], row[2]) for row in session.objects.execute(statement)]


def find(session: Session, delivery_id: int) -> DeliveryRow | None:
    """The one with that number."""
    return session.objects.get(DeliveryRow, delivery_id)


def codes(session: Session) -> list[str]:
    """Of all points that there are or were, in their order."""
    return sorted(set(sql.run(session, select(col(PointRow.code))).scalars()) - {""})


def attempts(session: Session, delivery_id: int) -> list[AttemptRow]:
    """All tries of one delivery, the oldest first."""
    statement = select(AttemptRow).where(col(AttemptRow.delivery_id) == delivery_id).order_by(col(AttemptRow.id))
    return list(session.objects.execute(statement).scalars())


def last_answered(session: Session, point: str) -> AttemptRow | None:
    """The newest attempt at this point that was refused in words; the index holds nothing but such attempts."""
    answered = (col(AttemptRow.point) == point, text("answer IS NOT NULL"))
    statement = select(AttemptRow).where(*answered).order_by(col(AttemptRow.id).desc()).limit(1)
    return session.objects.execute(statement).scalars().first()


def resting(session: Session) -> dict[str, int]:
    """Point -> deliveries that rest, since the process that attempted them has ended again and again."""
    lost = (text("state = 'due'"), col(DeliveryRow.due_at).is_not(None), col(DeliveryRow.losses) >= outbox.LOSSES)
    chosen = select(col(DeliveryRow.point), func.count()).where(*lost).group_by(col(DeliveryRow.point))
    return {point: number for point, number in sql.run(session, chosen)}  # noqa: C416  # rows are no pairs to mypy


def _is_of(record: Record) -> ColumnElement[bool]:
    return and_(
        col(ChangeRow.source) == record.source,
        col(ChangeRow.resource) == record.resource,
        col(ChangeRow.parent_key) == record.id.parent_key,
        col(ChangeRow.key) == record.id.key,
    )
