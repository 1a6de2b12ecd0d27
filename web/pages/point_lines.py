"""Points as they are shown, in lists and on their own pages: what `status` says of one, and what is known beside it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from storage import deliveries, points, readers
from storage.readers import Reader
from storage.session import Session
from web.pages import last_day


class Known(NamedTuple):
    """What `status` does not say of points, by their codes."""

    oldest: Mapping[str, datetime]  #: since when the oldest of what is owed waits
    told: Mapping[str, tuple[int, int]]  #: of the last 24 h: what arrived, and what ended
    readers: Mapping[str, Reader]  #: how far each has read the feed


def known(session: Session, *, now: datetime) -> Known:
    """Of all points."""
    return Known(
        deliveries.owed_since(session, deliveries.counts(session)),
        last_day.told(session, now=now),
        {each.name: each for each in readers.read(session) if each.kind == "point"},
    )


def line(point: Mapping[str, Any], known: Known, entity: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """A row of `status`, with its entity where that is known."""
    told = known.told.get(point["code"])
    return {
        **point,
        "host": urlsplit(point["url"] or "").netloc,
        "is_posted_to": bool(point["url"]),
        "reader": known.readers.get(point["code"]),
        "oldest": known.oldest.get(point["code"]),
        "word": _word(point),
        "told": None if told is None else f"{told[0]:,} of {told[1]:,}",
        "origin": (entity or {}).get("origin", "mirrored"),
        "type": (entity or {}).get("type"),
    }


def is_loud(line: Mapping[str, Any]) -> bool:
    """Whether somebody wants to see it by itself."""
    return bool(line["due"] or line["dead"]) or line["word"][0] != "kept"


def is_failing(point: Mapping[str, Any]) -> bool:
    """Whether its breaker is not closed: most of its last attempts failed. `point`: a row of `status`."""
    return _word(point)[0] == "trouble"


def _word(point: Mapping[str, Any]) -> tuple[str, str]:
    """Look and word."""
    if point["state"] == "gone":
        return "broken", "gone"
    if point["paused_at"] is not None:
        return "off", "paused"
    if point["state"] == points.PULLS:
        return "kept", "pulls"
    if point["state"] != "active":
        return "off", point["state"]
    if point["breaker"] != "closed":
        return "trouble", "left alone" if point["breaker"] == "open" else "tried again"
    return "kept", "active"
