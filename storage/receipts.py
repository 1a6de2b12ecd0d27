"""What witnesses and time-stamping authorities have given for heads: rows of `mirrorpoint_kept` that hold a receipt.

Read by whoever verifies the record.
"""

from __future__ import annotations

from typing import NamedTuple

from storage import sql
from storage.seals import Log
from storage.session import Session


class Receipt(NamedTuple):
    """For the checkpoint of that size."""

    id: int
    log: str
    size: int
    target: str  #: as it was configured: witness:…, timestamp:…
    text: str  #: a whole cosigned note, or a token as base64 of DER


def read(session: Session, *, after_id: int = 0, limit: int = 1000) -> list[Receipt]:
    """The next receipts, the oldest first."""
    text = """
        SELECT id, log, size, target, receipt FROM mirrorpoint_kept
        WHERE id > :after_id AND receipt IS NOT NULL AND error IS NULL
        ORDER BY id LIMIT :limit
    """
    return [Receipt(*row) for row in sql.rows(session, text, after_id=after_id, limit=limit)]


def checkpoint(session: Session, log: Log, size: int) -> str | None:
    """The note of the checkpoint of that size; None where there is none, or none that is signed."""
    text = "SELECT checkpoint FROM mirrorpoint_seal WHERE log = :log AND size = :size"
    found = sql.first(session, text, log=log, size=size)
    return found[0] if found else None
