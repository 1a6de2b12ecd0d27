"""The states that scans, suspects, deliveries and points have in their tables; docs/states.md draws how they follow.

Rows that are read have them as plain text, which compares equal. This file imports nothing of ours and no library, so
that commands may name states without loading the database.
"""

from __future__ import annotations

from enum import StrEnum


class ScanState(StrEnum):
    """What `mirrorpoint_scan.state` holds."""

    RUNNING = "running"  #: it was begun and has not ended; its process may be gone
    COMPLETE = "complete"  #: the walk proved complete, and its suspects are settled
    DRIFTED = "drifted"  #: the list would not stand still, or hides records that are there
    PARTIAL = "partial"  #: the server hides a part of the list, or there was trouble after the first page
    FAILED = "failed"  #: no page came, the credentials were refused, or a defect of ours ended it


class SuspectState(StrEnum):
    """What `mirrorpoint_suspect.state` holds."""

    ABSENT = "absent"  #: a complete scan did not have the record
    CONFIRMED = "confirmed"  #: it is gone by its own path, by its row, or by two complete scans in a row
    HELD = "held"  #: a scan has decided that it is not deleted before a person approves
    APPROVED = "approved"  #: a person has approved; the next look deletes it if it is still absent


class DeliveryState(StrEnum):
    """What `mirrorpoint_delivery.state` holds."""

    DUE = "due"  #: owed: at its due time, or behind an earlier event of its record
    LEASED = "leased"  #: some process attempts it, and nobody else
    DELIVERED = "delivered"  #: the point has answered 2xx
    DEAD = "dead"  #: refused for good, or the last attempt failed
    SKIPPED = "skipped"  #: owed no more: the point receives no more or has a newer version, or it was erased


class PointState(StrEnum):
    """What `mirrorpoint_point.state` holds."""

    ACTIVE = "active"  #: it receives under its code
    DISABLED = "disabled"  #: it has its code and does not receive; nothing sets it yet
    GONE = "gone"  #: it answered 410, and has its code until somebody enables it
    REMOVED = "removed"  #: taken out of the file, by command, or with its record
    SHADOWED = "shadowed"  #: it has no code: that belongs to another point, or is not awarded yet
