"""What grows and serves nobody any more: scans that found nothing, attempts of what has arrived; used by housekeeping.

The change log, the mirror and the deliveries themselves are never touched. Each call is one short transaction's work.
"""

# ruff: noqa: S608  # values are parameters
from __future__ import annotations

from datetime import datetime

from storage import scans, sql
from storage.session import Session
from storage.states import DeliveryState, ScanState

#: Rows looked at in one transaction.
AT_A_TIME = 500


def forget_scans(session: Session, *, before: datetime, incomplete_before: datetime, after_id: str = "") -> str | None:
    """Leave out scans that began before, and that no change or hold refers to; looks at `AT_A_TIME` behind `after_id`.

    Kept are the last of each resource, its last complete one, and all that may have brought first sights: those are
    in no counter. Those that were not complete are kept as long as `incomplete_before` says. Returns where to go on,
    None at the end.
    """
    chosen = """
        SELECT id FROM mirrorpoint_scan WHERE id > :after_id AND id < :before_id ORDER BY id LIMIT :limit
    """
    found = sql.rows(session, chosen, after_id=after_id, before_id=scans.first_id(before), limit=AT_A_TIME)
    if not found:
        return None
    ids = tuple(scan_id for (scan_id,) in found)
    same_resource = "other.source = mirrorpoint_scan.source AND other.resource = mirrorpoint_scan.resource"
    forgettable = f"""
        DELETE FROM mirrorpoint_scan
        WHERE id {sql.among(session, "ids")}
            AND created = 0 AND updated = 0 AND deleted = 0 AND restored = 0 AND held = 0
            AND (state = :complete OR ended_at < :incomplete_before)
            AND EXISTS (
                SELECT 1 FROM mirrorpoint_scan AS other WHERE {same_resource} AND other.id > mirrorpoint_scan.id
            )
            AND (rows = 0 OR EXISTS (
                SELECT 1 FROM mirrorpoint_resource AS other
                WHERE {same_resource} AND other.baseline_at < mirrorpoint_scan.ended_at
            ))
            AND NOT EXISTS (
                SELECT 1 FROM mirrorpoint_resource AS other
                WHERE {same_resource} AND other.last_complete_id = mirrorpoint_scan.id
            )
    """
    sql.change(session, forgettable, ids=ids, complete=ScanState.COMPLETE, incomplete_before=incomplete_before)
    last: str = ids[-1]
    return last


def forget_attempts(session: Session, *, before: datetime, after_id: int = 0) -> int | None:
    """Leave out attempts made earlier whose delivery has arrived; works like `forget_scans`.

    Of one that was sent again after it had arrived, every attempt that the point took stays: the delivery itself knows
    the last time only.
    """
    looked_at = """
        SELECT id, attempted_at AS "attempted_at [utc]", delivery_id FROM mirrorpoint_attempt
        WHERE id > :after_id ORDER BY id LIMIT :limit
    """
    rows = sql.rows(session, looked_at, after_id=after_id, limit=AT_A_TIME)
    old = [(id_, delivery_id) for id_, attempted_at, delivery_id in rows if attempted_at < before]
    if not old:
        return None
    arrived = f"""
        SELECT id FROM mirrorpoint_delivery
        WHERE id {sql.among(session, "deliveries")} AND state = :delivered AND delivered_at < :before
    """
    was_sent_again = """
        mirrorpoint_attempt.status BETWEEN 200 AND 299 AND EXISTS (
            SELECT 1 FROM mirrorpoint_attempt AS other
            WHERE other.delivery_id = mirrorpoint_attempt.delivery_id
                AND (other.id > mirrorpoint_attempt.id
                    OR (other.id < mirrorpoint_attempt.id AND other.status BETWEEN 200 AND 299))
        )
    """
    forgettable = f"""
        DELETE FROM mirrorpoint_attempt
        WHERE id {sql.among(session, "ids")} AND delivery_id IN ({arrived})
            AND (status IS NULL OR NOT ({was_sent_again}))
    """
    ids, deliveries = tuple(id_ for id_, _ in old), tuple({delivery_id for _, delivery_id in old})
    delivered = DeliveryState.DELIVERED
    sql.change(session, forgettable, ids=ids, deliveries=deliveries, delivered=delivered, before=before)
    last: int = ids[-1]
    return last if len(old) == len(rows) else None
