"""What grows and serves nobody any more: scans that found nothing, attempts of what has arrived; used by housekeeping.

The change log, the mirror and the deliveries themselves are never touched. Each call is one short transaction's work.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import and_, delete, exists, or_, select
from sqlalchemy.orm import aliased
from sqlmodel import col

from storage import scans, sql
from storage.session import Session
from storage.states import DeliveryState, ScanState
from storage.tables import AttemptRow, DeliveryRow, ResourceRow, ScanRow

#: Rows looked at in one transaction.
AT_A_TIME = 500


def forget_scans(session: Session, *, before: datetime, incomplete_before: datetime, after_id: str = "") -> str | None:
    """Leave out scans that began before, and that no change or hold refers to; looks at `AT_A_TIME` behind `after_id`.

    Kept are the last of each resource, its last complete one, and all that may have brought first sights: those are
    in no counter. Those that were not complete are kept as long as `incomplete_before` says. Returns where to go on,
    None at the end.
    """
    chosen = (
        select(col(ScanRow.id))
        .where(col(ScanRow.id) > after_id, col(ScanRow.id) < scans.first_id(before))
        .order_by(col(ScanRow.id))
        .limit(AT_A_TIME)
    )
    ids: list[str] = list(sql.run(session, chosen).scalars())
    if not ids:
        return None
    later, state = aliased(ScanRow), aliased(ResourceRow)
    found = (ScanRow.created, ScanRow.updated, ScanRow.deleted, ScanRow.restored, ScanRow.held)
    same = (col(state.source) == col(ScanRow.source), col(state.resource) == col(ScanRow.resource))
    forgettable = delete(ScanRow).where(
        col(ScanRow.id).in_(ids),
        *(col(number) == 0 for number in found),
        or_(col(ScanRow.state) == ScanState.COMPLETE, col(ScanRow.ended_at) < incomplete_before),
        exists().where(
            col(later.source) == col(ScanRow.source),
            col(later.resource) == col(ScanRow.resource),
            col(later.id) > col(ScanRow.id),
        ),
        or_(col(ScanRow.rows) == 0, exists().where(*same, col(state.baseline_at) < col(ScanRow.ended_at))),
        ~exists().where(*same, col(state.last_complete_id) == col(ScanRow.id)),
    )
    sql.run(session, forgettable)
    return ids[-1]


def forget_attempts(session: Session, *, before: datetime, after_id: int = 0) -> int | None:
    """Leave out attempts made earlier whose delivery has arrived; works like `forget_scans`.

    Of one that was sent again after it had arrived, every attempt that the point took stays: the delivery itself knows
    the last time only.
    """
    rows = sql.run(
        session,
        select(col(AttemptRow.id), col(AttemptRow.attempted_at), col(AttemptRow.delivery_id))
        .where(col(AttemptRow.id) > after_id)
        .order_by(col(AttemptRow.id))
        .limit(AT_A_TIME),
    ).all()
    old = [row for row in rows if row.attempted_at < before]
    if not old:
        return None
    arrived = select(col(DeliveryRow.id)).where(
        col(DeliveryRow.id).in_({row.delivery_id for row in old}),
        col(DeliveryRow.state) == DeliveryState.DELIVERED,
        col(DeliveryRow.delivered_at) < before,
    )
    other = aliased(AttemptRow)
    was_sent_again = and_(
        col(AttemptRow.status).between(200, 299),
        exists().where(
            col(other.delivery_id) == col(AttemptRow.delivery_id),
            or_(
                col(other.id) > col(AttemptRow.id),
                and_(col(other.id) < col(AttemptRow.id), col(other.status).between(200, 299)),
            ),
        ),
    )
    sql.run(
        session,
        delete(AttemptRow).where(
            col(AttemptRow.id).in_([row.id for row in old]),
            col(AttemptRow.delivery_id).in_(arrived),
            or_(col(AttemptRow.status).is_(None), ~was_sent_again),
        ),
    )
    last: int = old[-1].id
    return last if len(old) == len(rows) else None
