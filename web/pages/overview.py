"""`/`: whether all is well and what waits, then resources, points, the last changes and the record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from storage import deliveries, suspects
from storage.engine import Database
from web import queries, services
from web.pages import change_lines, last_day, live, outages, resource_lines, sentence, waits

#: The first keys that are told of what is held back.
_KEYS = 5
_LATEST = 20
#: So few points are all shown, however quiet they are.
_ALL_POINTS = 12


def show(request: Request) -> Response:
    """The page; programs get the document of `status`."""
    web = services.of(request)
    status = web.document("status")
    if live.wants_json(request):
        return live.as_json(request, status)
    with web.reading.read() as session:
        oldest, told = deliveries.owed_since(session, deliveries.counts(session)), last_day.told(session, now=web.now())
        hours = last_day.changes(session, now=web.now())
    held = _held_keys(web.reading, status["resources"])
    waiting = waits.of(status, held_keys=held)
    found = resource_lines.lines(outages.without_what_follows(status), hours=hours)
    loud, folds = resource_lines.folded(found)
    wanted = queries.one(request, "q") or ""
    points = [point_line(each, oldest, told) for each in status["points"]]
    loud_points = points if len(points) <= _ALL_POINTS else [each for each in points if _is_loud(each)]
    latest = web.document("changes", newest=True, limit=_LATEST)
    return live.page(
        request,
        "overview.html",
        status=status,
        sentence=sentence.of(status, waiting=len(waiting)),
        outages=outages.of(status),
        waiting=waiting,
        number=len(found),
        wanted=wanted,
        loud=loud,
        folds=folds,
        points=points,
        loud_points=loud_points,
        quiet_points=[each for each in points if each not in loud_points],
        latest=[change_lines.line(row) for row in latest],
        record=status["record"],
        heads=status["heads"],
        verification=status["verification"],
        database=status["database"],
    )


def _held_keys(database: Database, rows: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    held = [row for row in rows if row["held"]]
    if not held:
        return {}
    with database.read() as session:
        return {
            row["held_scan"]: [
                each.id.key
                for each in suspects.suspects(session, row["source"], row["resource"], limit=_KEYS, is_held=True)
            ]
            for row in held
        }


def point_line(
    point: Mapping[str, Any],
    oldest: Mapping[str, Any],
    told: Mapping[str, tuple[int, int]],
    entity: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """A point as it is shown: of `status`, since when it is owed something, and its entity where that is known."""
    arrived_of = told.get(point["code"])
    return {
        **point,
        "host": urlsplit(point["url"] or "").netloc,
        "oldest": oldest.get(point["code"]),
        "word": word_of(point),
        "told": None if arrived_of is None else f"{arrived_of[0]:,} of {arrived_of[1]:,}",
        "origin": (entity or {}).get("origin", "mirrored"),
        "type": (entity or {}).get("type"),
    }


def _is_loud(point: Mapping[str, Any]) -> bool:
    return bool(point["due"] or point["dead"]) or point["word"][0] != "kept"


def word_of(point: Mapping[str, Any]) -> tuple[str, str]:
    """How a point is shown: look and word."""
    if point["state"] == "gone":
        return "broken", "gone"
    if point["paused_at"] is not None:
        return "off", "paused"
    if point["state"] != "active":
        return "off", point["state"]
    if point["breaker"] != "closed":
        return "trouble", "left alone" if point["breaker"] == "open" else "tried again"
    return "kept", "active"
