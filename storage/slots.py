"""Slots: the moments at which resources are to be scanned, each written once however many clocks there are.

The clock opens them, housekeeping finds those whose wake-up was lost, the scan step takes and finishes them.
"""

# ruff: noqa: S608  # values are parameters
from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from storage import sql
from storage.session import Session

FULL, HEAD = "full", "head"
#: The slots of a resource that nobody has answered yet.
_UNDONE = "source = :source AND resource = :resource AND done_at IS NULL"


class Slot(NamedTuple):
    """A resource's turn."""

    source: str
    resource: str
    kind: str  #: full or head
    slot_at: datetime


def open_slots(session: Session, slots: Sequence[Slot], *, now: datetime) -> int:
    """How many of them were new: another clock may have written the others. Those written count as woken at `now`."""
    columns = (*Slot._fields, "woken_at")
    return sql.add_new(session, "mirrorpoint_slot", columns, [(*slot, now) for slot in slots])


def waiting(session: Session, *, now: datetime, woken_before: datetime) -> list[tuple[str, str]]:
    """(source, resource) with a slot that has come and is not done, and whose wake-up needs to be sent again.

    It was handed back, or is older than `woken_before`: the worker that took the slot may be gone.
    """
    text = """
        SELECT DISTINCT source, resource FROM mirrorpoint_slot
        WHERE done_at IS NULL AND slot_at <= :now
            AND (woken_at IS NULL OR woken_at < :woken_before OR handed_back_at IS NOT NULL)
    """
    return [(source, resource) for source, resource in sql.rows(session, text, now=now, woken_before=woken_before)]


def note_woken(session: Session, source: str, resource: str, *, now: datetime) -> None:
    """A wake-up was sent for the undone slots."""
    text = f"UPDATE mirrorpoint_slot SET woken_at = :now, handed_back_at = NULL WHERE {_UNDONE}"
    sql.change(session, text, source=source, resource=resource, now=now)


def note_handed_back(session: Session, source: str, resource: str, *, now: datetime) -> None:
    """Its wake-up found no room: it waits behind those of its source that were handed back before."""
    text = f"UPDATE mirrorpoint_slot SET handed_back_at = :now WHERE {_UNDONE}"
    sql.change(session, text, source=source, resource=resource, now=now)


def handed_back(session: Session, source: str, *, now: datetime) -> list[str]:
    """The resources that wait for room: those for a head scan first, then who has waited longest."""
    text = """
        SELECT resource FROM mirrorpoint_slot
        WHERE source = :source AND done_at IS NULL AND slot_at <= :now AND handed_back_at IS NOT NULL
        GROUP BY resource
        ORDER BY min(CASE WHEN kind = :head THEN 0 ELSE 1 END), min(handed_back_at), resource
    """
    return [resource for (resource,) in sql.rows(session, text, source=source, now=now, head=HEAD)]


def waiting_kinds(session: Session, source: str, resource: str, *, now: datetime) -> set[str]:
    """The kinds of the resource's slots that have come and are not done."""
    text = f"SELECT DISTINCT kind FROM mirrorpoint_slot WHERE {_UNDONE} AND slot_at <= :now"
    return {kind for (kind,) in sql.rows(session, text, source=source, resource=resource, now=now)}


def is_anybody_waiting(session: Session, source: str, resource: str, *, now: datetime) -> bool:
    """Whether a scan waits for room at the source, or a head scan of the resource is due."""
    text = """
        SELECT 1 FROM mirrorpoint_slot
        WHERE source = :source AND done_at IS NULL AND slot_at <= :now
            AND (handed_back_at IS NOT NULL OR (resource = :resource AND kind = :head))
        LIMIT 1
    """
    return sql.first(session, text, source=source, resource=resource, now=now, head=HEAD) is not None


def is_head_waiting(session: Session, source: str, resource: str, *, now: datetime) -> bool:
    """Whether a head scan waits for this resource's lease, or has found no room at its source."""
    text = """
        SELECT 1 FROM mirrorpoint_slot
        WHERE source = :source AND done_at IS NULL AND kind = :head AND slot_at <= :now
            AND (resource = :resource OR handed_back_at IS NOT NULL)
        LIMIT 1
    """
    return sql.first(session, text, source=source, resource=resource, now=now, head=HEAD) is not None


def waiting_heads(session: Session, *, now: datetime) -> set[tuple[str, str]]:
    """(source, resource) with a head slot that has come and that nobody has answered yet."""
    text = """
        SELECT DISTINCT source, resource FROM mirrorpoint_slot
        WHERE done_at IS NULL AND kind = :head AND slot_at <= :now
    """
    return {(source, resource) for source, resource in sql.rows(session, text, now=now, head=HEAD)}


def take_slots(session: Session, source: str, resource: str, *, scan_id: str, now: datetime) -> int:
    """The full scan answers all slots of its kind that have come by now; how many they are."""
    text = f"UPDATE mirrorpoint_slot SET scan_id = :scan_id WHERE {_UNDONE} AND slot_at <= :now AND kind = :full"
    return sql.change(session, text, source=source, resource=resource, scan_id=scan_id, now=now, full=FULL)


def drop_heads(session: Session, source: str, resource: str, *, now: datetime) -> None:
    """The head slots that have come are answered. They are many and tell nothing afterwards, so none is kept."""
    text = f"DELETE FROM mirrorpoint_slot WHERE {_UNDONE} AND slot_at <= :now AND kind = :head"
    sql.change(session, text, source=source, resource=resource, now=now, head=HEAD)


def try_head_again(session: Session, source: str, resource: str, *, at: datetime) -> None:
    """A head scan has failed and rests until then: its turn comes when that is over, and not only at its next one."""
    slot = (*Slot(source, resource, HEAD, at), None)
    sql.add_new(session, "mirrorpoint_slot", (*Slot._fields, "woken_at"), [slot])


def pause(session: Session, source: str, resource: str, *, until: datetime, wake_again: timedelta) -> None:
    """The full scan that has taken its slots goes on then: `wake_again` after their last wake-up they get another."""
    text = f"""
        UPDATE mirrorpoint_slot SET woken_at = :woken_at, handed_back_at = NULL
        WHERE {_UNDONE} AND kind = :full AND scan_id IS NOT NULL
    """
    sql.change(session, text, source=source, resource=resource, woken_at=until - wake_again, full=FULL)


def is_paused(session: Session, source: str, resource: str, *, now: datetime) -> bool:
    """Whether a full scan is not to go on yet, however it was woken."""
    text = f"""
        SELECT 1 FROM mirrorpoint_slot
        WHERE {_UNDONE} AND kind = :full AND scan_id IS NOT NULL AND woken_at > :now
        LIMIT 1
    """
    return sql.first(session, text, source=source, resource=resource, now=now, full=FULL) is not None


def finish_slots(session: Session, source: str, resource: str, *, scan_id: str, now: datetime) -> int:
    """The slots that the scan has answered are done; how many they were."""
    text = f"UPDATE mirrorpoint_slot SET done_at = :now WHERE {_UNDONE} AND scan_id = :scan_id"
    return sql.change(session, text, source=source, resource=resource, scan_id=scan_id, now=now)


def last_slots(session: Session) -> dict[tuple[str, str, str], datetime]:
    """(source, resource, kind) -> its latest slot, for a clock that starts."""
    text = """
        SELECT source, resource, kind, max(slot_at) AS "slot_at [utc]"
        FROM mirrorpoint_slot GROUP BY source, resource, kind
    """
    return {(source, resource, kind): latest for source, resource, kind, latest in sql.rows(session, text)}


def forget_slots(session: Session, *, before: datetime) -> int:
    """Leave out done slots that are older; how many they were."""
    text = "DELETE FROM mirrorpoint_slot WHERE done_at IS NOT NULL AND slot_at < :before"
    return sql.change(session, text, before=before)


def forget_waiting(session: Session, source: str, resource: str) -> None:
    """Leave out those of the resource that nobody has answered yet."""
    sql.change(session, f"DELETE FROM mirrorpoint_slot WHERE {_UNDONE}", source=source, resource=resource)


def forget_later(session: Session, *, after: datetime, heads_after: datetime) -> int:
    """Leave out slots of a time that has not come; how many they were. Those of head scans that rest come later."""
    text = "DELETE FROM mirrorpoint_slot WHERE slot_at > CASE WHEN kind = :head THEN :heads_after ELSE :after END"
    return sql.change(session, text, after=after, heads_after=heads_after, head=HEAD)
