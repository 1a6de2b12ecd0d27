"""Sources that cannot be read: what is told of them once, and not again with each of their resources. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from storage.states import SourceTrouble
from web import formats

#: What is said of a source, by its trouble.
_WORDS = {SourceTrouble.UNREACHED: "has not answered", SourceTrouble.REFUSED: "has refused the credentials"}


def of(status: Mapping[str, Any]) -> list[str]:
    """A paragraph for each such source: since when, why, and when it is tried again.

    One that refuses the credentials waits for a person, and is told there.
    """
    told = []
    for source in status["sources"]:
        if not source["is_unread"] or source["trouble"] == SourceTrouble.REFUSED:
            continue
        again = source["tried_again_at"]
        why = f": {source['unread_reason'].rstrip('.')}" if source["unread_reason"] else ""
        when = f"It is tried again at {formats.moment(again)}. " if again is not None else ""
        told.append(f"{source['source']} {said_of(source)}{why}. {when}`mirrorpoint sync` tries now.")
    return told


def said_of(source: Mapping[str, Any]) -> str:
    """What is wrong with it, and since when."""
    since = source["unread_since"]
    if since is None:
        return "could not be read yet"
    return f"{_WORDS.get(source['trouble'], 'has been failing')} since {formats.moment(since)}"


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
