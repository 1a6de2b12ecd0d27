"""A delivery that is leased, what it comes to, and the columns that this is written to; used by `outbox.py`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from storage.states import DeliveryState


@dataclass(frozen=True, slots=True)
class Leased:
    """A delivery that nobody else attempts until the lease is over."""

    id: int
    change_seq: int | None  #: None: it is a notice
    point: str
    record: str
    attempts: int  #: made before
    fence: int
    notice_id: str | None = None
    event_id: str | None = None  #: what it is sent under, if that is not its change's own id
    owed_since: datetime | None = None  #: when its change was told first; None: it is sent once more
    start_at: datetime | None = None  #: of a point with a rate: it begins then, or not at all


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a leased delivery comes to."""

    leased: Leased
    state: DeliveryState  #: any but leased
    settled_at: datetime
    due_at: datetime | None = None  #: where it is due again
    attempted_at: datetime | None = None  #: None: it was not attempted
    duration_ms: int = 0
    status: int | None = None
    error: str | None = None
    answer: str | None = None  #: the beginning of a refusing one
    is_free: bool = False  #: it costs the delivery none of its attempts


def leased_as(row: Sequence[Any]) -> Leased:
    """A row that `outbox_sql.lease` gives."""
    id_, change_seq, point, record, attempts, fence, notice_id, event_id, created_at, last_status = row
    owed_since = None if is_once_more(event_id, last_status) else created_at
    return Leased(id_, change_seq, point, record, attempts, fence, notice_id, event_id, owed_since)


def is_once_more(event_id: str | None, last_status: int | None) -> bool:
    """A replay under an id of its own, or what has arrived before: when it became owed says nothing of its waiting."""
    return event_id is not None or 200 <= (last_status or 0) < 300


def settled(outcome: Outcome) -> dict[str, object]:
    """Parameters of `outbox_sql.SETTLE`."""
    return {
        "id": outcome.leased.id,
        "state": outcome.state,
        "tries": 0 if outcome.attempted_at is None or outcome.is_free else 1,
        "due_at": outcome.due_at,
        "status": outcome.status,
        "error": outcome.error,
        "delivered_at": outcome.settled_at if outcome.state == DeliveryState.DELIVERED else None,
    }


def attempt(outcome: Outcome) -> dict[str, object]:
    """Parameters of `outbox_sql.NOTE_ATTEMPT`."""
    return {
        "delivery_id": outcome.leased.id,
        "change_seq": outcome.leased.change_seq,
        "point": outcome.leased.point,
        "attempted_at": outcome.attempted_at,
        "duration_ms": outcome.duration_ms,
        "status": outcome.status,
        "error": outcome.error,
        "answer": outcome.answer,
    }
