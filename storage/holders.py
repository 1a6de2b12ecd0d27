"""Who holds permits, leases and deliveries, and what becomes of that when they are known to be dead.

Called by tasks/dead_holders.py. What is freed looks as if its time were over, so whoever comes next counts the crash.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import CompoundSelect, select, union, update
from sqlmodel import col

from storage import outbox, sql
from storage.session import Session
from storage.states import DeliveryState
from storage.tables import DeliveryRow, LeaseRow, PermitRow


def holding(session: Session) -> set[str]:
    """The names of all who hold anything; its time may be over."""
    names: CompoundSelect[Any] = union(
        select(col(PermitRow.holder)).where(col(PermitRow.expires_at).is_not(None)),
        select(col(LeaseRow.holder)).where(col(LeaseRow.expires_at).is_not(None)),
        select(col(DeliveryRow.leased_by)).where(col(DeliveryRow.state) == DeliveryState.LEASED),
    )
    return {name for name in sql.run(session, names).scalars() if name}


def free(session: Session, dead: Collection[str], *, now: datetime) -> int:
    """What they held and still hold may be taken at once; how many permits, leases and deliveries that are."""
    names = sorted(dead)
    outbox.lock(session)
    permits = update(PermitRow).where(col(PermitRow.holder).in_(names), col(PermitRow.expires_at) > now)
    leases = update(LeaseRow).where(col(LeaseRow.holder).in_(names), col(LeaseRow.expires_at) > now)
    leased = (
        update(DeliveryRow)
        .where(col(DeliveryRow.state) == DeliveryState.LEASED, col(DeliveryRow.leased_by).in_(names))
        .where(col(DeliveryRow.leased_until) > now)
    )
    return (
        sql.count_run(session, permits.values(holder=None, expires_at=None))
        + sql.count_run(session, leases.values(expires_at=now))
        + sql.count_run(session, leased.values(leased_until=now))
    )
