"""What was kept outside the database of the logs' checkpoints, and what could not be; rows are only added.

Called by the step that keeps heads and by `status`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from changes.pauses import doubled
from storage import seals, sql
from storage.seals import Log
from storage.session import Session

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
    text = """
        INSERT INTO mirrorpoint_kept (log, size, target, at, receipt, error)
        VALUES (:log, :size, :target, :at, :receipt, :error)
    """
    sql.change_each(session, text, [asdict(row) for row in kept])


def standing(session: Session, target: str, log: Log) -> Standing:
    """What was last kept there, and what has failed since."""
    here = {"target": target, "log": log}
    done = sql.first(session, _DONE, **here)
    last_id, size, kept_at = (0, 0, None) if done is None else done
    ((failures, since),) = sql.rows(session, _FAILURES, **here, last_id=last_id)
    if not failures:
        return Standing(size, kept_at)
    ((failed_at, error),) = sql.rows(session, _FAILED_LAST, **here, last_id=last_id)
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


_DONE = """
    SELECT id, size, at AS "at [utc]" FROM mirrorpoint_kept
    WHERE target = :target AND log = :log AND error IS NULL ORDER BY id DESC LIMIT 1
"""
_FAILURES = """
    SELECT count(*), min(at) AS "at [utc]" FROM mirrorpoint_kept WHERE target = :target AND log = :log AND id > :last_id
"""
_FAILED_LAST = """
    SELECT at AS "at [utc]", error FROM mirrorpoint_kept
    WHERE target = :target AND log = :log AND id > :last_id ORDER BY id DESC LIMIT 1
"""
