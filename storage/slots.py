"""Slots: the moments at which resources are to be scanned, each written once however many clocks there are.

The clock opens them, housekeeping finds those whose wake-up was lost, the scan step takes and finishes them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import and_, case, delete, exists, func, or_, select, update
from sqlmodel import Session, col

from storage import sql
from storage.sql import given
from storage.tables import SlotRow

FULL, HEAD = "full", "head"
#: Slots in one statement: five parameters each, and old builds of SQLite take 999.
_AT_A_TIME = 150


class Slot(NamedTuple):
    """A resource's turn."""

    source: str
    resource: str
    kind: str  #: full or head
    slot_at: datetime


def open_slots(session: Session, slots: Sequence[Slot], *, now: datetime) -> int:
    """How many of them were new: another clock may have written the others. Those written count as woken at `now`."""
    new = 0
    for start in range(0, len(slots), _AT_A_TIME):
        rows = [slot._asdict() | {"woken_at": now} for slot in slots[start : start + _AT_A_TIME]]
        statement = sql.insert(session, SlotRow).values(rows).on_conflict_do_nothing()
        # Counted by what comes back: for an INSERT of several rows the driver of PostgreSQL knows no row count.
        new += len(sql.run(session, statement.returning(col(SlotRow.slot_at))).all())
    return new


def waiting(session: Session, *, now: datetime, woken_before: datetime) -> list[tuple[str, str]]:
    """(source, resource) with a slot that has come and is not done, and whose wake-up needs to be sent again.

    It was handed back, or is older than `woken_before`: the worker that took the slot may be gone.
    """
    statement = (
        select(col(SlotRow.source), col(SlotRow.resource))
        .where(
            col(SlotRow.done_at).is_(None),
            col(SlotRow.slot_at) <= now,
            or_(
                col(SlotRow.woken_at).is_(None),
                col(SlotRow.woken_at) < woken_before,
                col(SlotRow.handed_back_at).is_not(None),
            ),
        )
        .distinct()
    )
    return [(source, resource) for source, resource in sql.run(session, statement)]


def note_woken(session: Session, source: str, resource: str, *, now: datetime) -> None:
    """A wake-up was sent for the undone slots."""
    sql.run(session, update(SlotRow).where(*_undone(source, resource)).values(woken_at=now, handed_back_at=None))


def note_handed_back(session: Session, source: str, resource: str, *, now: datetime) -> None:
    """Its wake-up found no room: it waits behind those of its source that were handed back before."""
    sql.run(session, update(SlotRow).where(*_undone(source, resource)).values(handed_back_at=now))


def handed_back(session: Session, source: str, *, now: datetime) -> list[str]:
    """The resources that wait for room: those for a head scan first, then who has waited longest."""
    statement = (
        select(col(SlotRow.resource))
        .where(
            col(SlotRow.source) == source,
            col(SlotRow.done_at).is_(None),
            col(SlotRow.slot_at) <= now,
            col(SlotRow.handed_back_at).is_not(None),
        )
        .group_by(col(SlotRow.resource))
        .order_by(
            func.min(case((col(SlotRow.kind) == HEAD, 0), else_=1)),
            func.min(SlotRow.handed_back_at),
            col(SlotRow.resource),
        )
    )
    return list(sql.run(session, statement).scalars())


def waiting_kinds(session: Session, source: str, resource: str, *, now: datetime) -> set[str]:
    """The kinds of the resource's slots that have come and are not done."""
    which = (*_undone(source, resource), col(SlotRow.slot_at) <= now)
    return set(sql.run(session, select(col(SlotRow.kind)).where(*which).distinct()).scalars())


def is_anybody_waiting(session: Session, source: str, resource: str, *, now: datetime) -> bool:
    """Whether a scan waits for room at the source, or a head scan of the resource is due."""
    return bool(sql.run_given(session, _ANYBODY, source=source, resource=resource, now=now).scalar())


def is_head_waiting(session: Session, source: str, resource: str, *, now: datetime) -> bool:
    """Whether a head scan waits for this resource's lease, or has found no room at its source."""
    which = (
        col(SlotRow.source) == source,
        col(SlotRow.done_at).is_(None),
        col(SlotRow.kind) == HEAD,
        col(SlotRow.slot_at) <= now,
        or_(col(SlotRow.resource) == resource, col(SlotRow.handed_back_at).is_not(None)),
    )
    return sql.run(session, select(col(SlotRow.resource)).where(*which).limit(1)).first() is not None


def waiting_heads(session: Session, *, now: datetime) -> set[tuple[str, str]]:
    """(source, resource) with a head slot that has come and that nobody has answered yet."""
    which = (col(SlotRow.done_at).is_(None), col(SlotRow.kind) == HEAD, col(SlotRow.slot_at) <= now)
    rows = sql.run(session, select(col(SlotRow.source), col(SlotRow.resource)).where(*which).distinct())
    return {(source, resource) for source, resource in rows}


def take_slots(session: Session, source: str, resource: str, *, scan_id: str, now: datetime) -> int:
    """The full scan answers all slots of its kind that have come by now; how many they are."""
    return sql.run_given(session, _TAKE, source=source, resource=resource, scan_id=scan_id, now=now).rowcount


def drop_heads(session: Session, source: str, resource: str, *, now: datetime) -> None:
    """The head slots that have come are answered. They are many and tell nothing afterwards, so none is kept."""
    sql.run_given(session, _DROP_HEADS, source=source, resource=resource, now=now)


def pause(session: Session, source: str, resource: str, *, until: datetime, wake_again: timedelta) -> None:
    """The full scan that has taken its slots goes on then: `wake_again` after their last wake-up they get another."""
    which = (*_undone(source, resource), col(SlotRow.kind) == FULL, col(SlotRow.scan_id).is_not(None))
    sql.run(session, update(SlotRow).where(*which).values(woken_at=until - wake_again, handed_back_at=None))


def is_paused(session: Session, source: str, resource: str, *, now: datetime) -> bool:
    """Whether a full scan is not to go on yet, however it was woken."""
    return bool(sql.run_given(session, _PAUSED, source=source, resource=resource, now=now).scalar())


def finish_slots(session: Session, source: str, resource: str, *, scan_id: str, now: datetime) -> int:
    """The slots that the scan has answered are done; how many they were."""
    return sql.run_given(session, _FINISH, source=source, resource=resource, scan_id=scan_id, now=now).rowcount


def last_slots(session: Session) -> dict[tuple[str, str, str], datetime]:
    """(source, resource, kind) -> its latest slot, for a clock that starts."""
    which = (col(SlotRow.source), col(SlotRow.resource), col(SlotRow.kind))
    rows = sql.run(session, select(*which, func.max(SlotRow.slot_at)).group_by(*which))
    return {(source, resource, kind): latest for source, resource, kind, latest in rows}


def forget_slots(session: Session, *, before: datetime) -> int:
    """Leave out done slots that are older; how many they were."""
    which = (col(SlotRow.done_at).is_not(None), col(SlotRow.slot_at) < before)
    return sql.count_run(session, delete(SlotRow).where(*which))


def forget_waiting(session: Session, source: str, resource: str) -> None:
    """Leave out those of the resource that nobody has answered yet."""
    sql.run(session, delete(SlotRow).where(*_undone(source, resource)))


def forget_later(session: Session, *, after: datetime) -> int:
    """Leave out slots of a time that has not come; how many they were."""
    return sql.count_run(session, delete(SlotRow).where(col(SlotRow.slot_at) > after))


def _undone(source: Any, resource: Any) -> tuple[Any, ...]:
    return (col(SlotRow.source) == source, col(SlotRow.resource) == resource, col(SlotRow.done_at).is_(None))


_MINE, _HAS_COME = _undone(given("source"), given("resource")), col(SlotRow.slot_at) <= given("now")
_TAKE = update(SlotRow).where(*_MINE, _HAS_COME, col(SlotRow.kind) == FULL).values(scan_id=given("scan_id"))
_FINISH = update(SlotRow).where(*_MINE, col(SlotRow.scan_id) == given("scan_id")).values(done_at=given("now"))
_DROP_HEADS = delete(SlotRow).where(*_MINE, _HAS_COME, col(SlotRow.kind) == HEAD)
_PAUSED = select(
    exists().where(
        *_MINE, col(SlotRow.kind) == FULL, col(SlotRow.scan_id).is_not(None), col(SlotRow.woken_at) > given("now")
    )
)
_ANYBODY = select(
    exists().where(
        col(SlotRow.source) == given("source"),
        col(SlotRow.done_at).is_(None),
        _HAS_COME,
        or_(
            col(SlotRow.handed_back_at).is_not(None),
            and_(col(SlotRow.resource) == given("resource"), col(SlotRow.kind) == HEAD),
        ),
    )
)
