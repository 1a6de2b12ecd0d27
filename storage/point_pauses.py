"""Points that a person leaves alone for a while, and owed events that a person wants sent now.

Called by the `points` commands. The pauses of the breaker are in `point_health.py`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import func, update
from sqlmodel import col

from storage import outbox, point_codes, sql
from storage.session import Session
from storage.states import DeliveryState
from storage.tables import DeliveryRow, PointRow


def begin(session: Session, code: str, *, now: datetime) -> None:
    """Attempt nothing until `end`; events go on being owed. A point that is paused already keeps its time."""
    _set(session, code, func.coalesce(col(PointRow.paused_at), now))


def end(session: Session, code: str) -> None:
    """Attempt again what is due; due times stay as they are."""
    _set(session, code, None)


def hurry(session: Session, code: str, *, now: datetime) -> int:
    """What waits for its next attempt is due now; returns how many. Those behind a head follow it as always."""
    outbox.lock(session)
    heads = (col(DeliveryRow.point) == code, col(DeliveryRow.state) == DeliveryState.DUE, col(DeliveryRow.due_at) > now)
    return sql.run(session, update(DeliveryRow).where(*heads).values(due_at=now)).rowcount


def _set(session: Session, code: str, at: Any) -> None:
    outbox.lock(session)  # before any row of a point is touched, as the delivery step does
    holder = (col(PointRow.code) == code, col(PointRow.state).in_(point_codes.HOLDING))
    sql.run(session, update(PointRow).where(*holder).values(paused_at=at))
