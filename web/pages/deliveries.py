"""`/deliveries`: what was sent and what is owed, over all points; `/deliveries/ID`: one, with each attempt."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from changes import written
from storage.states import DeliveryState
from web import answers, queries, services
from web.pages import live

_A_PAGE = 50
_LIMIT, _MOST = 1000, 10_000


def show(request: Request) -> Response:
    """Programs get the document of `deliveries`."""
    web = services.of(request)
    wanted = {
        "point": queries.one(request, "point"),
        "state": queries.every(request, "state"),
        "kind": queries.every(request, "kind"),
        "record": queries.one(request, "record"),
    }
    options = {"point": wanted["point"], "states": wanted["state"], "kinds": wanted["kind"], "record": wanted["record"]}
    before = queries.number(request, "before")
    if live.wants_json(request):
        limit = queries.number(request, "limit", most=_MOST) or _LIMIT
        newest = queries.is_on(request, "newest")
        return live.as_json(request, web.document("deliveries", limit=limit, newest=newest, before=before, **options))
    rows = web.document("deliveries", newest=True, before=before, limit=_A_PAGE + 1, **options)
    return live.page(
        request,
        "deliveries.html",
        rows=rows[:_A_PAGE],
        wanted=wanted,
        is_filtered=any(wanted.values()),
        states=[state.value for state in DeliveryState],
        older=queries.written(wanted, before=rows[_A_PAGE - 1]["id"]) if len(rows) > _A_PAGE else None,
        first=queries.written(wanted) if before else None,
    )


def show_one(request: Request) -> Response:
    """Programs get the document of `deliveries show`."""
    web, text = services.of(request), request.path_params["id"]
    number = int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else 0
    if not number:
        return answers.problem(request, 404, f"there is no delivery {text}", "all there are: /deliveries")
    found = web.document("deliveries show", id=number)
    if live.wants_json(request):
        return live.as_json(request, found)
    event = found["event"]
    return live.page(
        request,
        "delivery.html",
        delivery=found,
        event=None if event is None else written.dumps(event, indent=2),
    )
