"""Sources that cannot be read: what is told of them once, and not again with each of their resources. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from web import formats


def of(status: Mapping[str, Any]) -> list[str]:
    """A paragraph for each such source: since when, why, and when it is tried again."""
    told = []
    for source in status["sources"]:
        if not source["is_unread"]:
            continue
        name, since, again = source["source"], source["unread_since"], source["rests_until"]
        said = "could not be read yet" if since is None else f"cannot be read since {formats.moment(since)}"
        why = f": {source['unread_reason'].rstrip('.')}" if source["unread_reason"] else ""
        when = f"It is tried again at {formats.moment(again)}. " if again is not None else ""
        told.append(f"{name} {said}{why}. {when}`mirrorpoint sync` tries now.")
    return told


def without_what_follows(status: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The resources of `status`; those of such a source are silent about what is told of the source.

    What went wrong with one before that is told still.
    """
    unread = {source["source"]: source for source in status["sources"] if source["is_unread"]}
    return [
        {**row, "problem": None} if _follows(row, unread.get(row["source"])) else row for row in status["resources"]
    ]


def _follows(row: Mapping[str, Any], source: Mapping[str, Any] | None) -> bool:
    if source is None or row["held"]:
        return False
    since, at = source["unread_since"], row["last_problem_at"]
    return row["last_problem"] is None or since is None or at >= since
