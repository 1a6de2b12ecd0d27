"""What witnesses and time-stamping authorities have given for heads: rows of `mirrorpoint_kept` that hold a receipt.

Read by whoever verifies the record.
"""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import select
from sqlmodel import col

from storage import sql
from storage.seals import Log
from storage.session import Session
from storage.tables import KeptRow


class Receipt(NamedTuple):
    """For the checkpoint of that size."""

    id: int
    log: str
    size: int
    target: str  #: as it was configured: witness:…, timestamp:…
    text: str  #: a whole cosigned note, or a token as base64 of DER


def read(session: Session, *, after_id: int = 0, limit: int = 1000) -> list[Receipt]:
    """The next receipts, the oldest first."""
    names = (KeptRow.id, KeptRow.log, KeptRow.size, KeptRow.target, KeptRow.receipt)
    statement = (
        select(*(col(each) for each in names))
        .where(col(KeptRow.id) > after_id, col(KeptRow.receipt).is_not(None), col(KeptRow.error).is_(None))
        .order_by(col(KeptRow.id))
        .limit(limit)
    )
    return [Receipt(*row) for row in sql.run(session, statement)]


def checkpoint(session: Session, log: Log, size: int) -> str | None:
    """The note of the checkpoint of that size; None where there is none, or none that is signed."""
    from storage.tables import SealRow

    which = (col(SealRow.log) == log.value, col(SealRow.size) == size)
    found: str | None = sql.run(session, select(col(SealRow.checkpoint)).where(*which)).scalar()
    return found
