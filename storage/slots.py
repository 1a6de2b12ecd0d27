"""Slots: the moments at which resources are to be scanned, each written once however many clocks there are.

The clock opens them, housekeeping finds those whose wake-up was lost, the scan step takes and finishes them.
"""

# ruff: noqa: S608  # values are parameters
from __future__ import annotations

from collections.abc import Container, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from changes import clocks
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


def open_slots(
    session: Session, slots: Sequence[Slot], *, now: datetime, woken: Container[tuple[str, str]] | None = None
) -> int:
    """How many of them were new: another clock may have written the others.

    Those of the (source, resource) in `woken`, or all, count as woken at `now`; housekeeping wakes the others.
    """
    columns = (*Slot._fields, "woken_at")
    rows = [(*slot, now if woken is None or (slot.source, slot.resource) in woken else None) for slot in sorted(slots)]
    return sql.add_new(session, "mirrorpoint_slot", columns, rows)


def waiting(
    session: Session, *, now: datetime, woken_before: datetime, queued_before: datetime | None = None
) -> list[tuple[str, str]]:
    """(source, resource) with a slot that has come and is not done, and whose wake-up needs to be sent, or sent again.

    It was not woken yet, or handed back; or its scan is under way and was woken before `woken_before`: the worker that
    took it may be gone; or it was last woken before `queued_before` (None: `woken_before`): its wake-up may be lost.
    Those for a head scan come first, then scans under way, then those whose slot came first.
    """
    text = """
        SELECT source, resource FROM mirrorpoint_slot AS slot
        WHERE done_at IS NULL AND slot_at <= :now AND (
            woken_at IS NULL OR handed_back_at IS NOT NULL
            OR (scan_id IS NOT NULL AND woken_at < :woken_before)
            OR (scan_id IS NULL AND woken_at < :queued_before AND NOT EXISTS (
                SELECT 1 FROM mirrorpoint_slot AS later
                WHERE later.source = slot.source AND later.resource = slot.resource AND later.done_at IS NULL
                    AND later.slot_at <= :now AND later.woken_at >= :queued_before
            ))
        )
        GROUP BY source, resource
        ORDER BY min(CASE WHEN kind = :head THEN 0 WHEN scan_id IS NOT NULL THEN 1 ELSE 2 END), min(slot_at),
            source, resource
    """
    limits = {"woken_before": woken_before, "queued_before": queued_before or woken_before}
    found = sql.rows(session, text, now=now, head=HEAD, **limits)
    return [(source, resource) for source, resource in found]


def oldest_queued(session: Session, *, now: datetime, queued: int) -> datetime | None:
    """What was woken before this moment is not in the queue, if it holds so many wake-ups; None: all may be in it.

    It is a queue: what was put in last is taken last. So only those can be in it that were woken last and that nobody
    has begun. There may be others in it, or one twice; then some are thought to be in it that are not.
    """
    text = """
        SELECT max(woken_at) AS "woken_at [utc]" FROM mirrorpoint_slot
        WHERE done_at IS NULL AND slot_at <= :now AND scan_id IS NULL AND handed_back_at IS NULL
            AND woken_at IS NOT NULL
        GROUP BY source, resource ORDER BY max(woken_at) DESC LIMIT 1 OFFSET :before
    """
    found = sql.first(session, text, now=now, before=max(0, queued - 1))
    return None if found is None else found[0]


def note_woken(session: Session, resources: Sequence[tuple[str, str]], *, now: datetime) -> None:
    """A wake-up is sent for the undone slots of each (source, resource)."""
    text = f"UPDATE mirrorpoint_slot SET woken_at = :now, handed_back_at = NULL WHERE {_UNDONE}"
    rows = [{"source": source, "resource": resource, "now": now} for source, resource in sorted(resources)]
    sql.change_each(session, text, rows)


def note_unanswered(session: Session, source: str, resource: str, *, now: datetime) -> None:
    """Its wake-up has come, and no scan could begin: what has come by now needs another one."""
    text = f"""
        UPDATE mirrorpoint_slot SET woken_at = NULL
        WHERE {_UNDONE} AND scan_id IS NULL AND slot_at <= :now AND woken_at IS NOT NULL
    """
    sql.change(session, text, source=source, resource=resource, now=now)


def note_handed_back(session: Session, source: str, resource: str, *, now: datetime) -> None:
    """Its wake-up found no room: it waits behind those of its source that were handed back before."""
    text = f"UPDATE mirrorpoint_slot SET handed_back_at = :now WHERE {_UNDONE}"
    sql.change(session, text, source=source, resource=resource, now=now)


def handed_back(session: Session, *, now: datetime, source: str | None = None) -> list[tuple[str, str]]:
    """(source, resource) that wait for room at this source, or at any: for a head scan first, then who waits longer."""
    of_source = "" if source is None else "AND source = :source"
    text = f"""
        SELECT source, resource FROM mirrorpoint_slot
        WHERE done_at IS NULL AND slot_at <= :now AND handed_back_at IS NOT NULL {of_source}
        GROUP BY source, resource
        ORDER BY min(CASE WHEN kind = :head THEN 0 ELSE 1 END), min(handed_back_at), resource
    """
    given = {} if source is None else {"source": source}
    return [(source, resource) for source, resource in sql.rows(session, text, now=now, head=HEAD, **given)]


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


def is_taken(session: Session, source: str, resource: str, *, scan_id: str) -> bool:
    """Whether slots of the resource wait for this scan to end."""
    text = f"SELECT 1 FROM mirrorpoint_slot WHERE {_UNDONE} AND scan_id = :scan_id LIMIT 1"
    return sql.first(session, text, source=source, resource=resource, scan_id=scan_id) is not None


def finish_slots(session: Session, source: str, resource: str, *, scan_id: str, now: datetime) -> int:
    """The slots that the scan has answered are done; how many they were."""
    text = f"UPDATE mirrorpoint_slot SET done_at = :now WHERE {_UNDONE} AND scan_id = :scan_id"
    return sql.change(session, text, source=source, resource=resource, scan_id=scan_id, now=now)


def last_slots(session: Session, asked: Sequence[tuple[str, str, str]]) -> dict[tuple[str, str, str], datetime]:
    """(source, resource, kind) -> its latest slot, for a clock that starts; those without any are left out."""
    given = [list(each) for each in asked]
    return {asked[number]: latest for number, latest in sql.rows(session, _LAST[session.dialect], asked=given)}


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


def wake_from_ahead(session: Session, *, now: datetime) -> int:
    """Those that were woken, or are to wait, at a time that no clock which is right has written; how many they were.

    They would count as paused until then. A full scan pauses no longer than its requests are spread.
    """
    text = """
        SELECT slot.source, slot.resource, max(slot.woken_at) AS "woken_at [utc]", max(plan.spread_seconds)
        FROM mirrorpoint_slot AS slot LEFT JOIN mirrorpoint_cadence AS plan
            ON plan.source = slot.source AND plan.resource = slot.resource
        WHERE slot.done_at IS NULL AND slot.woken_at > :after
        GROUP BY slot.source, slot.resource ORDER BY slot.source, slot.resource
    """
    wrong = [
        {"source": source, "resource": resource}
        for source, resource, woken_at, spread in sql.rows(session, text, after=clocks.latest(now))
        if woken_at > clocks.latest(now, timedelta(seconds=spread or 0.0))
    ]
    sql.change_each(session, f"UPDATE mirrorpoint_slot SET woken_at = NULL WHERE {_UNDONE}", wrong)
    return len(wrong)


# A look at the end of the primary key for each: slots are kept for days, and to group all of them would read them all.
_LAST = {
    "sqlite": """
        SELECT number, slot_at AS "slot_at [utc]" FROM (
            SELECT asked.key AS number, (
                SELECT max(slot_at) FROM mirrorpoint_slot AS slot
                WHERE source = json_extract(asked.value, '$[0]') AND resource = json_extract(asked.value, '$[1]')
                    AND kind = json_extract(asked.value, '$[2]')
            ) AS slot_at
            FROM json_each(:asked) AS asked
        ) WHERE slot_at IS NOT NULL
    """,
    "postgresql": """
        SELECT number - 1, slot_at
        FROM jsonb_array_elements(CAST(:asked AS JSONB)) WITH ORDINALITY AS asked (at, number) CROSS JOIN LATERAL (
            SELECT slot_at FROM mirrorpoint_slot
            WHERE source = at ->> 0 AND resource = at ->> 1 AND kind = at ->> 2 ORDER BY slot_at DESC LIMIT 1
        ) AS latest
    """,
}
