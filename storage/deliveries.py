"""What people ask of deliveries: how many there are, which, and what came of each attempt.

Called by the commands `deliveries`, `deliver` and `status`. The way of a delivery is in `outbox.py`, what people order
for them in `deliveries_again.py`.
"""

# ruff: noqa: S608  # values are parameters
from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from changes.records import Id
from storage import outbox, outbox_sql, sql
from storage.deliveries_again import Again, retry
from storage.outbox_outcomes import is_once_more
from storage.session import Session

__all__ = [
    "Again",
    "Attempt",
    "Counts",
    "Delivery",
    "Record",
    "attempts",
    "codes",
    "counts",
    "find",
    "last_answered",
    "owed_since",
]
__all__ += ["read", "read_told", "resting", "retry"]


@dataclass(frozen=True, slots=True)
class Counts:
    """What there is for one point; how many were delivered is in its row."""

    due: int = 0  #: owed: due now or later, or under way
    dead: int = 0
    first_id: int | None = field(default=None, compare=False)  #: of what is owed, what was written down first


@dataclass(frozen=True, slots=True)
class Record:
    """Whose events are meant."""

    source: str
    resource: str
    id: Id


class Delivery(NamedTuple):
    """A row of `mirrorpoint_delivery`: one event owed to one point."""

    id: int
    change_seq: int | None  #: None: what is owed is a notice
    point: str
    record: str  #: the event's partition key
    state: str
    attempts: int
    due_at: datetime | None  #: None while an earlier event of the record is still owed
    leased_until: datetime | None
    fence: int
    last_status: int | None
    last_error: str | None
    losses: int  #: how often in a row its lease ran out
    created_at: datetime
    delivered_at: datetime | None
    leased_by: str | None  #: the process that attempts it
    notice_id: str | None
    event_id: str | None  #: None: the change's own; else that of a replay as new


class Attempt(NamedTuple):
    """A row of `mirrorpoint_attempt`: one try of a delivery and what came of it."""

    id: int
    delivery_id: int
    change_seq: int | None  #: None: a notice was sent
    point: str
    attempted_at: datetime
    duration_ms: int
    status: int | None
    error: str | None
    answer: str | None  #: the beginning of a refusing answer, secrets cut out


def counts(session: Session) -> dict[str, Counts]:
    """Per code, for those of which there is something."""
    rows = sql.rows(session, outbox_sql.COUNTS)
    return {point: Counts(int(due), int(dead), first_id) for point, due, dead, first_id in rows}


def owed_since(session: Session, found: Mapping[str, Counts]) -> dict[str, datetime]:
    """Since when each point waits for the oldest of what it is owed; of what is sent once more, when that is due."""
    text = f"SELECT {_DELIVERY} FROM mirrorpoint_delivery AS delivery WHERE id {sql.among(session, 'ids')}"
    since: dict[str, datetime] = {}
    for ids in outbox.chunks([each.first_id for each in found.values() if each.first_id is not None]):
        for row in map(Delivery._make, sql.rows(session, text, ids=tuple(ids))):
            at = row.due_at if is_once_more(row.event_id, row.last_status) else row.created_at
            if at is not None:
                since[row.point] = at
    return since


def read(
    session: Session,
    *,
    point: str | None = None,
    states: Collection[str] | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    after_id: int = 0,
    limit: int = 1000,
) -> list[Delivery]:
    """The next deliveries after `after_id`, the oldest first; `since` and `until` are about when they became owed."""
    points = None if point is None else [point]
    told = read_told(session, points=points, states=states, since=since, until=until, after_id=after_id, limit=limit)
    return [row for row, _, _ in told]


def read_told(
    session: Session,
    *,
    points: Collection[str] | None = None,
    states: Collection[str] | None = None,
    kinds: Collection[str] | None = None,
    records: Collection[Record] | None = None,
    notice_record: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    after_id: int = 0,
    before_id: int | None = None,
    newest_first: bool = False,
    limit: int = 1000,
) -> list[tuple[Delivery, str | None, int | None]]:
    """The same with the kind and the version of the change, None for a notice and where it is not in the log any more.

    Where `records` are given, those of notices are named by `notice_record`, their partition key.
    """
    values: dict[str, Any] = {"since": since, "until": until, "before_id": before_id}
    conditions = {
        "delivery.created_at >= :since": since,
        "delivery.created_at < :until": until,
        "delivery.id < :before_id": before_id,
    }
    which = ["delivery.id > :after_id", *(text for text, value in conditions.items() if value is not None)]
    if states is not None:
        which.append(f"delivery.state {outbox_sql.among_states(states)}")
    for column, name, chosen in (("delivery.point", "points", points), ("change.kind", "kinds", kinds)):
        if chosen is not None:
            which.append(f"{column} {sql.among(session, name)}")
            values[name] = tuple(sorted(chosen))
    if records is not None:
        which.append(_is_of(records, notice_record, values))
    text = f"""
        SELECT {_DELIVERY}, change.kind, change.version FROM mirrorpoint_delivery AS delivery
        LEFT JOIN mirrorpoint_change AS change ON change.seq = delivery.change_seq
        WHERE {" AND ".join(which)}
        ORDER BY delivery.id {"DESC" * newest_first} LIMIT :limit
    """
    found = sql.rows(session, text, after_id=after_id, limit=limit, **values)
    return [(Delivery(*row), kind, version) for *row, kind, version in found]


def _is_of(records: Collection[Record], notice_record: str | None, values: dict[str, Any]) -> str:
    """The condition; what it compares with is put to the values."""
    these = []
    for number, record in enumerate(records):
        parts = {"source": record.source, "resource": record.resource, **record.id._asdict()}
        these.append(" AND ".join(f"{name} = :{name}_{number}" for name in parts))
        values.update((f"{name}_{number}", value) for name, value in parts.items())
    chosen = f"SELECT seq FROM mirrorpoint_change WHERE {' OR '.join(f'({this})' for this in these) or 'FALSE'}"
    if notice_record is None:
        return f"delivery.change_seq IN ({chosen})"
    values["notice_record"] = notice_record
    is_notice = "delivery.notice_id IS NOT NULL AND delivery.record = :notice_record"
    return f"(delivery.change_seq IN ({chosen}) OR ({is_notice}))"


def find(session: Session, delivery_id: int) -> Delivery | None:
    """The one with that number."""
    row = sql.first(session, f"SELECT {_DELIVERY} FROM mirrorpoint_delivery AS delivery WHERE id = :id", id=delivery_id)
    return None if row is None else Delivery(*row)


def codes(session: Session) -> list[str]:
    """Of all points that there are or were, in their order."""
    return sorted({code for (code,) in sql.rows(session, "SELECT code FROM mirrorpoint_point")} - {""})


def attempts(session: Session, delivery_id: int) -> list[Attempt]:
    """All tries of one delivery, the oldest first."""
    text = f"SELECT {_ATTEMPT} FROM mirrorpoint_attempt WHERE delivery_id = :delivery_id ORDER BY id"
    return [Attempt(*row) for row in sql.rows(session, text, delivery_id=delivery_id)]


def last_answered(session: Session, point: str) -> Attempt | None:
    """The newest attempt at this point that was refused in words; the index holds nothing but such attempts."""
    text = f"""
        SELECT {_ATTEMPT} FROM mirrorpoint_attempt WHERE point = :point AND answer IS NOT NULL
        ORDER BY id DESC LIMIT 1
    """
    row = sql.first(session, text, point=point)
    return None if row is None else Attempt(*row)


def resting(session: Session) -> dict[str, int]:
    """Point -> deliveries that rest, since the process that attempted them has ended again and again."""
    text = """
        SELECT point, count(*) FROM mirrorpoint_delivery
        WHERE state = 'due' AND due_at IS NOT NULL AND losses >= :losses GROUP BY point
    """
    return dict(sql.rows(session, text, losses=outbox.LOSSES))


_TIMES = ("due_at", "leased_until", "created_at", "delivered_at")
_DELIVERY = sql.columns(*(f"delivery.{name}" for name in Delivery._fields), utc=[f"delivery.{name}" for name in _TIMES])
_ATTEMPT = sql.columns(*Attempt._fields, utc=("attempted_at",))
