"""`/points` and `/points/CODE`: where events go, what is owed, and what the receiver said in its own words."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from changes.problems import did_you_mean
from storage import actions, deliveries, history
from storage.states import PointState
from web import answers, services
from web.pages import live, point_lines

_DELIVERIES = 30
#: States of points that do not receive under their code.
_NOBODY = (PointState.SHADOWED, PointState.REMOVED)


def show_all(request: Request) -> Response:
    """Programs get the document of `points list`."""
    web = services.of(request)
    entities = web.document("points list")
    if live.wants_json(request):
        return live.as_json(request, entities)
    status = web.document("status")
    with web.reading.read() as session:
        known = point_lines.known(session, now=web.now())
    # A code may stand in several lists: what is told is of the point that holds it.
    of_code = {each["code"]: each for each in entities if each["state"] not in _NOBODY}
    points = [point_lines.line(each, known, of_code.get(each["code"])) for each in status["points"]]
    return live.page(request, "points.html", points=points)


def show(request: Request) -> Response:
    """Programs get the document of `points show`."""
    web, code = services.of(request), request.path_params["code"]
    status = web.document("status")
    rows = {each["code"]: each for each in status["points"]}
    if code not in rows:
        return answers.problem(request, 404, f'there is no point "{code}"', did_you_mean(code, rows))
    entity = web.document("points show", code=code)
    if live.wants_json(request):
        return live.as_json(request, entity)
    with web.reading.read() as session:
        point = point_lines.line(rows[code], point_lines.known(session, now=web.now()), entity)
        latest = history.last_seq(session)
        said = deliveries.last_answered(session, code)
        pause = None
        if point["paused_at"] is not None:
            pause = actions.last_intent(session, "points pause", code, until=point["paused_at"])
    reader = point["reader"]
    return live.page(
        request,
        "point.html",
        point=point,
        entity=entity,
        pause=pause,
        behind=None if reader is None else max(0, latest - reader.seq),
        deliveries=web.document("deliveries", point=code, newest=True, limit=_DELIVERIES),
        said=said,
        routes=[route for route in web.routes if _leads_to(route, code)],
    )


def _leads_to(route: Any, code: str) -> bool:
    from fnmatch import fnmatchcase

    return any(fnmatchcase(code, pattern) for pattern in route.points)
