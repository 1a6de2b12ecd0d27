"""Whether a source cannot be read at all, since when and why: told once, and not with each of its resources. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from storage import backoff
from storage.states import ScanState

#: Problems of a resource that need no word of their own while its source cannot be read.
_FOLLOWS = frozenset({"failed", "partial", "late"})


def of(failures: int, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Of one source, in the shape of `--json`. `rows`: those of its resources; `failures`: scans in a row that failed.

    `unread_since`: when the last scan of any of them was complete. It is None where no scan ever was.
    """
    if failures < backoff.SOURCE_FAILURES:
        return {"is_unread": False, "unread_since": None, "unread_reason": None}
    since = max((row["last_complete_at"] for row in rows if row["last_complete_at"] is not None), default=None)
    told = [row for row in rows if row["last_problem"] and (since is None or row["last_problem_at"] >= since)]
    # A list of many lists tells how many of them failed, which is no word about the source.
    plain = [row for row in told if row["state"] == ScanState.FAILED] or told
    newest = max(plain, key=lambda row: row["last_problem_at"], default=None)
    reason = None if newest is None else newest["last_problem"]
    return {"is_unread": True, "unread_since": since, "unread_reason": reason}


def explains(source: Mapping[str, Any], row: Mapping[str, Any], code: str) -> bool:
    """Whether a problem of the resource follows from its source, which cannot be read."""
    if not source["is_unread"] or code not in _FOLLOWS:
        return False
    since, at = source["unread_since"], row["last_problem_at"]
    return code == "late" or since is None or (at is not None and at >= since)
