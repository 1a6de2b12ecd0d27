"""What was kept outside the database of the logs' checkpoints, and what could not be; rows are only added.

Called by the step that keeps heads and by `status`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlmodel import col

from changes.pauses import doubled
from storage import seals, sql
from storage.seals import Log
from storage.session import Session
from storage.tables import KeptRow

#: A target that fails is left alone so long, then twice as long, up to the second.
RETRY_SECONDS, RETRY_MOST_SECONDS = 3600, 6 * 3600
#: What the error of a witness begins with that has cosigned another history than ours.
CONTRADICTED = "the witness contradicts this record"
#: The same of any place, where more rows were kept there than the log has.
MISSING = "rows are missing"


@dataclass(frozen=True, slots=True)
class Kept:
    """A row of `mirrorpoint_kept`."""

    log: Log
    size: int
    target: str
    at: datetime
    receipt: str | None = None  #: a whole cosigned note, or a time stamp's token as base64 of DER
    error: str | None = None  #: why it could not be kept


@dataclass(frozen=True, slots=True)
class Standing:
    """How one log stands at one target."""

    size: int = 0  #: of the newest checkpoint that was kept there; 0: none was
    kept_at: datetime | None = None
    failures: int = 0  #: since then
    failing_since: datetime | None = None
    failed_at: datetime | None = None  #: the last time
    error: str | None = None  #: of the last time

    @property
    def next_try_at(self) -> datetime | None:
        """When a target that has failed is tried again; None where it has not."""
        if self.failed_at is None:
            return None
        return self.failed_at + timedelta(seconds=doubled(RETRY_SECONDS, self.failures, RETRY_MOST_SECONDS))


def add(session: Session, kept: Iterable[Kept]) -> None:
    """Write down what was kept, and what was not."""
    session.objects.add_all(
        KeptRow(log=row.log.value, size=row.size, target=row.target, at=row.at, receipt=row.receipt, error=row.error)
        for row in kept
    )


def standing(session: Session, target: str, log: Log) -> Standing:
    """What was last kept there, and what has failed since."""
    here = (col(KeptRow.target) == target, col(KeptRow.log) == log.value)
    done = sql.run(
        session,
        select(col(KeptRow.id), col(KeptRow.size), col(KeptRow.at))
        .where(*here, col(KeptRow.error).is_(None))
        .order_by(col(KeptRow.id).desc())
        .limit(1),
    ).first()
    last_id, size, kept_at = (0, 0, None) if done is None else done
    failed = (*here, col(KeptRow.id) > last_id)
    failures, since = sql.run(session, select(func.count(), func.min(col(KeptRow.at))).where(*failed)).one()
    if not failures:
        return Standing(size, kept_at)
    latest = select(col(KeptRow.at), col(KeptRow.error)).where(*failed).order_by(col(KeptRow.id).desc()).limit(1)
    failed_at, error = sql.run(session, latest).one()
    return Standing(size, kept_at, int(failures), since, failed_at, error)


def behind_since(session: Session, log: Log, standing: Standing) -> datetime | None:
    """Since when the place might have had more of the log than it has; None where it has all."""
    if seals.size(session, log) == standing.size:
        return None
    if standing.kept_at is not None:
        return standing.kept_at
    # Where nothing was ever kept, it might have been since the log was sealed first.
    first = seals.read(session, log, limit=1)
    return first[0].sealed_at if first else None


def is_grave(error: str | None) -> bool:
    """Whether it says that the record is not what it was."""
    return error is not None and error.startswith((CONTRADICTED, MISSING))


def shown(target: str) -> str:
    """For people: without the key of a witness."""
    return target.partition("#")[0] if target.startswith("witness:") else target
