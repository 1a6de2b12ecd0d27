"""Points that a person leaves alone for a while, and owed events that a person wants sent now.

Called by the `points` commands. The pauses of the breaker are in `point_health.py`.
"""

# ruff: noqa: S608  # values are parameters
from __future__ import annotations

from datetime import datetime

from storage import outbox, point_codes, sql
from storage.session import Session


def begin(session: Session, code: str, *, now: datetime) -> None:
    """Attempt nothing until `end`; events go on being owed. A point that is paused already keeps its time."""
    outbox.lock(session)  # before any row of a point is touched, as the delivery step does
    text = f"""
        UPDATE mirrorpoint_point SET paused_at = coalesce(paused_at, :now)
        WHERE code = :code AND {point_codes.IS_HOLDING}
    """
    sql.change(session, text, code=code, now=now)


def end(session: Session, code: str) -> None:
    """Attempt again what is due; due times stay as they are."""
    outbox.lock(session)  # before any row of a point is touched, as the delivery step does
    text = f"UPDATE mirrorpoint_point SET paused_at = NULL WHERE code = :code AND {point_codes.IS_HOLDING}"
    sql.change(session, text, code=code)


def hurry(session: Session, code: str, *, now: datetime) -> int:
    """What waits for its next attempt is due now; returns how many. Those behind a head follow it as always."""
    outbox.lock(session)
    text = """
        UPDATE mirrorpoint_delivery SET due_at = :now
        WHERE point = :code AND state = 'due' AND due_at IS NOT NULL AND due_at > :now
    """
    return sql.change(session, text, code=code, now=now)
