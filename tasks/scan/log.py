"""One log line for each scan that has ended, with all that is known of it; called by the Celery task and by heads."""

from __future__ import annotations

from storage.scans import Scan
from storage.states import ScanState
from tasks.log_lines import Logger
from tasks.scan.slice_end import SliceEnd

log = Logger("mirrorpoint.scan")

_COUNTERS = (
    *("pages", "rows", "created", "updated", "deleted", "restored", "held"),
    *("skipped", "doubles", "repaired", "unconverted"),
)


def tell(source: str, resource: str, end: SliceEnd) -> None:
    """Complete scans that found nothing go to DEBUG: each of a hundred resources has one every few minutes."""
    scan = end.scan
    if scan is None or scan.ended_at is None:
        return
    told = (scan.created, scan.updated, scan.deleted, scan.restored, scan.held, scan.skipped)
    is_eventful = end.is_baseline or any(told)
    write = log.warning if scan.state != ScanState.COMPLETE else log.info if is_eventful else log.debug
    write(
        "scan_ended",
        source=source,
        resource=resource,
        scan_id=scan.id,
        state=scan.state,
        seconds=round((scan.ended_at - scan.started_at).total_seconds(), 3),
        **{name: getattr(scan, name) for name in _COUNTERS},
        **({"reason": scan.reason} if scan.reason else {}),
    )


def tell_head(scan: Scan) -> None:
    """Those that found nothing go to DEBUG: there may be one every few seconds."""
    is_eventful = scan.created or scan.updated or scan.restored or scan.reason
    write = log.warning if scan.state != ScanState.COMPLETE else log.info if is_eventful else log.debug
    write(
        "head_scan_ended",
        source=scan.source,
        resource=scan.resource,
        scan_id=scan.id,
        state=scan.state,
        requests=scan.requests,
        created=scan.created,
        updated=scan.updated,
        restored=scan.restored,
        **({"reason": scan.reason} if scan.reason else {}),
    )
