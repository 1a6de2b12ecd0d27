"""Whether a source cannot be read at all, since when and why: told once, and not with each of its resources. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from storage import backoff
from storage.states import ScanState, SourceTrouble

if TYPE_CHECKING:
    from storage.reports import Asking

#: Problems of a resource that need no word of their own while its source cannot be read.
_FOLLOWS = frozenset({"failed", "partial", "late"})
#: One failure is enough: no list of the source can be read then.
_CERTAIN = frozenset({SourceTrouble.UNREACHED, SourceTrouble.REFUSED})
#: How an error of a list tells that the user may not read it (`upstream/answers.py`).
_FORBIDDEN = "answered 403"


def of(asking: Asking, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Of one source, in the shape of `--json`. `rows`: those of its resources that are not off.

    `trouble` is one of SourceTrouble, or None. `unread_since`: since when it is so, or for what may be the fault of
    single lists the end of the last complete scan of any of them; it is None where no scan ever was.
    """
    refused = {"refused_at": asking.refused_at, "refused_reason": asking.refused_reason}
    if asking.failures and asking.trouble in _CERTAIN:
        return {**refused, **_told(asking.trouble, asking.trouble_since, asking.trouble_reason)}
    since = _first_forbidden(rows)
    if since is not None:
        why = "every list answers 403, so its user may read none of them"
        return {"refused_at": since, "refused_reason": why, **_told(SourceTrouble.REFUSED, since, why)}
    if asking.failures < backoff.SOURCE_FAILURES:
        return {**refused, "is_unread": False, "trouble": None, "unread_since": None, "unread_reason": None}
    since = max((row["last_complete_at"] for row in rows if row["last_complete_at"] is not None), default=None)
    told = [row for row in rows if row["last_problem"] and (since is None or row["last_problem_at"] >= since)]
    # A list of many lists tells how many of them failed, which is no word about the source.
    plain = [row for row in told if row["state"] == ScanState.FAILED] or told
    newest = max(plain, key=lambda row: row["last_problem_at"], default=None)
    return {**refused, **_told(SourceTrouble.FAILING, since, None if newest is None else newest["last_problem"])}


def tried_again_at(asking: Asking, rows: Sequence[Mapping[str, Any]]) -> datetime | None:
    """When its rest is over, or a longer pause that it asked for; where it does not rest, the next turn of a list.

    None where nothing of it has failed, or no list has a turn. `rows`: those of its resources that are not off.
    """
    turns = [row["next_at"] for row in rows if row["next_at"] is not None] if asking.failures else []
    at, paused_until = asking.rests_until or min(turns, default=None), asking.paused_until
    return at if at is None or paused_until is None else max(at, paused_until)


def explains(source: Mapping[str, Any], row: Mapping[str, Any], code: str) -> bool:
    """Whether a problem of the resource follows from its source, which cannot be read."""
    if not source["is_unread"] or code not in _FOLLOWS:
        return False
    since, at = source["unread_since"], row["last_problem_at"]
    return code == "late" or since is None or (at is not None and at >= since)


def _told(trouble: str, since: datetime | None, reason: str | None) -> dict[str, Any]:
    return {"is_unread": True, "trouble": trouble, "unread_since": since, "unread_reason": reason}


def _first_forbidden(rows: Sequence[Mapping[str, Any]]) -> datetime | None:
    """Since when the user may read no list at all; None where he may, or where that is not certain.

    One list that answers 403 says nothing of the others. Lists that wait for their parent were not asked.
    """
    asked = [row for row in rows if row["scan_id"] is not None]
    if not asked or not all(_FORBIDDEN in (row["last_problem"] or "") for row in asked):
        return None
    complete = [row["last_complete_at"] for row in asked if row["last_complete_at"] is not None]
    since: datetime = max(complete) if complete else min(row["last_problem_at"] for row in asked)
    return since
