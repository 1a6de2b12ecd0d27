"""`/points` and `/points/CODE`: where events go, what is owed, and what the receiver said in its own words."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from changes.problems import did_you_mean
from storage import deliveries, history, readers
from web import answers, services
from web.pages import last_day, live, overview

_DELIVERIES = 30


def show_all(request: Request) -> Response:
    """Programs get the document of `points list`."""
    web = services.of(request)
    entities = web.document("points list")
    if live.wants_json(request):
        return live.as_json(request, entities)
    status = web.document("status")
    with web.reading.read() as session:
        oldest, told = deliveries.owed_since(session, deliveries.counts(session)), last_day.told(session, now=web.now())
    of_code = {each["code"]: each for each in entities}
    points = [overview.point_line(each, oldest, told, of_code.get(each["code"], {})) for each in status["points"]]
    return live.page(request, "points.html", points=points)


def show(request: Request) -> Response:
    """Programs get the document of `points show`."""
    web, code = services.of(request), request.path_params["code"]
    status = web.document("status")
    known = {each["code"]: each for each in status["points"]}
    if code not in known:
        return answers.problem(request, 404, f'there is no point "{code}"', did_you_mean(code, known))
    entity = web.document("points show", code=code)
    if live.wants_json(request):
        return live.as_json(request, entity)
    with web.reading.read() as session:
        oldest, told = deliveries.owed_since(session, deliveries.counts(session)), last_day.told(session, now=web.now())
        reader = next((each for each in readers.read(session) if (each.kind, each.name) == ("point", code)), None)
        latest = history.last_seq(session)
    sent = web.document("deliveries", point=code, newest=True, limit=_DELIVERIES)
    return live.page(
        request,
        "point.html",
        point=overview.point_line(known[code], oldest, told, entity),
        entity=entity,
        host=urlsplit(entity.get("url") or "").netloc,
        reader=reader,
        behind=None if reader is None else max(0, latest - reader.seq),
        deliveries=sent,
        said=_last_words(web, sent),
        routes=[route for route in web.routes if _leads_to(route, code)],
    )


def _last_words(web: Any, deliveries: list[dict[str, Any]]) -> dict[str, Any] | None:
    """What the receiver said to the last attempt that it refused, of those deliveries that are shown."""
    refused = next((each for each in deliveries if each["last_error"] or (each["last_status"] or 200) >= 300), None)
    if refused is None:
        return None
    shown: dict[str, Any] = web.document("deliveries show", id=refused["id"])
    return next((each for each in reversed(shown["tries"]) if each["answer"]), None)


def _leads_to(route: Any, code: str) -> bool:
    from fnmatch import fnmatchcase

    return any(fnmatchcase(code, pattern) for pattern in route.points)
