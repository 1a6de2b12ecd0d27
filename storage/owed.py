"""Since when points are owed what they have not got; told by the page."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, select
from sqlmodel import Session, col

from storage import sql, types
from storage.states import DeliveryState
from storage.tables import DeliveryRow


def oldest(session: Session) -> dict[str, datetime]:
    """Point -> when the oldest of what it is owed became owed; points that are owed nothing are left out."""
    first = func.min(col(DeliveryRow.created_at), type_=types.UtcDateTime)
    open_states = col(DeliveryRow.state).in_((DeliveryState.DUE, DeliveryState.LEASED))
    statement = select(col(DeliveryRow.point), first).where(open_states).group_by(col(DeliveryRow.point))
    return {point: at for point, at in sql.run(session, statement)}  # noqa: C416  # rows are no pairs to mypy
