"""`/`: whether all is well and what waits, then resources, points, the last changes and the record."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from web import queries, services
from web.pages import change_lines, held_keys, last_day, live, outages, point_lines, resource_lines, sentence, waits

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
        known = point_lines.known(session, now=web.now())
        hours = last_day.changes(session, now=web.now())
    waiting = waits.of(status, held_keys=held_keys.first(web.reading, status["resources"]))
    found = resource_lines.lines(outages.without_what_follows(status), hours=hours)
    loud, folds = resource_lines.folded(found)
    wanted = queries.one(request, "q") or ""
    points = [point_lines.line(each, known) for each in status["points"]]
    loud_points = points if len(points) <= _ALL_POINTS else [each for each in points if point_lines.is_loud(each)]
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
