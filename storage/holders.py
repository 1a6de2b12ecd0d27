"""Who holds permits, leases and deliveries, and what becomes of that when they are known to be dead.

Called by tasks/dead_holders.py. What is freed looks as if its time were over, so whoever comes next counts the crash.
"""

# ruff: noqa: S608  # values are parameters
from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from storage import outbox, sql
from storage.session import Session


def holding(session: Session) -> set[str]:
    """The names of all who hold anything; its time may be over."""
    text = """
        SELECT holder FROM mirrorpoint_permit WHERE expires_at IS NOT NULL
        UNION SELECT holder FROM mirrorpoint_lease WHERE expires_at IS NOT NULL
        UNION SELECT leased_by FROM mirrorpoint_delivery WHERE state = 'leased'
    """
    return {name for (name,) in sql.rows(session, text) if name}


def free(session: Session, dead: Collection[str], *, now: datetime) -> int:
    """What they held and still hold may be taken at once; how many permits, leases and deliveries that are."""
    outbox.lock(session)
    is_dead, values = sql.among(session, "names"), {"names": tuple(sorted(dead)), "now": now}
    permits = f"""
        UPDATE mirrorpoint_permit SET holder = NULL, expires_at = NULL WHERE holder {is_dead} AND expires_at > :now
    """
    leases = f"UPDATE mirrorpoint_lease SET expires_at = :now WHERE holder {is_dead} AND expires_at > :now"
    leased = f"""
        UPDATE mirrorpoint_delivery SET leased_until = :now
        WHERE state = 'leased' AND leased_by {is_dead} AND leased_until > :now
    """
    return sum(sql.change(session, text, **values) for text in (permits, leases, leased))
