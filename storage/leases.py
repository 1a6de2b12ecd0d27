"""Leases with fences: who may work on what, and how a slow worker notices that another took over.

Taken by the scan and delivery steps; a fence goes into their conditional updates.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, or_, select, update
from sqlmodel import Session, col

from changes import clocks
from storage import sql
from storage.tables import LeaseRow

#: Begins the names of leases of scans.
OF_SCANS = "scan:"


def of_scan(source: str, resource: str) -> str:
    """What the lease of a resource's scans is called."""
    return f"{OF_SCANS}{source}/{resource}"


def acquire(session: Session, name: str, *, holder: str, now: datetime, seconds: float) -> int | None:
    """The fence of a lease that was free or has run out; None while somebody holds it.

    Each fence of a name is greater than all before it, also after a release: the row stays.
    """
    expires_at = now + timedelta(seconds=seconds)
    statement = sql.insert(session, LeaseRow).values(name=name, holder=holder, fence=1, expires_at=expires_at)
    statement = statement.on_conflict_do_update(
        index_elements=["name"],
        set_={"holder": holder, "fence": LeaseRow.fence + 1, "expires_at": expires_at},
        where=or_(col(LeaseRow.expires_at).is_(None), _is_over(now, seconds)),
    )
    fence: int | None = sql.run(session, statement.returning(col(LeaseRow.fence))).scalar()
    return fence


def left_behind(session: Session, name: str, *, now: datetime, seconds: float) -> int | None:
    """The fence of a lease that ran out and was not given back: most likely its process has ended; None otherwise."""
    lost = (col(LeaseRow.name) == name, _is_over(now, seconds))
    found: int | None = sql.run(session, select(col(LeaseRow.fence)).where(*lost)).scalar()
    return found


def renew(session: Session, name: str, *, fence: int, now: datetime, seconds: float) -> bool:
    """Longer, from now on; False when another has taken it or it was released.

    One that ran out and that nobody took is had again.
    """
    statement = (
        update(LeaseRow)
        .where(col(LeaseRow.name) == name, col(LeaseRow.fence) == fence, col(LeaseRow.expires_at).is_not(None))
        .values(expires_at=now + timedelta(seconds=seconds))
    )
    return sql.count_run(session, statement) == 1


def release(session: Session, name: str, *, fence: int) -> None:
    """Free for the next; nothing happens when another has it already."""
    mine = (col(LeaseRow.name) == name, col(LeaseRow.fence) == fence)
    sql.run(session, update(LeaseRow).where(*mine).values(expires_at=None))


def holder(session: Session, name: str, *, now: datetime) -> str | None:
    """Who holds it now, for messages; None when it is free."""
    held = (col(LeaseRow.name) == name, col(LeaseRow.expires_at) > now)
    found: str | None = sql.run(session, select(col(LeaseRow.holder)).where(*held)).scalar()
    return found


def held_names(session: Session, prefix: str, *, now: datetime) -> set[str]:
    """The names that begin so and that somebody holds now."""
    held = (col(LeaseRow.name).startswith(prefix, autoescape=True), col(LeaseRow.expires_at) > now)
    return set(sql.run(session, select(col(LeaseRow.name)).where(*held)).scalars())


def left_behind_names(session: Session, prefix: str, *, now: datetime) -> set[str]:
    """The names that begin so and whose lease ran out and was not given back."""
    lost = (col(LeaseRow.name).startswith(prefix, autoescape=True), col(LeaseRow.expires_at) <= now)
    return set(sql.run(session, select(col(LeaseRow.name)).where(*lost)).scalars())


def _is_over(now: datetime, seconds: float) -> ColumnElement[bool]:
    """Also where no lease is given for so long."""
    expires_at = col(LeaseRow.expires_at)
    return or_(expires_at <= now, expires_at > clocks.latest(now, timedelta(seconds=seconds)))
