"""Head scans in the database: each is one row, written when it has ended, and what is known of its resource's heads.

Called by the head scan's one transaction.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from changes.records import Json
from storage import scans, sql, tally
from storage.scans import Scan
from storage.session import Session
from storage.slots import HEAD

#: Head scans that found nothing and are older were left out before, or were kept for a reason.
KEPT = timedelta(days=1)


def note(session: Session, source: str, resource: str, *, head: Mapping[str, Json]) -> None:
    """What is known of the resource's head scans from now on."""
    scans.put_state(session, source, resource, {"head": dict(head)})


def add(session: Session, scan: Scan, *, head: Mapping[str, Json], baseline_at: datetime | None) -> None:
    """A head scan that has ended, and what is known of the resource's heads from now on.

    Head scans before it that found nothing are left out: there may be thousands of them a day. Before the base line
    first sights name their scan, and are in no counter: those stay.
    """
    scans.add(session, scan)
    note(session, scan.source, scan.resource, head=head)
    if baseline_at is not None:
        text = """
            DELETE FROM mirrorpoint_scan
            WHERE source = :source AND resource = :resource AND kind = :head AND id < :scan_id AND id >= :first_id
                AND started_at > :baseline_at AND created = 0 AND updated = 0 AND restored = 0
        """
        values = {"source": scan.source, "resource": scan.resource, "head": HEAD, "scan_id": scan.id}
        first_id = scans.first_id(scan.started_at - KEPT)
        sql.change(session, text, **values, first_id=first_id, baseline_at=baseline_at)
    counted = tally.of_scan(scan.source, scan.resource, scan.kind, scan.state, requests=scan.requests)
    tally.add(session, counted, now=scan.ended_at or scan.started_at)
