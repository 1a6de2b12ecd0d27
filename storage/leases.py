"""Leases with fences: who may work on what, and how a slow worker notices that another took over.

Taken by the scan and delivery steps; a fence goes into their conditional updates.
"""

# ruff: noqa: S608  # values are parameters
from __future__ import annotations

from datetime import datetime, timedelta

from changes import clocks
from storage import sql
from storage.session import Session

#: Begins the names of leases of scans.
OF_SCANS = "scan:"


def of_scan(source: str, resource: str) -> str:
    """What the lease of a resource's scans is called."""
    return f"{OF_SCANS}{source}/{resource}"


def acquire(session: Session, name: str, *, holder: str, now: datetime, seconds: float) -> int | None:
    """The fence of a lease that was free or has run out; None while somebody holds it.

    Each fence of a name is greater than all before it, also after a release: the row stays.
    """
    found = sql.first(
        session,
        f"""
        INSERT INTO mirrorpoint_lease (name, holder, fence, expires_at) VALUES (:name, :holder, 1, :expires_at)
        ON CONFLICT (name) DO UPDATE
        SET holder = :holder, fence = mirrorpoint_lease.fence + 1, expires_at = :expires_at
        WHERE mirrorpoint_lease.expires_at IS NULL OR {_IS_OVER}
        RETURNING fence
        """,
        name=name,
        holder=holder,
        expires_at=now + timedelta(seconds=seconds),
        **_moments(now, seconds),
    )
    return found[0] if found else None


def left_behind(session: Session, name: str, *, now: datetime, seconds: float) -> int | None:
    """The fence of a lease that ran out and was not given back: most likely its process has ended; None otherwise."""
    text = f"SELECT fence FROM mirrorpoint_lease WHERE name = :name AND {_IS_OVER}"
    found = sql.first(session, text, name=name, **_moments(now, seconds))
    return found[0] if found else None


def renew(session: Session, name: str, *, fence: int, now: datetime, seconds: float) -> bool:
    """Longer, from now on; False when another has taken it or it was released.

    One that ran out and that nobody took is had again.
    """
    text = """
        UPDATE mirrorpoint_lease SET expires_at = :expires_at
        WHERE name = :name AND fence = :fence AND expires_at IS NOT NULL
    """
    return sql.change(session, text, name=name, fence=fence, expires_at=now + timedelta(seconds=seconds)) == 1


def release(session: Session, name: str, *, fence: int) -> bool:
    """Free for the next; False when another has it already."""
    text = "UPDATE mirrorpoint_lease SET expires_at = NULL WHERE name = :name AND fence = :fence"
    return sql.change(session, text, name=name, fence=fence) == 1


def holder(session: Session, name: str, *, now: datetime) -> str | None:
    """Who holds it now, for messages; None when it is free."""
    text = "SELECT holder FROM mirrorpoint_lease WHERE name = :name AND expires_at > :now"
    found = sql.first(session, text, name=name, now=now)
    return found[0] if found else None


def held_names(session: Session, prefix: str, *, now: datetime) -> set[str]:
    """The names that begin so and that somebody holds now."""
    text = "SELECT name FROM mirrorpoint_lease WHERE name LIKE :prefix ESCAPE '/' AND expires_at > :now"
    return {name for (name,) in sql.rows(session, text, prefix=sql.beginning(prefix), now=now)}


def left_behind_names(session: Session, prefix: str, *, now: datetime) -> set[str]:
    """The names that begin so and whose lease ran out and was not given back."""
    text = "SELECT name FROM mirrorpoint_lease WHERE name LIKE :prefix ESCAPE '/' AND expires_at <= :now"
    return {name for (name,) in sql.rows(session, text, prefix=sql.beginning(prefix), now=now)}


#: Also where no lease is given for so long.
_IS_OVER = "(mirrorpoint_lease.expires_at <= :now OR mirrorpoint_lease.expires_at > :latest)"


def _moments(now: datetime, seconds: float) -> dict[str, datetime]:
    return {"now": now, "latest": clocks.latest(now, timedelta(seconds=seconds))}
