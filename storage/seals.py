"""Seals the change log in chained batches, so that an alteration of the past shows.

Called by tasks/housekeeping.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlmodel import Session, col

from storage import sql
from storage.tables import ChangeRow, SealRow


@dataclass(frozen=True, slots=True)
class Seal:
    """A batch of changes under one digest."""

    seq_from: int
    seq_to: int
    digest: str


def seal_pending(session: Session, *, now: datetime, limit: int) -> Seal | None:
    """Seal the next changes, at most `limit`; None where all are sealed, or another process is just doing it."""
    last = sql.run(
        session,
        select(col(SealRow.seq_to), col(SealRow.digest)).order_by(col(SealRow.seq_to).desc()).limit(1),
    ).first()
    sealed_to, previous = last or (0, "")
    changes = sql.run(
        session,
        select(col(ChangeRow.seq), col(ChangeRow.digest))
        .where(col(ChangeRow.seq) > sealed_to)
        .order_by(col(ChangeRow.seq))
        .limit(limit),
    ).all()
    if not changes:
        return None
    seal = Seal(changes[0].seq, changes[-1].seq, chained(previous, (change.digest for change in changes)))
    row = {
        "seq_from": seal.seq_from,
        "seq_to": seal.seq_to,
        "digest": seal.digest,
        "previous": previous,
        "sealed_at": now,
    }
    # Two processes begin at the same change: the second finds the first one's batch and leaves it at that.
    insert = sql.insert(session, SealRow).values(row).on_conflict_do_nothing().returning(col(SealRow.seq_from))
    return seal if sql.run(session, insert).first() else None


def chained(previous: str, digests: Iterable[str]) -> str:
    """SHA-256 over the hexadecimal digest of the batch before (empty for the first) and those of the changes."""
    chain = hashlib.sha256(previous.encode())
    for digest in digests:
        chain.update(digest.encode())
    return chain.hexdigest()
