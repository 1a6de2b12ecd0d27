"""What people ask of deliveries and order for them: how many there are, which, and that some be tried again.

Called by the commands `deliveries`, `deliver` and `status`; `outbox.py` has the way of a delivery.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, func, select, text, update
from sqlmodel import Session, col

from storage import outbox, outbox_texts, point_health, sql
from storage.tables import AttemptRow, DeliveryRow

#: States from which a person may have a delivery tried again.
ENDED = ("dead", "skipped", "delivered")


@dataclass(frozen=True, slots=True)
class Counts:
    """What there is for one point; how many were delivered is in its row."""

    due: int = 0  #: owed: due now or later, or under way
    dead: int = 0


def counts(session: Session) -> dict[str, Counts]:
    """Per code, for those of which there is something."""
    return {row.point: Counts(int(row.due), int(row.dead)) for row in sql.run(session, outbox_texts.COUNTS)}


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
    statement = select(DeliveryRow).where(col(DeliveryRow.id) > after_id, *_which(point, states, since, until))
    return list(session.execute(statement.order_by(col(DeliveryRow.id)).limit(limit)).scalars())


def attempts(session: Session, delivery_id: int) -> list[AttemptRow]:
    """All tries of one delivery, the oldest first."""
    statement = select(AttemptRow).where(col(AttemptRow.delivery_id) == delivery_id).order_by(col(AttemptRow.id))
    return list(session.execute(statement).scalars())


def retry(
    session: Session,
    *,
    now: datetime,
    ids: Collection[int] | None = None,
    point: str | None = None,
    states: Collection[str] = ("dead",),
    since: datetime | None = None,
    until: datetime | None = None,
) -> int:
    """Make what has ended due again, with all its attempts before it; returns how many.

    They keep the order of the change log among themselves and with what the point is owed of the same records.
    """
    wrong = set(states) - set(ENDED)
    if wrong:
        raise ValueError(f"a delivery that is {', '.join(sorted(wrong))} has not ended; possible: {', '.join(ENDED)}")
    outbox.lock(session)
    again: list[tuple[str, str]] = []
    for part in outbox.chunks(sorted(ids)) if ids is not None else [None]:
        which = _which(point, states, since, until)
        if part is not None:
            which.append(col(DeliveryRow.id).in_(part))
        statement = (
            update(DeliveryRow)
            .where(*which)
            .values(state="due", due_at=None, attempts=0, losses=0, delivered_at=None)
            .returning(col(DeliveryRow.point), col(DeliveryRow.record))
        )
        again += [(row.point, row.record) for row in sql.run(session, statement)]
    records = [{"point": point, "record": record} for point, record in dict.fromkeys(again)]
    if records:
        # An older event that is owed again goes before a newer one that has been waiting for its next attempt.
        sql.run(session, outbox_texts.DEMOTE, records)
        outbox.promote(session, again, now=now)
        point_health.end_pause(session, {point for point, _ in again}, now=now)
    return len(again)


def resting(session: Session) -> dict[str, int]:
    """Point -> deliveries that rest, since the process that attempted them has ended again and again."""
    lost = (text("state = 'due'"), col(DeliveryRow.due_at).is_not(None), col(DeliveryRow.losses) >= outbox.LOSSES)
    chosen = select(col(DeliveryRow.point), func.count()).where(*lost).group_by(col(DeliveryRow.point))
    return {point: number for point, number in sql.run(session, chosen)}  # noqa: C416  # rows are no pairs to mypy


def _which(
    point: str | None, states: Collection[str] | None, since: datetime | None, until: datetime | None
) -> list[ColumnElement[bool]]:
    which: list[ColumnElement[bool]] = []
    if point is not None:
        which.append(col(DeliveryRow.point) == point)
    if states is not None:
        which.append(col(DeliveryRow.state).in_(sorted(states)))
    if since is not None:
        which.append(col(DeliveryRow.created_at) >= since)
    if until is not None:
        which.append(col(DeliveryRow.created_at) < until)
    return which
