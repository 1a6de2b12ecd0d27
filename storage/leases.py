"""Leases with fences: who may work on what, and how a slow worker notices that another took over.

Taken by the scan and delivery steps; a fence goes into their conditional updates.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cache

from sqlalchemy import ColumnElement, Insert, or_, select, update
from sqlmodel import Session, col

from changes import clocks
from storage import sql
from storage.sql import given
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
    fence: int | None = sql.run_given(
        session,
        _acquire(sql.dialect(session)),
        name=name,
        holder=holder,
        expires_at=now + timedelta(seconds=seconds),
        **_times(now, seconds),
    ).scalar()
    return fence


@cache
def _acquire(dialect: str) -> Insert:
    values = {"holder": given("holder"), "expires_at": given("expires_at")}
    statement = sql.insert_for(dialect, LeaseRow).values(name=given("name"), fence=1, **values)
    statement = statement.on_conflict_do_update(
        index_elements=["name"],
        set_={**values, "fence": LeaseRow.fence + 1},
        where=or_(col(LeaseRow.expires_at).is_(None), _IS_OVER),
    )
    acquired: Insert = statement.returning(col(LeaseRow.fence))
    return acquired


def left_behind(session: Session, name: str, *, now: datetime, seconds: float) -> int | None:
    """The fence of a lease that ran out and was not given back: most likely its process has ended; None otherwise."""
    found: int | None = sql.run_given(session, _LEFT_BEHIND, name=name, **_times(now, seconds)).scalar()
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


def release(session: Session, name: str, *, fence: int) -> bool:
    """Free for the next; False when another has it already."""
    return sql.run_given(session, _RELEASE, name=name, fence=fence).rowcount == 1


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


def _times(now: datetime, seconds: float) -> dict[str, datetime]:
    """What `_IS_OVER` is given."""
    return {"now": now, "latest": clocks.latest(now, timedelta(seconds=seconds))}


#: Also where no lease is given for so long.
_IS_OVER: ColumnElement[bool] = or_(
    col(LeaseRow.expires_at) <= given("now"), col(LeaseRow.expires_at) > given("latest")
)
_LEFT_BEHIND = select(col(LeaseRow.fence)).where(col(LeaseRow.name) == given("name"), _IS_OVER)
_RELEASE = (
    update(LeaseRow)
    .where(col(LeaseRow.name) == given("name"), col(LeaseRow.fence) == given("fence"))
    .values(expires_at=None)
)
