"""`/resources/RESOURCE`: one resource: its promise, its scans, what is suspected and what is held back."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from storage import recent_scans, suspects
from web import services
from web.pages import live, resource_lines, waits

_SCANS, _SUSPECTS = 30, 100


def show(request: Request) -> Response:
    """Programs get the document of `status RESOURCE`."""
    web, name = services.of(request), request.path_params["resource"]
    status = web.document("status", resources=(name,))
    if live.wants_json(request):
        return live.as_json(request, status)
    rows = status["resources"]
    if len(rows) > 1:
        return live.page(request, "which.html", name=name, lines=resource_lines.lines(rows, hours=None))
    row = rows[0]
    with web.reading.read() as session:
        scans = recent_scans.read(session, row["source"], row["resource"], limit=_SCANS)
        absent = suspects.suspects(session, row["source"], row["resource"], limit=_SUSPECTS)
    keys = {row["held_scan"]: [each.id.key for each in absent if each.is_held][:5]} if row["held"] else {}
    resource = web.resources[row["source"]][row["resource"]]
    return live.page(
        request,
        "resource.html",
        line=resource_lines.lines([row], hours=None)[0],
        row=row,
        resource=resource,
        scans=scans,
        suspects=absent,
        most=_SUSPECTS,
        waiting=waits.held(rows, held_keys=keys),
    )
