"""Who was told of a change, when, and what each answered: from its deliveries and their attempts.

Called by `history --field`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import case, func, select
from sqlmodel import col

from storage import sql
from storage.session import Session
from storage.tables import AttemptRow, DeliveryRow

#: When an attempt was made that arrived.
_ARRIVED = case((col(AttemptRow.status).between(200, 299), col(AttemptRow.attempted_at)), else_=None)
#: Numbers in one statement.
_CHUNK = 500


class Told(NamedTuple):
    """What became of telling one point."""

    point: str
    state: str  #: of the delivery
    at: datetime | None  #: when it arrived, else when it was last attempted; None: that was not, or is kept no longer
    status: int | None  #: the last answer; None where none came
    first_at: datetime | None = None  #: when it arrived for the first time, where it was sent again since


def of_changes(session: Session, seqs: Sequence[int]) -> dict[int, list[Told]]:
    """The change's number -> its deliveries, by point; changes that nobody was owed are left out."""
    found: dict[int, list[Told]] = {}
    for start in range(0, len(seqs), _CHUNK):
        chosen = col(DeliveryRow.change_seq).in_(seqs[start : start + _CHUNK])
        last = (
            select(
                col(AttemptRow.delivery_id),
                func.max(col(AttemptRow.id)).label("id"),
                func.min(_ARRIVED, type_=_ARRIVED.type).label("first_at"),
            )
            .join(DeliveryRow, col(DeliveryRow.id) == col(AttemptRow.delivery_id))
            .where(chosen)
            .group_by(col(AttemptRow.delivery_id))
            .subquery()
        )
        row = DeliveryRow
        names = (row.change_seq, row.point, row.state, row.delivered_at, row.last_status)
        statement = (
            select(
                *(col(name) for name in names),
                col(AttemptRow.attempted_at),
                last.c.first_at,
            )
            .outerjoin(last, last.c.delivery_id == col(DeliveryRow.id))
            .outerjoin(AttemptRow, col(AttemptRow.id) == last.c.id)
            .where(chosen)
            .order_by(col(DeliveryRow.change_seq), col(DeliveryRow.point))
        )
        for seq, point, state, delivered_at, status, attempted_at, first_at in sql.run(session, statement):
            is_again = first_at is not None and attempted_at is not None and first_at < attempted_at
            told = Told(point, state, delivered_at or attempted_at, status, first_at if is_again else None)
            found.setdefault(seq, []).append(told)
    return found
