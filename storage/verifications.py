"""What came of each look at the whole record: rows of `mirrorpoint_verification`, which are only added.

Called by the step that verifies, and by `status`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import func, select
from sqlmodel import col

from storage import sql
from storage.session import Session
from storage.tables import VerificationRow


class How(StrEnum):
    """Who had it done."""

    COMMAND = "command"
    BY_ITSELF = "by itself"


@dataclass(frozen=True, slots=True)
class Verification:
    """A row."""

    started_at: datetime
    ended_at: datetime
    how: How
    is_ok: bool
    changes: int  #: that were in the log
    checks: Sequence[Mapping[str, Any]]
    first_bad: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """The last look, and since when it is known that the record was altered."""

    ended_at: datetime
    is_ok: bool
    changes: int
    altered_since: datetime | None  #: the first of the looks since the last good one that said so
    what: str | None  #: what it said first


def add(session: Session, found: Verification) -> None:
    """Write it down."""
    session.objects.add(
        VerificationRow(
            started_at=found.started_at,
            ended_at=found.ended_at,
            how=found.how.value,
            is_ok=found.is_ok,
            changes=found.changes,
            checks=[dict(each) for each in found.checks],
            first_bad=None if found.first_bad is None else dict(found.first_bad),
        )
    )


def last_ended_at(session: Session) -> datetime | None:
    """When the last look has ended, whatever came of it."""
    newest = select(col(VerificationRow.ended_at)).order_by(col(VerificationRow.id).desc()).limit(1)
    found: datetime | None = sql.run(session, newest).scalar()
    return found


def last(session: Session) -> Verification | None:
    """The newest look, whoever had it done; None: there was none."""
    row = session.objects.execute(select(VerificationRow).order_by(col(VerificationRow.id).desc()).limit(1)).scalar()
    if row is None:
        return None
    return Verification(
        row.started_at, row.ended_at, How(row.how), row.is_ok, row.changes, row.checks, first_bad=row.first_bad
    )


def standing(session: Session) -> Standing | None:
    """How the record stands by the last look; None: there was none."""
    names = (VerificationRow.ended_at, VerificationRow.is_ok, VerificationRow.changes)
    newest = select(*(col(each) for each in names)).order_by(col(VerificationRow.id).desc()).limit(1)
    last = sql.run(session, newest).first()
    if last is None:
        return None
    good = select(func.max(col(VerificationRow.id))).where(col(VerificationRow.is_ok))
    last_good = int(sql.run(session, good).scalar() or 0)
    bad = (
        select(col(VerificationRow.ended_at), col(VerificationRow.first_bad))
        .where(col(VerificationRow.id) > last_good)
        .order_by(col(VerificationRow.id))
        .limit(1)
    )
    since = sql.run(session, bad).first()
    ended_at, is_ok, changes = last
    what = since.first_bad.get("what") if since is not None and since.first_bad else None
    return Standing(ended_at, bool(is_ok), int(changes), None if since is None else since.ended_at, what)
